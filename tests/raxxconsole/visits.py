"""What the role table has ready: each kind of visitor, and what there is for them to act on."""

import json
import uuid
from datetime import timedelta
from typing import NamedTuple

from django.test import Client
from django.utils import timezone
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts.models import User
from accounts.roles import Role
from audit.cli import shell_actor
from flags.models import BreakGlass, DeclaredFlag
from flags.ofrep.tokens import create
from promotions.marking import mark
from tests.codes import code_of, enrolled, wrong_code
from tests.conftest import console_actor, declare_both, make_user
from tests.flags.outside import last_change, raw_delete, raw_insert
from tests.pages import HIGH, LOW, MEDIUM, client_as, same_browser

DUE_LOW, DUE_HIGH = "console_customer_notes", "console_bulk_refunds"
FLIP = {"to": "on", "env": "staging", "seen": "yaml::0"}


class Visit(NamedTuple):
    """A kind of visitor. They have two devices, if there is an account."""

    who: str
    browser: Client
    known: dict[str, object]
    device: TOTPDevice

    def client(self) -> Client:
        """Their browser, as it was in the beginning."""
        return same_browser(self.browser)

    def names(self) -> dict[str, object]:
        """What the names in braces stand for. `code` and `wrong` are of this moment."""
        codes = {"code": code_of(self.device, ahead=1), "wrong": wrong_code(self.device)}
        return self.known | codes


def prepare(who: str) -> Visit:
    """Both environments as after the release phase, the visitor, and what is there besides.

    `gone_low`, …: raw SQL took the row of a flag of that risk. `due_low`, `due_high`: promotions
    whose soak is over.
    """
    declare_both()
    browser = client_as(who)
    for key in (LOW, MEDIUM, HIGH):
        raw_insert(key=key)
        raw_delete(key)
    erin = make_user("erin", Role.OPS)
    make_user("frank", Role.SUPPORT, is_active=False)
    user = User.objects.filter(username=f"the-{who}").first() or make_user("nobody-in-particular")
    device = user.totpdevice_set.first() or enrolled(user)
    glass = BreakGlass.objects.create(
        flag_key=HIGH, env="staging", value=True, claimed_by=erin, incident="I-1",
        change_id=uuid.uuid4(), at=timezone.now(),
    )  # fmt: skip
    token, _ = create("there", "staging", "raptor", actor=shell_actor())
    grace = console_actor(make_user("grace", Role.SUPERADMIN))
    marked_at = timezone.now() - timedelta(hours=73)
    known = {
        "due_low": mark(DUE_LOW, actor=grace, now=marked_at).pk,
        "due_high": mark(DUE_HIGH, actor=grace, now=marked_at).pk,
        "token": token.pk,
        "me": user.get_username(),
        "device": enrolled(user).pk,
        "erins_device": enrolled(erin).pk,
        "glass": glass.pk,
        "gone_low": last_change(LOW).seen,
        "gone_medium": last_change(MEDIUM).seen,
        "gone_high": last_change(HIGH).seen,
        "high": DeclaredFlag.objects.get(flag_key=HIGH, env="staging").pk,
        "plan": json.dumps({"env": "staging", "value": True, "flags": [(HIGH, FLIP["seen"])]}),
    }
    return Visit(who, browser, known, device)
