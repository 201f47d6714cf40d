"""The clean-up list on the flags page and in `flag_status --stale`: who sees it, at what cost."""

import json
import re
import time
from datetime import timedelta
from unittest import mock

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError
from django.utils import timezone

from flags.models import DeclaredFlag
from tests.flags.heroku.reporting import CONSOLES, pin, take, told
from tests.flags.outside import raw_insert
from tests.flags.test_flags_page import in_environment
from tests.flags.test_flags_page_size import flags_of  # noqa: F401 - a fixture
from tests.pages import FLAGS, SEE_FLAGS, SEE_NO_FLAGS, client_as, rows_of, text_of
from tests.timed import in_time

KEY, DEFAULT_ON, OFF = "console_billing", "raptor_cursor_paging", "email_digest_weekly"
CHOICES = ("30", "90", "180", "default", "undeclared")


@pytest.fixture
def tidy(declared):
    """A flag that is settled for 40 days, a row equal to its default, and one without a
    declaration."""
    start = timezone.now() - timedelta(days=40)
    for env, app in CONSOLES.items():
        take({}, app=app, env=env, now=start)
        pin(KEY, env, True, now=start)
    pin(OFF, "staging", False, now=start)
    raw_insert(1, "gone_flag", "staging")


def advice(response) -> dict[str, tuple[str, str]]:
    """Of each line of the list its reason and its words, by flag."""
    tags = re.findall(r'<tr class="advice".*?</tr>', response.content.decode(), re.DOTALL)
    found = {}
    for tag in tags:
        key, reason = re.search(r'data-clean-up="(.*?)" data-reason="(.*?)"', tag).groups()
        found[key] = (reason, " ".join(re.sub(r"<[^>]*>", " ", tag).split()))
    return found


@pytest.mark.parametrize(
    ("choice", "keys"),
    [("30", [KEY]), ("90", []), ("default", [OFF]), ("undeclared", [])],
)
def test_the_filter_keeps_the_flags_of_its_reason_each_with_its_line(tidy, choice, keys):
    page = client_as("ops").get(f"{FLAGS}?cleanup={choice}")
    assert list(rows_of(page)) == keys
    assert set(advice(page)) == {*keys, "gone_flag"}


def test_any_number_of_days_may_be_asked_for_as_of_the_command(tidy):
    client = client_as("ops")
    page = client.get(f"{FLAGS}?cleanup=39")
    assert list(rows_of(page)) == [KEY]
    assert "one value, 39 days unchanged" in page.content.decode()
    assert list(rows_of(client.get(f"{FLAGS}?cleanup=41"))) == []


@pytest.mark.parametrize("env", ["staging", "prod"])
def test_rows_without_a_declaration_stand_where_flags_would_and_nothing_says_none(tidy, env):
    client = client_as("ops")
    in_environment(client, env)
    page = client.get(f"{FLAGS}?cleanup=undeclared")
    html, text = page.content.decode(), text_of(page)
    assert not any(words in text for words in ("No flag matches", "0 results", "0 declared flags"))
    if env == "staging":
        # Before the filters, which come first on a phone where it stands behind the list.
        assert html.index('id="orphans"') < html.index('id="changelist-filter"')
        assert html.count('id="orphans"') == 1
    else:
        assert "Prod has no row without a declaration." in text
    plain = client.get(FLAGS).content.decode()
    assert plain.count('id="orphans"') == int(env == "staging")


@pytest.mark.parametrize("nonsense", ["banana", "0", "-5", "1.5", "99999", "\u0663", "9" * 40])
def test_a_filter_that_is_none_shows_all_and_says_so(tidy, nonsense):
    client = client_as("ops")
    page = client.get(FLAGS, {"cleanup": nonsense}, follow=True)
    assert len(rows_of(page)) > 5
    told = "The address had a filter that is none here: all are shown."
    assert told in text_of(page)
    # Nothing selected leads back to the address where one is.
    again = client.post(f"{FLAGS}?e=1", {"action": "", "index": "0"}, follow=True)
    assert (again.status_code, told in text_of(again)) == (200, False)


def test_the_lines_say_why_and_what_to_do_next(tidy):
    client = client_as("ops")
    reason, text = advice(client.get(f"{FLAGS}?cleanup=30"))[KEY]
    assert reason == "settled"
    assert "Why: on in both environments" in text
    assert "Next: Take the question out of the code" in text
    assert "git grep -n console_billing" in text
    reason, text = advice(client.get(f"{FLAGS}?cleanup=default"))[OFF]
    assert reason == "default"
    assert "DELETE FROM console_feature_flags" in text


def test_without_the_filter_only_rows_without_a_declaration_have_a_line(tidy):
    page = client_as("ops").get(FLAGS)
    assert set(advice(page)) == {"gone_flag"}
    assert "Not seen" not in text_of(page)


def test_the_page_says_what_is_not_seen(tidy):
    page = client_as("ops").get(f"{FLAGS}?cleanup=30")
    assert "Not seen: the config vars of raxx-api-prod, raxx-api-staging" in text_of(page)


