"""The flags page with 10 and with 1,000 flags: the same number of queries, 100 rows a page."""

import time

import pytest

from accounts.roles import Role
from flags import runtime
from flags.models import FeatureFlag
from flags.sync import sync_flags
from tests.conftest import client_of, make_user
from tests.flags.test_flags_page import turn
from tests.pages import FLAGS, rows_of, text_of

# Session, user, the session's limits, two for the permissions, the two counts of the changelist,
# the rows' flags, their DB rows and those rows' audit entries, which flags lost their row to raw
# SQL, their promotions, break-glass flips that wait, the orphans, and whether the YAML file is in
# step.
QUERIES = 15
SIZES = pytest.mark.parametrize("count", [10, 1000])
RISKS = ("low", "medium", "high")


@pytest.fixture
def flags_of(db, settings, tmp_path):
    """Declare this many flags and nothing else, in both environments; half of them have rows."""

    def declare(count: int, risks: tuple[str, ...] = RISKS) -> None:
        path = tmp_path / f"{count}-{len(risks)}.yaml"
        path.write_text(
            "".join(
                f"flag_{number:04}:\n  default: {str(number % 2 == 0).lower()}\n"
                f'  description: "Number {number}"\n  risk: {risks[number % len(risks)]}\n'
                for number in range(count)
            )
        )
        settings.FEATURE_FLAGS_FILE = path
        for env in settings.ENVIRONMENTS:
            sync_flags(runtime.declared(), env, release="v1")
            FeatureFlag.objects.bulk_create(
                FeatureFlag(flag_key=f"flag_{number:04}", env=env, value=number % 3 == 0)
                for number in range(1, count, 2)
            )

    return declare


@pytest.fixture
def browser(db):
    return client_of(make_user("bob", Role.OPS))


@SIZES
def test_the_page_makes_15_queries_however_many_flags(
    flags_of, browser, count, django_assert_num_queries
):
    flags_of(count)
    turn(make_user("eve", is_superuser=True), "flag_0001")
    with django_assert_num_queries(QUERIES):
        page = browser.get(FLAGS)
    assert len(rows_of(page)) == min(count, 100)


def test_a_thousand_flags_come_100_a_page_each_of_them_once(flags_of, browser):
    flags_of(1000)
    pages = [rows_of(browser.get(f"{FLAGS}?p={number}")) for number in range(1, 11)]
    assert [len(rows) for rows in pages] == [100] * 10
    assert len({key for rows in pages for key in rows}) == 1000


def test_a_page_of_a_thousand_flags_takes_under_150_ms_of_the_processor(flags_of, browser):
    """Processor time, and on SQLite nothing of the page's work is left out. The least of many: what
    runs beside this test, on the same processor, only adds."""
    flags_of(1000)
    took = [1.0]
    for _ in range(90):
        started = time.process_time()
        assert browser.get(FLAGS).status_code == 200
        took.append(time.process_time() - started)
        if took[-1] < 0.150:
            break
    assert min(took) < 0.150


def test_all_is_never_a_page_of_a_thousand(flags_of, browser):
    flags_of(1000)
    assert len(rows_of(browser.get(f"{FLAGS}?all="))) == 100


def test_a_filter_counts_and_pages_what_it_keeps(flags_of, browser):
    flags_of(1000)
    on_by_row = len(range(3, 1000, 6))
    for number, shown in ((1, 100), (2, on_by_row - 100)):
        page = browser.get(f"{FLAGS}?risk=low&value=on&source=db&p={number}")
        assert len(rows_of(page)) == shown
        assert f"{on_by_row} feature flags" in text_of(page)
