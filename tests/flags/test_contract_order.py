"""Where several refusals would apply, the first in the contract's order is the answer."""

from itertools import combinations

import pytest
from django.db import OperationalError

from flags import services
from tests.pages import (
    HIGH,
    LOW,
    client_as,
    flip_form,
    flip_url,
    nothing_written,
    text_of,
)

pytestmark = pytest.mark.usefixtures("declared")
SOUND = {
    "who": "superadmin",
    "token": True,
    "method": "POST",
    "key": LOW,
    "form": {},
    "db_layer": True,
    "database": True,
}
# In the contract's order: the status, words that no other refusal has, and what calls it forth.
REFUSALS = {
    "no CSRF token": (403, "Reload the page", {"token": False}),
    "signed out": (302, "", {"who": "unstaffed"}),
    "wrong method": (405, "takes POST only", {"method": "PUT"}),
    "may see no flags": (403, "may not see", {"who": "support"}),
    "undeclared": (404, "not declared", {"key": "no_such_flag"}),
    "malformed": (400, "A flip needs", {"form": {"to": "maybe"}}),
    "role": (403, "need the role", {"who": "ops", "key": HIGH}),
    "other environment": (409, "is the active environment", {"form": {"env": "prod"}}),
    "database layer off": (409, "database layer is off", {"db_layer": False}),
    "stale": (409, "changed meanwhile", {"form": {"seen": "db::1"}}),
    "elevation": (403, "TOTP", {"key": HIGH}),
    "database away": (503, "database does not answer", {"database": False}),
}


def merged(*causes: dict) -> dict:
    """One attempt that has all these things wrong with it; the earlier one's choice stands."""
    attempt = dict(SOUND)
    for cause in reversed(causes):
        form = {**attempt["form"], **cause.get("form", {})}
        attempt |= {**cause, "form": form}
    return attempt


@pytest.fixture
def answer(settings, monkeypatch):
    def away(*args, **kwargs):
        raise OperationalError("gone")

    def make(attempt: dict):
        settings.FLAG_CONSOLE_FEATURE_FLAGS_DB = attempt["db_layer"]
        if not attempt["database"]:
            monkeypatch.setattr(services, "write", away)
        client = client_as(attempt["who"], enforce_csrf_checks=True)
        client.cookies[settings.CSRF_COOKIE_NAME] = token = "t" * 32
        headers = {"X-CSRFToken": token} if attempt["token"] else {}
        form = flip_form(attempt["key"]) | attempt["form"]
        if attempt["method"] == "PUT":
            return client.put(flip_url(attempt["key"]), headers=headers)
        return client.post(flip_url(attempt["key"]), form, headers=headers)

    return make


def test_the_sound_attempt_is_refused_by_none(answer):
    assert answer(merged()).status_code == 303


@pytest.mark.parametrize("cause", REFUSALS)
def test_each_refusal_alone_has_its_own_answer(answer, cause):
    status, words, wrong = REFUSALS[cause]
    with nothing_written():
        response = answer(merged(wrong))
    assert response.status_code == status
    assert words in text_of(response)


@pytest.mark.parametrize(("first", "second"), list(combinations(REFUSALS, 2)))
def test_of_two_refusals_the_first_in_order_is_the_answer(answer, first, second):
    status, words, wrong = REFUSALS[first]
    with nothing_written():
        response = answer(merged(wrong, REFUSALS[second][2]))
    assert response.status_code == status
    assert words in text_of(response)
