"""The console's pages as tests use them: who visits, what is posted, what is read."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from datetime import timedelta
from html import unescape

from django.conf import settings
from django.db import connection
from django.db.models import Model
from django.http import HttpResponse
from django.test import Client, TestCase
from django.utils import timezone
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts.models import OperatorSession, RecoveryCode, User
from accounts.roles import Role
from audit.models import AuditEntry
from flags.errors import UndeclaredFlag
from flags.models import BreakGlass, FeatureFlag, ServiceToken
from flags.state import read_state
from promotions.models import Promotion
from tests.codes import elevated_client
from tests.conftest import client_of, make_user

FLAGS = "/console/flags"
LOW, MEDIUM, HIGH = "console_billing", "raptor_async_exports", "checkout_express"
ON_PAGE = "/console/flags?risk=low"
HTMX = {"HX-Request": "true", "HX-Current-URL": f"http://testserver{ON_PAGE}"}
SIGNED_OUT = ("anonymous", "unstaffed", "deactivated")
SEE_NO_FLAGS = ("support", "readonly")
SEE_FLAGS = ("ops", "superadmin", "superuser")
EVERYONE = (*SIGNED_OUT, *SEE_NO_FLAGS, *SEE_FLAGS)
# A superadmin whose proof is over, one whose proof belongs to another session of theirs, …
HAD_A_PROOF = ("expired", "elsewhere", "elevated", "elevated-superuser")


def client_as(who: str, **options) -> Client:
    """The browser of one of EVERYONE or HAD_A_PROOF.

    The last two of SIGNED_OUT were shut out while signed in.
    """
    if who == "anonymous":
        return Client(**options)
    role = Role(who) if who in list(Role) else None
    if who in HAD_A_PROOF and "superuser" not in who:
        role = Role.SUPERADMIN
    user = make_user(f"the-{who}", role, is_superuser="superuser" in who)
    if who in HAD_A_PROOF:
        client = elevated_client(user, **options)
        if who == "expired":
            before = timezone.now() - timedelta(seconds=settings.ELEVATION_SECONDS)
            OperatorSession.objects.filter(user=user).update(elevated_at=before)
        return client_of(user, **options) if who == "elsewhere" else client
    client = client_of(user, **options)
    if who in SIGNED_OUT:
        shut = {"is_staff": False} if who == "unstaffed" else {"is_active": False}
        User.objects.filter(pk=user.pk).update(**shut)
    return client


def same_browser(browser: Client) -> Client:
    """One with the same headers and cookies, which leaves those of `browser` as they are.

    The application behind it is the same one: its middleware is not loaded again.
    """
    client = Client()
    client.handler, client.defaults = browser.handler, dict(browser.defaults)
    client.cookies = deepcopy(browser.cookies)
    return client


def flip_url(key: str = LOW) -> str:
    return f"{FLAGS}/{key}/flip"


def flip_form(key: str = LOW, to: str = "on", env: str = "staging") -> dict[str, str]:
    """The fields that a page drawn now would send."""
    try:
        seen = read_state(key, env).seen
    except UndeclaredFlag:
        seen = "yaml::0"
    return {"to": to, "env": env, "seen": seen}


def text_of(response: HttpResponse) -> str:
    """The answer as its reader sees it: no tags, entities read, blanks single."""
    body = re.sub(r"(?s)<(script|style).*?</\1>", "", response.content.decode())
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", body)).split())


def rows_of(response: HttpResponse) -> dict[str, dict[str, str]]:
    """The attributes of each flag's <tr>, by flag key, in the page's order."""
    rows = {}
    for tag in re.findall(r"<tr ([^>]*data-flag=[^>]*)>", response.content.decode()):
        attributes = {name: unescape(value) for name, value in re.findall(r'([\w-]+)="(.*?)"', tag)}
        rows[attributes["data-flag"]] = attributes
    return rows


def recovery_codes_on(response: HttpResponse) -> list[str]:
    """The codes that the page shows, once."""
    return re.findall(r"<li><code>([A-Z2-7-]+)</code>", response.content.decode())


def audited_acts() -> list[str]:
    """What the audit log says was done to or by operators, in order: "signed_in", …"""
    actions = AuditEntry.objects.order_by("id").values_list("action", flat=True)
    return [action.removeprefix("console.operator.") for action in actions]


def written() -> tuple[list, list]:
    """All DB rows and all audit rows."""
    return tuple(list(model.objects.order_by("pk").values()) for model in (FeatureFlag, AuditEntry))


KEPT = {
    FeatureFlag: "*",
    AuditEntry: "*",
    BreakGlass: "*",
    Promotion: "*",
    ServiceToken: "*",
    User: "id, password, is_active",
    User.groups.through: "*",
    RecoveryCode: "*",
    OperatorSession: "id, user_id",
    TOTPDevice: "id, user_id, key, confirmed, last_t",
}


def everything() -> dict[str, list]:
    """What the console keeps, all audit rows too.

    Left out: when a session was last in use and under which key, and failed tries of a code.
    """
    now = timezone.now()
    sessions = OperatorSession.objects.exclude(elevated_at=None).select_related("user")
    until = {session.pk: session.elevated_until(session.user, now) for session in sessions}
    return {
        **{model.__name__: _rows(model, columns) for model, columns in KEPT.items()},
        "elevated": [(pk, end) for pk, end in sorted(until.items()) if end],
    }


def _rows(model: type[Model], columns: str) -> list[tuple]:
    """A model's rows as the database gives them: thousands of tests ask for them twice each."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {columns} FROM {model._meta.db_table} ORDER BY id")
        return cursor.fetchall()


@contextmanager
def undone() -> Iterator[None]:
    """A TestCase's transaction, in which `durable=True` is content: rolled back in the end."""
    atomics = TestCase._enter_atomics()
    try:
        yield
    finally:
        TestCase._rollback_atomics(atomics)


@contextmanager
def nothing_written() -> Iterator[None]:
    """No flag and no audit row; no device, code, break-glass note or token that there was is
    touched."""
    before = everything()
    yield
    now = everything()
    for name in ("FeatureFlag", "AuditEntry", "Promotion"):
        assert now[name] == before[name]
    for name in ("TOTPDevice", "RecoveryCode", "BreakGlass", "ServiceToken"):
        assert [row for row in before[name] if row not in now[name]] == []


@contextmanager
def nothing_changed() -> Iterator[None]:
    """As `nothing_written`, and no account, session, device or code was made or changed either."""
    before = everything()
    yield
    assert everything() == before
