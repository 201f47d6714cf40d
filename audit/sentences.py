"""An audit entry as a sentence that can be read at 3 a.m."""

from audit.models import AuditEntry

_BY = {"console": "from the console", "cli": "from the command line", "promotion": "by promotion"}
_WORDS = {True: "on", False: "off", None: "no value"}


def sentence(entry: AuditEntry) -> str:
    """Such as "alice turned console_billing on in prod from the console"."""
    payload = entry.payload
    if entry.action == "console.flag.flip":
        by = _BY.get(entry.channel, f"by {entry.get_channel_display()}")
        where = f"{payload['flag']} {_WORDS[payload['to']]} in {payload['env']}"
        verb = "pinned" if payload["from"] == payload["to"] else "turned"
        return f"{entry.actor} {verb} {where} {by}"
    if entry.action == "console.operator.created":
        return f"{entry.actor} made the operator {payload['operator']} ({payload['role']})"
    return f"{entry.actor}: {entry.action} {entry.target_id}"
