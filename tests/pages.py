"""The console's pages as tests use them: who visits, what is posted, what is read."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape

from django.http import HttpResponse
from django.test import Client

from accounts.models import User
from accounts.roles import Role
from audit.models import AuditEntry
from flags.errors import UndeclaredFlag
from flags.models import FeatureFlag
from flags.state import read_state
from tests.conftest import client_of, make_user

FLAGS = "/console/flags"
LOW, MEDIUM, HIGH = "console_billing", "raptor_async_exports", "checkout_express"
ON_PAGE = "/console/flags?risk=low"
HTMX = {"HX-Request": "true", "HX-Current-URL": f"http://testserver{ON_PAGE}"}
SIGNED_OUT = ("anonymous", "unstaffed", "deactivated")
SEE_NO_FLAGS = ("support", "readonly")
SEE_FLAGS = ("ops", "superadmin", "superuser")
EVERYONE = (*SIGNED_OUT, *SEE_NO_FLAGS, *SEE_FLAGS)


def client_as(who: str, **options) -> Client:
    """The browser of one of EVERYONE: the last two of SIGNED_OUT were shut out while signed in."""
    if who == "anonymous":
        return Client(**options)
    role = Role(who) if who in list(Role) else None
    user = make_user(f"the-{who}", role, is_superuser=who == "superuser")
    client = client_of(user, **options)
    if who in SIGNED_OUT:
        shut = {"is_staff": False} if who == "unstaffed" else {"is_active": False}
        User.objects.filter(pk=user.pk).update(**shut)
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


def written() -> tuple[list, list]:
    """All DB rows and all audit rows."""
    return tuple(list(model.objects.order_by("pk").values()) for model in (FeatureFlag, AuditEntry))


@contextmanager
def nothing_written() -> Iterator[None]:
    before = written()
    yield
    assert written() == before
