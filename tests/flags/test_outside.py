"""Which last changes are "outside the console", and what ends the mark."""

import uuid

import pytest
from django.db import connection

from audit.models import AuditEntry
from flags.history import changes_of
from flags.models import FeatureFlag
from flags.reconcile import marked, reconcile
from flags.state import read_state
from tests.conftest import client_of, console_actor
from tests.flags.outside import (
    is_marked,
    last_change,
    raw,
    raw_delete,
    raw_insert,
    raw_update,
    without_triggers,
)
from tests.flags.test_flags_page import cell, in_environment, turn
from tests.pages import FLAGS, LOW, MEDIUM, client_as

pytestmark = pytest.mark.usefixtures("declared")
BY_SQL = {"postgresql": "postgres", "sqlite": "someone with the database file"}


def answer_for(user, key: str = LOW, env: str = "staging") -> None:
    seen = last_change(key, env).seen
    reconcile(key, env, actor=console_actor(user), seen=seen, incident="INC-7")


CHANGES = {
    "an insert": (lambda: None, raw_insert),
    "an update": (raw_insert, lambda: raw_update(0)),
    "a delete": (raw_insert, raw_delete),
    "a replace": (raw_insert, lambda: (raw_delete(), raw_insert(0))),
}


@pytest.mark.parametrize(("before", "change"), CHANGES.values(), ids=CHANGES)
def test_raw_sql_marks_the_flag_until_it_is_reconciled_and_raw_sql_marks_it_again(
    ops, before, change
):
    before()
    if is_marked():
        answer_for(ops)
    change()
    assert is_marked()
    answer_for(ops)
    assert not is_marked()
    raw_delete()
    raw_insert()
    raw_update(0)
    assert is_marked()


@pytest.mark.parametrize("change", [raw_insert, lambda: (raw_insert(), raw_delete())])
def test_a_flip_through_the_console_ends_the_mark(ops, change):
    change()
    turn(ops, value=False)
    assert not is_marked()
    assert last_change().who == "bob"


def test_a_flip_to_the_value_that_raw_sql_gave_writes_nothing_and_leaves_the_mark(ops):
    raw_insert(1)
    turn(ops, value=True)
    assert is_marked()


def test_only_the_flag_and_the_environment_that_were_changed_are_marked(superuser):
    for key, env in ((LOW, "staging"), (LOW, "prod"), (MEDIUM, "staging")):
        turn(superuser, key, env=env)
    raw_update(0)
    raw_delete(MEDIUM)
    assert [each.state.key for each in marked("staging")] == [LOW, MEDIUM]
    assert marked("prod") == []


def test_a_row_that_sql_moved_away_is_a_removal_here_and_a_new_row_there(ops):
    turn(ops)
    raw("UPDATE console_feature_flags SET env='prod'")
    assert last_change().what == "row removed outside the console"
    assert last_change(env="prod").what == "changed outside the console"


@pytest.mark.parametrize("version", [None, uuid.uuid4()], ids=["null", "unknown"])
def test_a_row_from_before_the_triggers_is_marked_and_nobody_is_named(version):
    row = FeatureFlag(flag_key=LOW, env="staging", value=1, change_id=version)
    without_triggers(row.save)
    change = last_change()
    assert (change.outside, change.who, change.entry) == (True, "", None)
    assert str(change).startswith("changed outside the console, ")


@pytest.mark.parametrize("other", [{"value": 0}, {"env": "prod"}, {"flag_key": MEDIUM}])
def test_an_audit_row_of_another_flag_or_environment_or_value_accounts_for_nothing(ops, other):
    turn(ops)
    without_triggers(lambda: FeatureFlag.objects.update(**other))
    row = FeatureFlag.objects.get()
    assert last_change(row.flag_key, row.env).entry is None
    assert is_marked(row.flag_key, row.env)


def test_who_it_was_is_told_as_far_as_the_database_knows():
    if connection.vendor == "postgresql":
        raw("SET application_name = 'psql'")
    raw_insert()
    change = last_change()
    context = AuditEntry.objects.get().context
    who = context.get("db_role", BY_SQL["sqlite"])
    assert change.who == (f"{who}, psql" if connection.vendor == "postgresql" else who)
    assert dict(change.origin).get("Database role") == context.get("db_role")


def test_the_flags_page_marks_the_row_says_who_and_leads_to_the_form(ops):
    raw_insert()
    page = client_of(ops).get(FLAGS)
    words = cell(page, LOW, "last_change")
    assert words.startswith("changed outside the console")
    assert last_change().who in words
    assert words.endswith("Reconcile")
    assert f'href="{FLAGS}/{LOW}#reconcile"' in page.content.decode()
    assert cell(page, MEDIUM, "last_change") == "never flipped"


def test_the_flags_page_says_that_a_row_was_removed(ops):
    turn(ops)
    raw_delete()
    words = cell(client_of(ops).get(FLAGS), LOW, "last_change")
    assert words.startswith("row removed outside the console")
    answer_for(ops)
    words = cell(client_of(ops).get(FLAGS), LOW, "last_change")
    assert words.startswith("bob row removed, reconciled ( INC-7 )")


def test_a_reconciled_row_says_who_reconciled_it_and_the_incident(ops):
    raw_insert()
    answer_for(ops)
    page = client_of(ops).get(FLAGS)
    assert cell(page, LOW, "last_change").startswith("bob reconciled ( INC-7 )")
    assert "#reconcile" not in page.content.decode()


def test_one_environments_removal_is_none_of_the_others(ops):
    turn(ops)
    raw_delete()
    client = client_as("superadmin")
    assert cell(in_environment(client, "prod"), LOW, "last_change") == "never flipped"


def test_a_reconciliation_answers_for_the_removal_that_it_names_and_for_no_later_one(ops):
    for _ in range(2):
        raw_insert()
        raw_delete()
        answer_for(ops)
        assert not is_marked()
    raw_insert(0)
    raw_delete()
    assert is_marked()


def test_the_last_changes_of_a_whole_page_are_two_queries(ops, django_assert_num_queries):
    turn(ops)
    raw_insert(1, MEDIUM)
    states = [read_state(key, "staging") for key in (LOW, MEDIUM, "checkout_express")]
    with django_assert_num_queries(2):
        assert set(changes_of(states)) == {LOW, MEDIUM}
