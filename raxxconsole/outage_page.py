"""503: what a visitor is told when the database did not do what was asked.

Drawn without the database: no session, no messages, no user. Whether anything was changed is said
as far as it is known, and never guessed: see `audit.commits`.
"""

import re
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone

from accounts.http import htmx_message
from audit.commits import Acts
from audit.failures import Failure
from audit.sentences import sentence
from flags import runtime
from flags.declarations import DeclarationsError
from flags.gate import GATE
from flags.heroku.calls import manage
from flags.policy import needs_elevation
from flags.store import Snapshot
from raxxconsole import outage, outage_pass

_TITLES = {
    Failure.AWAY: "Database unavailable",
    Failure.BUSY: "The database is busy",
    Failure.READ_ONLY: "The database is read-only",
}
_WHY = {
    Failure.AWAY: "the console's database does not answer.",
    Failure.BUSY: "something else in the database holds what the console waits for, such as a "
    "transaction that somebody left open. Others may still work; try again in some seconds. Who "
    "holds it, and how to end that: section 6.2, Busy, of the runbook, "
    "docs/ops/runbooks/feature-flags.md.",
    Failure.READ_ONLY: "the console's database is read-only. Pages can be read; nothing can be "
    "changed until it takes changes again.",
}
_HEALS = {
    Failure.AWAY: "the database answers",
    Failure.BUSY: "nobody holds what it waits for",
    Failure.READ_ONLY: "the database takes changes again",
}
_FLIP = re.compile(r"/console/flags/([^/]+)/flip")
_SAFE = ("GET", "HEAD", "OPTIONS")


def answer(request: HttpRequest, failure: Failure) -> HttpResponse:
    """503, as a page or, for HTMX, as a message: why, what became of what was asked, what is left
    to do, and for operators the last known values."""
    acts: Acts = getattr(request, "acts", None) or Acts()
    context = {
        "status": 503,
        "title": _TITLES[failure],
        "message": _message(request, failure, acts),
        "command": _way_left(request, failure),
    }
    if request.headers.get("HX-Request"):
        return htmx_message(request, 503, context)
    if failure is Failure.AWAY:
        context["since"] = outage.since()
    context |= {
        "deployment_env": settings.CONSOLE_ENV,
        "failure": failure,
        "heals": _HEALS[failure],
        "flags_page": reverse("admin:flags_declaredflag_changelist"),
        **_last_known(request),
    }
    return render(None, "console/outage.html", context, status=503)


def _message(request: HttpRequest, failure: Failure, acts: Acts) -> str:
    why = _WHY[failure]
    if request.method in _SAFE:
        return f"{why[:1].upper()}{why[1:]}"
    done = " ".join(f"Done before that: {sentence(entry)}." for entry in acts.done)
    if acts.unknown:
        return " ".join([*(str(unknown) for unknown in acts.unknown), done]).strip()
    if done:
        return f"Then {why} {done} Look at the current value before you try again."
    what = "Not flipped" if _FLIP.fullmatch(request.path_info) else "Not done"
    # Of the rest, such as who is signed in, nobody would miss the word.
    said = f"{what}: {why} No flag, promotion or operator was changed."
    if request.path_info == reverse("admin:logout"):
        return f"{said} You are still signed in on this browser: log out again later."
    return said


def _way_left(request: HttpRequest, failure: Failure) -> str:
    """The command for the flip that was asked for, if it was one: of an environment, too, nothing
    is guessed that operators would paste.

    Where the database answers, and somebody holds what is asked for, it is the flip itself, for
    later; else the one that needs no database.
    """
    asked = _FLIP.fullmatch(request.path_info)
    key, to, env = "<key>", "<on|off>", "<env>"
    if asked and request.method == "POST":
        key = asked[1] if _is_declared(asked[1]) else key
        to = request.POST["to"] if request.POST.get("to") in ("on", "off") else to
        env = request.POST["env"] if request.POST.get("env") in settings.ENVIRONMENTS else env
    if failure is not Failure.BUSY:
        return manage("heroku_commands", key, to, "--env", env)
    is_high = _is_declared(key) and needs_elevation(runtime.declared()[key].risk)
    proof = ("--as", "<name>", "--totp") if is_high else ()
    return manage("flag_flip", key, to, "--env", env, "--reason", "<why>", *proof)


def _is_declared(key: str) -> bool:
    try:
        return key in runtime.declared()
    except DeclarationsError:
        return False


def _last_known(request: HttpRequest) -> dict[str, Any]:
    """This process's values, for operators who look at the flags; that there are some, for those
    who look at other pages."""
    if not outage_pass.bearer(request) or request.method not in _SAFE:
        return {}
    try:
        known = runtime.store().snapshot()
    except DeclarationsError:
        return {}
    if _is_closed(known):
        return {}
    if not request.path_info.startswith(reverse("admin:flags_declaredflag_changelist")):
        return {"elsewhere": True}
    read_at = None if known.age is None else timezone.now() - timedelta(seconds=known.age)
    return {"known": known, "read_at": read_at, "values": sorted(known.values.items())}


def _is_closed(known: Snapshot) -> bool:
    """Whether the flag pages are closed, as far as is known."""
    gate = known.values.get(GATE)
    return gate is not None and not gate.value
