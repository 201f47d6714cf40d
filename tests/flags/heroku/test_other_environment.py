"""The environment that this console does not run in: shown, filtered and guarded as reported."""

import json
import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from flags.listing import listed_flags
from flags.refusals import DbLayerOff
from flags.services import flip
from flags.state import read_state, read_states
from promotions.marking import mark
from promotions.models import State
from promotions.refusals import PromotionRefused
from promotions.settling import settle_all
from tests.conftest import console_actor
from tests.flags.heroku.reporting import ACTOR, CONSOLES, KEY, VAR, pin, take, told
from tests.pages import FLAGS, HTMX, client_as, flip_form, flip_url, nothing_written, rows_of
from tests.pages import text_of as words
from tests.promotions.conftest import START, hours

STAGING = {"app": CONSOLES["staging"], "env": "staging"}
REPORTED = {
    KEY: True,
    "raptor_cursor_paging": False,
    "console_customer_notes": True,  # a row shadows it
    "email_digest_weekly": None,  # no boolean
}


@pytest.fixture
def on_prod(superadmin):
    """An operator of staging's console who looks at prod; `get` a page."""
    client = client_as("superadmin")
    client.post("/console/env", {"env": "prod"})
    return client


@pytest.fixture
def reported(on_prod):
    """Prod's console told of its variables, of which a row shadows one."""
    pin("console_customer_notes", "prod", False)
    take(REPORTED)
    return on_prod


def test_until_it_reports_its_env_layer_is_not_known_and_the_page_says_so(on_prod):
    page = on_prod.get(FLAGS)
    assert 'data-env-layer="unknown"' in page.content.decode()
    assert "env layer not known here" in words(page)
    of_flag = words(on_prod.get(f"{FLAGS}/{KEY}"))
    assert "Not known here: this console runs in staging" in of_flag
    assert "No app reported it" in of_flag


def test_the_flags_page_shows_what_its_env_layer_says_and_since_when_that_is_known(reported):
    page = reported.get(FLAGS)
    shown = {key: (row["data-value"], row["data-source"]) for key, row in rows_of(page).items()}
    assert shown[KEY] == ("on", "env")
    assert shown["raptor_cursor_paging"] == ("off", "env")
    assert shown["console_customer_notes"] == ("off", "db")
    assert shown["email_digest_weekly"] == ("off", "yaml")
    assert 'data-env-layer="reported"' in page.content.decode()
    assert "the config vars as raxx-console-prod reported them" in words(page)
    assert "config var says on: dormant" in words(page)
    assert "not known here" not in words(page)


def test_the_flag_page_tells_of_its_variable_there(reported):
    text = words(reported.get(f"{FLAGS}/{KEY}"))
    assert "no database row answers, so the config var wins" in text
    assert re.search(rf"Wins. {VAR} is set \(seen first .*\), as raxx-console-prod reported", text)
    text = words(reported.get(f"{FLAGS}/console_customer_notes"))
    assert "FLAG_CONSOLE_CUSTOMER_NOTES is set, and dormant (seen first " in text
    text = words(reported.get(f"{FLAGS}/email_digest_weekly"))
    assert "is set, and ignored: its value is no boolean (seen first " in text
    text = words(reported.get(f"{FLAGS}/checkout_express"))
    assert "FLAG_CHECKOUT_EXPRESS is not set, as raxx-console-prod reported" in text
    assert "neither a database row nor a config var answers" in text


def test_flag_status_shows_it_and_says_who_told(reported):
    text = told("flag_status", "--env", "prod")
    assert "The env layer is what raxx-console-prod reported, " in text
    [line] = [line.split() for line in text.splitlines() if line.startswith(KEY)]
    assert line == [KEY, "prod", "on", "env", "-", "on", "off", "low"]
    [said] = json.loads(told("flag_status", KEY, "--env", "prod", "--json"))
    assert (said["value"], said["source"], said["env_layer_known"]) == (True, "env", True)
    take({}, switch=False)
    assert "The database layer is off: env and yaml answer." in told("flag_status", "--env", "prod")


def test_its_report_says_nothing_of_this_environment(reported):
    assert read_state(KEY, "staging").value is False
    assert read_state(KEY, "staging").resolution.env is None


