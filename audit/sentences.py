"""An audit entry as a sentence that can be read at 3 a.m."""

from typing import Any

from audit.models import AuditEntry

_BY = {"console": "from the console", "cli": "from the command line", "promotion": "by promotion"}
_SENTENCES = {
    "console.operator.created": "{actor} made the operator {target} ({role})",
    "console.operator.signed_in": "{actor} signed in",
    "console.operator.signed_out": "{actor} signed out",
    "console.operator.sign_in_failed": "{actor} failed to sign in as {target}",
    "console.operator.sign_in_locked": "sign-in as {target} is locked for this address",
    "console.operator.elevated": "{actor} gave a fresh proof ({by})",
    "console.operator.elevation_refused": "{actor} was refused elevation: {reason}",
    "console.operator.elevation_dropped": "{actor} dropped the elevation",
    "console.operator.enrolled": "{actor} enrolled a TOTP device",
    "console.operator.enrolment_refused": "{actor} failed to enrol a TOTP device: {reason}",
    "console.operator.device_removed": "{actor} removed a TOTP device",
    "console.operator.recovery_codes_renewed": "{actor} made new recovery codes",
    "console.operator.totp_reset": "{actor} reset the TOTP of {target}",
    "console.operator.password_changed": "{actor} changed the password of {target}",
    "console.operator.sessions_ended": "{actor} ended the sessions of {target} ({sessions})",
    "console.operator.role_changed": "{actor} changed the role of {target} from {from} to {to}",
    "console.operator.deactivated": "{actor} deactivated {target}",
    "console.operator.reactivated": "{actor} let {target} in again",
    "console.break_glass.acknowledged": "{actor} acknowledged the break-glass flip of {flag} "
    "in {env} (claimed by {claimed_by})",
}
_WORDS = {True: "on", False: "off", None: "no value"}


def sentence(entry: AuditEntry) -> str:
    """Such as "alice turned console_billing on in prod from the console"."""
    payload = entry.payload
    if entry.action == "console.flag.flip":
        by = _BY.get(entry.channel, f"by {entry.get_channel_display()}")
        where = f"{payload['flag']} {_WORDS[payload['to']]} in {payload['env']}"
        verb = "pinned" if payload["from"] == payload["to"] else "turned"
        unproved = ", by break-glass" if entry.context.get("break_glass") else ""
        return f"{entry.actor} {verb} {where} {by}{unproved}"
    words = _SENTENCES.get(entry.action)
    if words is None:
        return f"{entry.actor}: {entry.action} {entry.target_id}"
    known = {
        name: ", ".join(value) or "none" if isinstance(value, list) else value
        for name, value in payload.items()
    }
    return words.format_map(_Told(known, actor=entry.actor, target=entry.target_id))


class _Told(dict[str, Any]):
    """What a sentence may name; an entry of another release may lack some of it."""

    def __missing__(self, name: str) -> str:
        return "?"
