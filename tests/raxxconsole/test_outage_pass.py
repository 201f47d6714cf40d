"""The pass that lets an operator see last known values: who carries one, and for how long."""

import pytest
from django.conf import settings
from django.db import OperationalError
from django.db.backends.base.base import BaseDatabaseWrapper

from accounts.models import User
from raxxconsole import health, outage, outage_pass
from tests.pages import FLAGS, SEE_FLAGS, SEE_NO_FLAGS, SIGNED_OUT, client_as, flip_form, flip_url
from tests.raxxconsole.test_outage_page import values_of

pytestmark = pytest.mark.usefixtures("declared")
NAME = settings.OUTAGE_COOKIE_NAME


def given(response) -> str:
    return response.cookies[NAME].value if NAME in response.cookies else ""


@pytest.fixture
def away(monkeypatch):
    """The database is away while this is called with True."""

    def away(*args, **kwargs):
        raise OperationalError("could not connect to 10.0.0.7")

    def switch(is_away: bool) -> None:
        monkeypatch.undo()
        monkeypatch.setattr(outage, "_known", outage._Known())
        monkeypatch.setattr(health, "_last", None)
        if is_away:
            monkeypatch.setattr(BaseDatabaseWrapper, "cursor", away)

    yield switch
    monkeypatch.undo()


@pytest.mark.parametrize("who", SEE_FLAGS)
def test_whoever_may_see_flags_carries_one_and_sees_values_while_the_database_is_away(who, away):
    client = client_as(who)
    assert client.get(FLAGS).status_code == 200
    away(True)
    response = client.get(FLAGS)
    assert response.status_code == 503
    assert len(values_of(response)) == 12
    away(False)
    assert client.get(FLAGS).status_code == 200


@pytest.mark.parametrize("who", [*SEE_NO_FLAGS, *SIGNED_OUT])
def test_nobody_else_does(who, away):
    client = client_as(who)
    assert not given(client.get("/console/account"))
    away(True)
    assert not values_of(client.get(FLAGS))


def test_its_cookie_is_kept_from_scripts_and_from_other_sites():
    morsel = client_as("ops").get("/console/").cookies[NAME]
    assert NAME.startswith("__Host-")
    assert morsel["secure"] is True
    assert morsel["httponly"] is True
    assert morsel["samesite"] == "Lax"
    assert (morsel["path"], morsel["domain"]) == ("/", "")
    assert morsel["max-age"] == settings.SESSION_IDLE_SECONDS


def test_it_is_given_with_pages_alone():
    client = client_as("ops")
    for response in (client.post(flip_url(), flip_form()), client.get("/console/nowhere")):
        assert response.status_code in (303, 404)
        assert not given(response)


def test_it_is_renewed_now_and_then_and_not_with_each_page(time_machine):
    time_machine.move_to("2026-01-05 09:00:00Z", tick=False)
    client = client_as("ops")
    first = given(client.get(FLAGS))
    assert first
    time_machine.shift(outage_pass.RENEW_SECONDS - 1)
    assert not given(client.get(FLAGS))
    time_machine.shift(2)
    assert given(client.get(FLAGS)) not in ("", first)


def test_signing_out_gives_it_back(away):
    client = client_as("ops")
    client.get(FLAGS)
    gone = client.post("/console/logout").cookies[NAME]
    assert (gone.value, gone["max-age"]) == ("", 0)
    assert gone["secure"] is True
    away(True)
    assert not values_of(client.get(FLAGS))


def test_a_browser_that_changes_hands_gets_a_pass_of_the_new_name():
    client = client_as("ops")
    first = given(client.get(FLAGS))
    other = client_as("superadmin")
    other.cookies[NAME] = first
    assert given(other.get(FLAGS)) not in ("", first)


def test_whoever_may_see_flags_no_more_gives_it_back(time_machine):
    time_machine.move_to("2026-01-05 09:00:00Z", tick=False)
    client = client_as("ops")
    client.get(FLAGS)
    User.objects.get(username="the-ops").groups.clear()
    time_machine.shift(outage_pass.RENEW_SECONDS + 1)
    assert client.get("/console/").cookies[NAME]["max-age"] == 0


@pytest.mark.parametrize(("who", "told"), [("ops", True), ("anonymous", False)])
def test_readyz_tells_the_cause_to_whoever_carries_one_and_no_address(who, told, away):
    client = client_as(who)
    client.get(FLAGS)
    away(True)
    response = client.get("/readyz")
    answer = {"status": "unavailable"}
    if told:
        answer["problems"] = {"database": "the database does not answer"}
    assert (response.status_code, response.json()) == (503, answer)
