"""Seeing and asking: what the commands of sections 1 to 5 do."""

import json
from datetime import timedelta

from django.utils import timezone

from accounts.models import User
from accounts.roles import Role
from audit.actor import Actor, Channel
from flags.services import flip
from flags.state import read_state
from promotions.models import Promotion, State
from tests.conftest import console_actor, make_user
from tests.processes import raw_sql
from tests.promotions.conftest import marked
from tests.runbook.console import Console, Happened
from tests.runbook.table import does, only, prepared

PAGE, KEY = "feature-flags", "console_billing"
SHELL = Actor(Channel.CLI, "somebody")


def turn(key: str, env: str, value: bool) -> None:
    """A flip by a shell, before the section begins."""
    flip(key, env, value, actor=SHELL, seen=read_state(key, env).seen)


def line_of(it: Happened, key: str = KEY) -> list[str]:
    """The line of `flag_status` about a flag, as words."""
    [line] = [line for line in it.out.splitlines() if line.startswith(f"{key} ")]
    return line.split()


# --- 1 System overview ---


@prepared(PAGE, "1")
def _a_row_that_shadows_a_config_var(console: Console) -> None:
    turn(KEY, "prod", False)
    turn(KEY, "staging", True)
    console.set_vars("raxx-console-prod", FLAG_CONSOLE_BILLING="1")


@does(PAGE, "1", "python manage.py flag_status <flag_key> --env <env>")
def _value_source_and_layers(console: Console, it: Happened) -> None:
    only(it)
    assert it.out.splitlines()[0].split()[:4] == ["flag", "env", "value", "source"]
    assert line_of(it) == [KEY, "prod", "off", "db", "off", "on", "off", "low"]


# --- 2 Flip via the console ---


@prepared(PAGE, "2")
def _the_gate_is_shut(console: Console) -> None:
    turn("console_flag_mgmt", "prod", False)
    turn("console_flag_mgmt", "staging", False)


@does(PAGE, "2", 'python manage.py flag_flip console_flag_mgmt on --env <env> --reason "<why>"')
def _the_gate_opens(console: Console, it: Happened) -> None:
    only(it, rows={("console_flag_mgmt", "prod"): True}, acts=[("flag.flip", "cli")])
    assert it.audit[0].context["reason"] == "orders fail"


# --- 3 Promotion ---


@prepared(PAGE, "3")
def _one_promotion_is_over_and_one_soaks(console: Console) -> None:
    alice = console_actor(make_user("alice", Role.SUPERADMIN))
    marked(alice, KEY, timezone.now() - timedelta(hours=24 + 168 + 1))
    marked(alice, "console_order_search_v2", timezone.now())


@does(PAGE, "3", "python manage.py promotion_expire")
def _what_is_over_is_written_down(console: Console, it: Happened) -> None:
    only(it, acts=[("flag.expired", "system")])
    assert it.audit[0].target_id == KEY
    assert KEY in it.out
    states = dict(Promotion.objects.values_list("flag_key", "state"))
    assert states == {KEY: State.EXPIRED, "console_order_search_v2": State.PENDING}


# --- 4 Audit log ---


@prepared(PAGE, "4")
def _flips_by_a_person_and_by_sql(console: Console) -> None:
    alice = make_user("alice", Role.SUPERADMIN)
    seen = read_state(KEY, "prod").seen
    flip(KEY, "prod", True, actor=console_actor(alice), seen=seen, reason="launch")
    turn("raptor_cursor_paging", "prod", False)
    raw_sql.change(
        "UPDATE console_feature_flags SET value=0 WHERE flag_key='console_billing' AND env='prod'"
    )
    console.set_vars("raxx-console-prod", FLAG_CONSOLE_BILLING="1")
    console.release("raxx-console-prod")


def parsed(payload):
    """PostgreSQL's driver parses JSON itself; SQLite's gives the text."""
    return json.loads(payload) if isinstance(payload, str) else payload


FLIPS = """\
SELECT created_at, admin_id, channel, payload
FROM console_audit_log
WHERE action = 'console.flag.flip'
ORDER BY created_at DESC, id DESC
LIMIT 50;"""


@does(PAGE, "4", FLIPS)
def _all_flips_latest_first(console: Console, it: Happened) -> None:
    only(it)
    alice = User.objects.get().pk
    told = [(admin, channel, parsed(payload)) for _, admin, channel, payload in it.answer]
    paging = {"flag": "raptor_cursor_paging", "env": "prod", "from": True, "to": False}
    billing = {"flag": KEY, "env": "prod"}
    # SQLite's clock has a grain of a second for what a trigger writes: its row may stand lower.
    assert sorted(told, key=str) == sorted(
        [
            (None, "sql", billing | {"from": True, "to": False}),
            (None, "cli", paging),
            (alice, "console", billing | {"from": False, "to": True}),
        ],
        key=str,
    )
    moments = [str(created_at) for created_at, *_ in it.answer]
    assert moments == sorted(moments, reverse=True)
    ours = [admin for admin, channel, _ in told if channel != "sql"]
    assert ours == [None, alice]


ONE_FLAG = """\
SELECT id, created_at, channel, actor, action, payload, context
FROM console_audit_log
WHERE target_type = 'feature_flag' AND target_id = '<flag_key>'
ORDER BY id;"""


@does(PAGE, "4", ONE_FLAG)
def _all_that_happened_to_one_flag(console: Console, it: Happened) -> None:
    only(it)
    told = [(channel, action) for _, _, channel, _, action, _, _ in it.answer]
    assert told == [("console", "console.flag.flip"), ("sql", "console.flag.flip")]
    assert parsed(it.answer[0][6])["reason"] == "launch"
    assert it.answer[0][3] == "alice"


@does(PAGE, "4", "python manage.py audit_verify")
def _the_log_is_whole(console: Console, it: Happened) -> None:
    assert (it.rows, it.calls) == ({}, [])
    assert "no damage" in it.out.lower()


# --- 5 Who may do what ---


@does(PAGE, "5", "python manage.py create_operator <name> --role ops")
def _somebody_new_can_sign_in(console: Console, it: Happened) -> None:
    assert (it.rows, it.calls) == ({}, [])
    assert it.out == "alice can sign in as ops.\n"
    assert list(User.objects.get(username="alice").groups.values_list("name", flat=True)) == ["ops"]