def test_it_narrows_with_the_other_filters_and_the_search(tidy):
    client = client_as("ops")
    assert list(rows_of(client.get(f"{FLAGS}?cleanup=30&value=on&q=billing"))) == [KEY]
    assert list(rows_of(client.get(f"{FLAGS}?cleanup=30&value=off"))) == []


def test_it_is_of_the_active_environment(tidy):
    client = client_as("ops")
    in_environment(client, "prod")
    assert list(rows_of(client.get(f"{FLAGS}?cleanup=30"))) == [KEY]
    assert list(rows_of(client.get(f"{FLAGS}?cleanup=default"))) == []


@pytest.mark.parametrize("who", [*SEE_FLAGS, *SEE_NO_FLAGS])
def test_whoever_sees_the_flags_page_sees_the_list(tidy, who):
    status = client_as(who).get(f"{FLAGS}?cleanup=30").status_code
    assert status == (200 if who in SEE_FLAGS else 403)


def test_what_people_write_is_shown_as_text(tidy):
    raw_insert(1, "<script>alert(1)</script>", "staging")
    html = client_as("ops").get(f"{FLAGS}?cleanup=undeclared").content.decode()
    assert "<script>alert" not in html
    assert "&lt;script&gt;alert" in html


# The page's own 15; DB rows, declared rows and reports of both environments, each app's
# reports, config vars and their rows, open promotions; for a settled flag since when, in both
# environments.
@pytest.mark.parametrize(("choice", "queries"), [("30", 35), ("default", 26)])
@pytest.mark.parametrize("count", [10, 1000])
def test_it_costs_the_same_number_of_queries_however_many_flags(
    flags_of,  # noqa: F811
    django_assert_num_queries,
    choice,
    queries,
    count,
):
    flags_of(count)
    start = timezone.now() - timedelta(days=40)
    DeclaredFlag.objects.update(synced_at=start)
    for env, app in CONSOLES.items():
        take({}, app=app, env=env, now=start)
    client = client_as("ops")
    with django_assert_num_queries(queries):
        page = client.get(f"{FLAGS}?cleanup={choice}")
    assert rows_of(page)


def test_the_list_of_a_thousand_flags_takes_under_half_a_second(flags_of):  # noqa: F811
    flags_of(1000)
    client, took = client_as("ops"), []
    for choice in ("30", "default") * 2:
        started = time.process_time()
        assert client.get(f"{FLAGS}?cleanup={choice}").status_code == 200
        took.append(time.process_time() - started)
    with in_time():
        assert min(took) < 0.5


# --- flag_status --stale ---


def test_the_command_prints_each_line_with_why_next_and_its_commands(tidy):
    out = told("flag_status", "--stale", "30")
    lines = out.splitlines()
    assert lines[0].startswith(f"{KEY} (staging, settled): on in both environments")
    assert lines[1].startswith("    next: Take the question out of the code")
    assert lines[2] == "      git grep -n console_billing"
    heads = [line.partition(":")[0] for line in lines if not line.startswith(" ")]
    assert heads == [
        f"{KEY} (staging, settled)",
        f"{OFF} (staging, default)",
        "gone_flag (staging, undeclared)",
        "NOT SEEN (staging, unseen)",
    ]


def test_as_json_it_is_a_list_of_objects(tidy):
    found = json.loads(told("flag_status", "--stale", "30", "--json"))
    assert [(each["flag"], each["reason"]) for each in found] == [
        (KEY, "settled"),
        (OFF, "default"),
        ("gone_flag", "undeclared"),
        (None, "unseen"),
    ]
    names = {"flag", "env", "reason", "why", "next", "commands", "since"}
    assert all(set(each) == names for each in found)
    assert json.loads(told("flag_status", KEY, "--stale", "30", "--json"))[0]["flag"] == KEY


def test_of_the_other_environment(tidy):
    found = json.loads(told("flag_status", "--stale", "30", "--json", "--env", "prod"))
    assert [each["flag"] for each in found if each["flag"]] == [KEY]


def test_nothing_to_clean_up_is_said(declared):
    assert told("flag_status", "--stale", "30").startswith("Nothing to clean up in staging")


def test_one_flag_may_be_one_without_a_declaration_but_not_one_that_nobody_knows(tidy):
    assert told("flag_status", "gone_flag", "--stale", "30").startswith("gone_flag (staging")
    with pytest.raises(CommandError, match="neither declares no_such_flag nor has a row"):
        told("flag_status", "no_such_flag", "--stale", "30")


@pytest.mark.parametrize("days", ["-1", "1.5", "x", "", "3651", "99999999999", "٣"])
def test_days_are_a_whole_number(db, days):
    with pytest.raises(CommandError, match="DAYS is a whole number from 0 to 3650"):
        call_command("flag_status", f"--stale={days}")


def test_while_the_database_is_down_there_is_no_list(declared):
    down = mock.patch("flags.cleanup_seen.read_states", side_effect=OperationalError("away"))
    with down, pytest.raises(CommandError) as caught:
        told("flag_status", "--stale", "30")
    assert caught.value.returncode == 3
