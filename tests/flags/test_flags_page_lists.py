"""Search, filters, sorting: they must agree with what the rows themselves show."""

import pytest

from flags.models import FeatureFlag
from tests.flags.test_flags_page import in_environment, turn
from tests.pages import FLAGS, client_as, rows_of, text_of

RANK = {"low": 0, "medium": 1, "high": 2}
FILTERS = {
    "risk": ("low", "medium", "high"),
    "value": ("on", "off"),
    "source": ("db", "env", "yaml"),
}
ENVS = pytest.mark.parametrize("env", ["staging", "prod"])
# Column of the changelist, and what a row is sorted by there.
COLUMNS = {
    1: lambda row: row["data-flag"],
    2: lambda row: ["off", "on"].index(row["data-value"]),
    3: lambda row: row["data-source"],
    4: lambda row: RANK[row["data-risk"]],
}


@pytest.fixture
def page(superadmin, monkeypatch):
    """Flags whose values come from each layer, on and off, in both environments."""
    for env in ("staging", "prod"):
        turn(superadmin, "console_billing", True, env)
        turn(superadmin, "console_customer_notes", False, env)
        turn(superadmin, "checkout_express", True, env)
    turn(superadmin, "raptor_rate_limits", True)
    for key, said in {
        "RAPTOR_ASYNC_EXPORTS": "on",
        "RAPTOR_CURSOR_PAGING": "off",
        "EMAIL_DIGEST_WEEKLY": "YES",
        "CONSOLE_BILLING": "off",  # dormant
        "CHECKOUT_ADDRESS_LOOKUP": "perhaps",  # not understood
    }.items():
        monkeypatch.setenv(f"FLAG_{key}", said)
    client, looked_at = client_as("ops"), [""]

    def get(env: str, query: str = ""):
        if looked_at != [env]:
            in_environment(client, env)
            looked_at[:] = [env]
        return client.get(f"{FLAGS}?{query}")

    return get


def test_the_fixture_has_rows_of_each_layer_on_and_off(page):
    rows = rows_of(page("staging")).values()
    assert {(row["data-source"], row["data-value"]) for row in rows} == {
        (source, value) for source in ("db", "env", "yaml") for value in ("on", "off")
    }


@ENVS
def test_a_filter_keeps_exactly_the_rows_that_show_what_it_asks_for(page, env):
    shown = rows_of(page(env))
    for name, values in FILTERS.items():
        for value in values:
            kept = {key for key, row in shown.items() if row[f"data-{name}"] == value}
            assert set(rows_of(page(env, f"{name}={value}"))) == kept, (name, value)
            assert bool(kept) is ((env, value) != ("prod", "env")), (name, value)


@pytest.mark.parametrize("name", ["value", "source"])
def test_filters_agree_with_the_rows_while_the_database_layer_is_off(page, settings, name):
    settings.FLAG_CONSOLE_FEATURE_FLAGS_DB = False
    shown = rows_of(page("staging"))
    for value in {row[f"data-{name}"] for row in shown.values()}:
        kept = {key for key, row in shown.items() if row[f"data-{name}"] == value}
        assert set(rows_of(page("staging", f"{name}={value}"))) == kept
    assert "No flag matches." in text_of(page("staging", "source=db"))


def test_filters_and_search_narrow_each_other(page):
    rows = rows_of(page("staging", "risk=low&value=on&source=db&q=console"))
    assert list(rows) == ["console_billing"]


def test_search_looks_at_keys_and_descriptions(page):
    wanted = {
        "billing": {"console_billing"},
        "BILLING": {"console_billing"},
        "q=raptor": set(),
        "invoices": {"console_billing"},
        "raptor+paging": {"raptor_cursor_paging"},
        "nothing+like+it": set(),
    }
    assert {query: set(rows_of(page("staging", f"q={query}"))) for query in wanted} == wanted


@ENVS
@pytest.mark.parametrize("sign", ["", "-"], ids=["ascending", "descending"])
def test_each_column_sorts_by_what_the_rows_show(page, env, sign):
    for column, rank in COLUMNS.items():
        ranks = [rank(row) for row in rows_of(page(env, f"o={sign}{column}")).values()]
        assert ranks == sorted(ranks, reverse=bool(sign)), column
        assert len(set(ranks)) > 1, column


@pytest.mark.parametrize(("sign", "order"), [("", 1), ("-", -1)], ids=["ascending", "descending"])
def test_last_changed_sorts_by_the_moment_of_the_change(page, sign, order):
    keys = list(rows_of(page("staging", f"o={sign}5")))
    changed = FeatureFlag.objects.filter(env="staging").order_by("updated_at")
    flipped = list(changed.values_list("flag_key", flat=True))
    assert [key for key in keys if key in flipped] == flipped[::order]


def test_the_latest_change_stands_first_and_flags_that_nobody_flipped_last(page):
    """At 3 a.m. the question is what changed last: both databases must answer it alike."""
    keys = list(rows_of(page("staging", "o=-5")))
    assert keys[:2] == ["raptor_rate_limits", "checkout_express"]


def test_a_query_that_the_page_does_not_know_is_no_server_error(page):
    for query in ("risk=extreme", "value=maybe", "source=sql", "o=99", "o=x", "p=99", "q=%00"):
        assert page("staging", query).status_code in (200, 302), query
    assert page("staging", "e=1").status_code in (200, 302)
