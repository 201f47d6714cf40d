"""The scheduler's job, started twice at the same moment (the platform may do that)."""

import subprocess
import sys

import pytest
from django.utils import timezone

from accounts.roles import Role
from audit.models import AuditEntry, AuditLink
from promotions.models import Promotion, State
from tests.conftest import console_actor, make_user
from tests.processes import raw_sql
from tests.processes.server import ROOT, environment, manage
from tests.promotions.conftest import hours, marked
from tests.sizes import size

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("declared")]

LAPSED = ("console_billing", "console_customer_notes", "console_order_search_v2")
AT_ONCE = 2
ROUNDS = size(1, 20)


def ticks() -> list[tuple[int, str]]:
    """Exit status and errors of that many, started before the first of them is done."""
    started = [
        subprocess.Popen(
            [sys.executable, "manage.py", "tick"],
            cwd=ROOT,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(AT_ONCE)
    ]
    try:
        return [(each.wait(60), each.stderr.read() if each.stderr else "") for each in started]
    finally:
        for each in started:
            each.kill()
            each.communicate()


def test_two_at_once_do_each_thing_once():
    actor = console_actor(make_user("alice", Role.SUPERADMIN))
    for done in range(1, ROUNDS + 1):
        for key in LAPSED:
            marked(actor, key, timezone.now() - hours(24 + 168))
        for value in (0, 1, 0):
            raw_sql.set_row("email_digest_weekly", value)
        for status, errors in ticks():
            assert (status, "Traceback" in errors) == (0, False), errors
        assert set(Promotion.objects.values_list("state", flat=True)) == {State.EXPIRED}
        expired = AuditEntry.objects.filter(action="console.flag.expired")
        assert expired.count() == len(LAPSED) * done
    assert AuditLink.objects.count() == AuditEntry.objects.count()
    assert manage("audit_verify").returncode == 0
