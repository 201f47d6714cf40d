"""Sessions end: after an hour without use, and after twelve hours at the latest."""

from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import OperatorSession
from tests.accounts.conftest import NOW
from tests.accounts.test_sign_in import is_signed_in, sign_in
from tests.codes import code_of, enrolled, give, is_elevated
from tests.pages import HTMX, LOW, flip_form, flip_url, nothing_written, text_of

pytestmark = pytest.mark.usefixtures("clock")
MOMENT = timedelta(microseconds=1)
IDLE = timedelta(hours=1)
MAX = timedelta(hours=12)


@pytest.fixture
def client(ops):
    client = Client()
    sign_in(client)
    return client


def use_until(client: Client, clock, end: timedelta) -> None:
    """Look at a page every half an hour, and at the very end."""
    for half_hours in range(1, 2 * int(end / timedelta(hours=1)) + 1):
        clock.move_to(min(NOW + end, NOW + half_hours * timedelta(minutes=30)))
        assert is_signed_in(client)


def test_an_hour_without_use_ends_the_session(client, clock):
    clock.move_to(NOW + IDLE)
    assert is_signed_in(client)
    clock.move_to(NOW + IDLE + IDLE + MOMENT)
    assert not is_signed_in(client)
    clock.move_to(NOW + IDLE)
    assert not is_signed_in(client)


def test_use_keeps_it_going(client, clock):
    use_until(client, clock, timedelta(hours=5))


def test_twelve_hours_end_it_whatever_its_use(client, clock):
    use_until(client, clock, MAX - timedelta(seconds=1))
    clock.move_to(NOW + MAX + MOMENT)
    assert not is_signed_in(client)
    assert not OperatorSession.objects.filter(last_seen_at__gt=NOW + MAX).exists()


def test_elevating_prolongs_no_session(client, clock, ops):
    device = enrolled(ops)
    use_until(client, clock, MAX - timedelta(minutes=5))
    clock.move_to(NOW + MAX - timedelta(seconds=10))
    assert give(client, code_of(device)).status_code == 303
    assert is_elevated(client)
    assert OperatorSession.objects.get().started_at == NOW
    clock.move_to(NOW + MAX + MOMENT)
    assert not is_elevated(client)
    assert not is_signed_in(client)


def test_who_was_away_too_long_is_told_so_where_they_sign_in(client, clock):
    clock.move_to(NOW + IDLE + MOMENT)
    page = client.get("/console/flags", follow=True)
    assert page.redirect_chain == [("/console/login?next=/console/flags", 302)]
    said = "Your session is over: it was not used for 1 hour. Sign in again."
    assert said in text_of(page)
    assert not OperatorSession.objects.exists()
    assert not Session.objects.exists()
    assert sign_in(client, next="/console/flags")["Location"] == "/console/flags"


def test_who_was_signed_in_too_long_is_told_so_where_they_sign_in(client, clock):
    use_until(client, clock, MAX - timedelta(seconds=1))
    clock.move_to(NOW + MAX + MOMENT)
    said = "Your session is over: it was 12 hours old. Sign in again."
    assert said in text_of(client.get("/console/flags", follow=True))
    assert not OperatorSession.objects.exists()


def test_the_limits_are_the_settings(client, clock, settings):
    settings.SESSION_IDLE_SECONDS, settings.SESSION_MAX_SECONDS = 600, 900
    for seconds in (600, 900):
        clock.move_to(NOW + timedelta(seconds=seconds))
        assert is_signed_in(client)
    clock.shift(MOMENT)
    page = client.get("/console/flags", follow=True)
    assert "Your session is over: it was 15 minutes old." in text_of(page)


def test_a_shorter_idle_limit_is_told_in_its_own_words(client, clock, settings):
    settings.SESSION_IDLE_SECONDS = 90
    clock.move_to(NOW + timedelta(seconds=91))
    page = client.get("/console/flags", follow=True)
    assert "it was not used for 1 minute 30 seconds." in text_of(page)


def test_a_flip_from_a_page_that_lay_too_long_does_nothing_and_says_so(client, clock):
    form = flip_form()
    clock.move_to(NOW + IDLE + MOMENT)
    with nothing_written():
        response = client.post(flip_url(LOW), form, headers=HTMX)
    assert response.status_code == 401
    said = text_of(client.get(response["HX-Redirect"]))
    assert "it was not used for 1 hour" in said
    assert "nothing was changed" in said


def seen() -> timedelta:
    return OperatorSession.objects.get().last_seen_at - NOW


def test_the_use_is_noted_at_most_once_a_minute(client, clock):
    noted = []
    for seconds in (1, 59, 60, 61, 62, 120, 121, 122, 300):
        clock.move_to(NOW + timedelta(seconds=seconds))
        assert is_signed_in(client)
        noted.append(seen().total_seconds())
    assert noted == [0, 0, 0, 61, 61, 61, 61, 122, 300]


def test_noting_the_use_is_one_update_of_one_column(client, clock):
    clock.shift(61)
    with CaptureQueriesContext(connection) as queries:
        client.get("/console/")
    writes = [one["sql"] for one in queries if one["sql"].startswith(("UPDATE", "INSERT"))]
    assert len(writes) == 1
    changed = writes[0].partition(" SET ")[2].partition(" WHERE ")[0]
    assert changed.count("=") == 1
    assert changed.startswith('"last_seen_at"')


@pytest.mark.parametrize("method", ["get", "post"])
def test_any_request_is_use(client, clock, method):
    clock.shift(IDLE)
    getattr(client, method)("/console/no-such-page")
    getattr(client, method)("/console/env")
    assert seen() == IDLE


def test_the_health_of_the_console_is_no_use(client, clock):
    clock.shift(timedelta(minutes=5))
    client.get("/healthz")
    assert seen() == timedelta(0)


def test_a_clock_that_was_put_back_notes_nothing(client, clock):
    clock.move_to(NOW - timedelta(hours=2))
    assert is_signed_in(client)
    assert seen() == timedelta(0)