@pytest.mark.parametrize("switch", [True, False])
@pytest.mark.parametrize("value", ["on", "off"])
@pytest.mark.parametrize("source", ["db", "env", "yaml"])
def test_filters_agree_with_what_the_rows_show(reported, switch, value, source):
    take(REPORTED, switch=switch)
    rows = rows_of(reported.get(FLAGS))
    wanted = [
        key
        for key, row in rows.items()
        if (row["data-value"], row["data-source"]) == (value, source)
    ]
    filtered = rows_of(reported.get(f"{FLAGS}?value={value}&source={source}"))
    assert list(filtered) == wanted
    for flag in listed_flags("prod"):
        state = read_states("prod")[flag.flag_key]
        assert (bool(flag.on), flag.source) == (state.value, state.source)


def test_sorting_by_source_and_value_goes_by_it_too(reported):
    for column, attribute in ((2, "data-value"), (3, "data-source")):
        rows = list(rows_of(reported.get(f"{FLAGS}?o={column}")).values())
        order = ["off", "on"] if column == 2 else ["db", "env", "yaml"]
        ranks = [order.index(row[attribute]) for row in rows]
        assert ranks == sorted(ranks)
        assert len(set(ranks)) == len(order)


def test_how_many_queries_the_page_takes_does_not_depend_on_what_was_reported(on_prod):
    take({KEY: True})
    with CaptureQueriesContext(connection) as before:
        on_prod.get(FLAGS)
    take({**REPORTED, "raptor_rate_limits": True, "checkout_express": True})
    with CaptureQueriesContext(connection) as after:
        on_prod.get(FLAGS)
    assert len(after) == len(before)


# --- flips ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("htmx", [True, False])
@pytest.mark.parametrize("switch", [False, None])
def test_where_its_database_layer_was_reported_off_no_flip_is_made(on_prod, switch, htmx):
    take({}, switch=switch)
    page = on_prod.get(FLAGS)
    assert "The database layer is off" in words(page)
    assert "in prod, as raxx-console-prod reported" in words(page)
    with nothing_written():
        response = on_prod.post(flip_url(), flip_form(env="prod"), headers=HTMX if htmx else {})
    assert response.status_code == 409
    assert "The database layer is off in prod" in words(response)
    assert "as raxx-console-prod reported" in words(response)
    with pytest.raises(DbLayerOff):
        flip(KEY, "prod", True, actor=ACTOR, seen=read_state(KEY, "prod").seen)
    # This environment's flips are its own affair.
    assert flip(KEY, "staging", True, actor=ACTOR, seen=read_state(KEY, "staging").seen)


def test_a_page_that_was_drawn_before_the_report_does_not_flip(on_prod):
    form = flip_form(env="prod")
    take({KEY: True})
    with nothing_written():
        assert on_prod.post(flip_url(), form).status_code == 409


def test_a_flip_there_pins_what_its_variable_says(reported):
    response = reported.post(flip_url(), flip_form(to="on", env="prod"), headers=HTMX)
    assert response.status_code == 200
    assert "pinned on" in words(response)
    assert rows_of(response)[KEY]["data-source"] == "db"


# --- promotions, from prod's console -------------------------------------------------------------


@pytest.fixture
def alice(superadmin, settings):
    settings.CONSOLE_ENV = "prod"
    return console_actor(superadmin)


def test_a_value_of_staging_that_cannot_be_seen_is_not_marked(alice):
    with pytest.raises(PromotionRefused, match="cannot be seen from this console"):
        mark(KEY, actor=alice)


def test_a_value_that_stagings_variable_gives_is_pinned_and_marked(alice):
    take({KEY: True}, **STAGING)
    promotion = mark(KEY, actor=alice, now=START)
    assert promotion.value is True
    assert read_state(KEY, "staging").row.value == 1


@pytest.mark.parametrize("has_row", [True, False])
def test_while_stagings_layer_is_off_nothing_is_marked(alice, has_row):
    if has_row:
        pin(KEY, "staging", True)
    take({}, **STAGING, switch=False)
    with nothing_written(), pytest.raises(DbLayerOff, match="off in staging"):
        mark(KEY, actor=alice)


@pytest.mark.parametrize(("variable", "ends"), [(None, True), (True, False), (False, True)])
def test_a_promotion_ends_when_staging_reports_its_layer_off_and_another_value(
    alice, variable, ends
):
    pin(KEY, "staging", True, now=START)
    promotion = mark(KEY, actor=alice, now=START)
    take({} if variable is None else {KEY: variable}, **STAGING, switch=False)
    done = settle_all(START + hours(1))
    assert [each.pk for each in done.rejected] == ([promotion.pk] if ends else [])
    promotion.refresh_from_db()
    assert promotion.state == (State.REJECTED if ends else State.PENDING)
    assert not settle_all(START + hours(1)).rejected
