"""An audit entry as a sentence that can be read at 3 a.m.: as text, and as HTML."""

from collections.abc import Iterator
from string import Formatter
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from audit.models import AuditEntry

FLIP = "console.flag.flip"
_BY = {"console": "from the console", "cli": "from the command line", "promotion": "by promotion"}
_SENTENCES = {
    "console.flag.reconciled": "{actor} reconciled {flag} {value} in {env}",
    "console.flag.mark_promote": "{actor} marked {flag} {value} for prod",
    "console.flag.approved": "{actor} approved {flag} {value} for prod",
    "console.flag.promoted": "{actor} promoted {flag} {value} to prod",
    "console.flag.rejected": "{actor} rejected {flag} {value} for prod: {reason}",
    "console.flag.expired": "the promotion of {flag} {value} to prod expired",
    "console.flags.declared": "release {release} changed the declared flags of {env}: added "
    "{added}; changed {changed}; removed {removed}",
    "console.config_var.seen": "the config var of {flag} is set {value} on {app} in {env}",
    "console.config_var.removed": "the config var of {flag} was removed from {app} in {env}",
    "console.config_var.set_by_hand": "{actor} began to set the config var of {flag} {value} in "
    "{env} by the heroku CLI on {apps}",
    "console.config_var.set_by_hand_failed": "{actor} could not set the config var of {flag} "
    "{value} in {env} by the heroku CLI on {apps}",
    "console.config_var.app_forgotten": "{actor} had the console forget the config vars of {app} "
    "in {env}",
    "console.break_glass.acknowledged": "{actor} acknowledged the break-glass flip of {flag} "
    "in {env} (claimed by {claimed_by})",
    "console.service_token.created": "{actor} made the service token {token} for {app} in {env}",
    "console.service_token.revoked": "{actor} revoked the service token {token} of {app} in {env}",
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
    "console.audit.exported": "{actor} exported the audit log up to link {up_to} "
    "(filter: {filter})",
    "console.audit.adopted": "{actor} vouched for {rows} entries without links, up to #{through}",
}
# Without an entry of them in sight: the log is too long to be asked which actions it has.
KNOWN_ACTIONS = (FLIP, *_SENTENCES)
_EMPHASISED = frozenset({"value", "to", "env"})
# What people typed: it may turn the direction of the text after it.
_WRITTEN = frozenset({"actor", "target", "flag", "reason", "token", "app"})


def sentence(entry: AuditEntry) -> str:
    """Such as "alice turned console_billing on in prod from the console"."""
    return "".join(text + value for text, _, value in _pieces(entry))


def sentence_html(entry: AuditEntry) -> SafeString:
    """The same with value and environment emphasised; every value escaped."""
    return format_html_join("", "{}{}", ((text, _mark(*named)) for text, *named in _pieces(entry)))


def _mark(name: str, value: str) -> str:
    if name in _EMPHASISED:
        return format_html("<strong>{}</strong>", value)
    return format_html("<bdi>{}</bdi>", value) if name in _WRITTEN else value


def _pieces(entry: AuditEntry) -> Iterator[tuple[str, str, str]]:
    """The sentence as our words, the name of the value that follows them, and that value.

    An entry of another release may lack some of what a sentence names.
    """
    known = {**entry.payload, "actor": entry.actor, "target": entry.target_id}
    known |= {"action": entry.action, "way": _way(entry)}
    for text, name, *_ in Formatter().parse(_words(entry)):
        yield text, name or "", _said(known[name]) if name in known else "?" if name else ""


def _words(entry: AuditEntry) -> str:
    if entry.action == FLIP:
        unproved = ", by break-glass" if entry.context.get("break_glass") else ""
        return f"{_flipped(entry.payload)} in {{env}} {{way}}{unproved}"
    if entry.action == "console.flag.reconciled" and entry.payload.get("value") is None:
        return "{actor} reconciled {flag} in {env}: its row was removed"
    return _SENTENCES.get(entry.action, "{actor}: {action} {target}")


def _flipped(payload: dict[str, Any]) -> str:
    """Raw SQL leaves no value before an INSERT, and none after a DELETE."""
    before, after = payload.get("from"), payload.get("to")
    if after is None:
        return "{actor} removed the row of {flag}"
    if before is None:
        return "{actor} set {flag} {to}"
    return "{actor} pinned {flag} {to}" if before == after else "{actor} turned {flag} {to}"


def _way(entry: AuditEntry) -> str:
    return _BY.get(entry.channel, f"by {entry.get_channel_display()}")


def _said(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, dict):
        value = [f"{name} {_said(part)}" for name, part in value.items()]
    if isinstance(value, list):
        return ", ".join(map(_said, value)) or "none"
    return "no value" if value is None else str(value)
