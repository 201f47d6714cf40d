"""The emergency path as long as a shell or the Heroku CLI is at hand: sections 6.2 to 6.4."""

from accounts.models import User
from accounts.roles import Role
from flags.models import BreakGlass
from tests.codes import code_of, enrolled
from tests.conftest import make_user
from tests.runbook.console import Console, Happened
from tests.runbook.sections_1_to_5 import KEY, PAGE, turn
from tests.runbook.table import does, only, prepared

HIGH = "console_bulk_refunds"
APP, OTHER = "raxx-console-prod", "raxx-api-prod"
FLIP = 'python manage.py flag_flip <flag_key> on --env <env> --reason "<why>" --incident <INC-1>'
SEEN, SET = ("config_var.seen", "cli"), ("config_var.set_by_hand", "cli")
STATUS = "python manage.py flag_status <flag_key> --env <env>"


def why_of(it: Happened) -> tuple[str, str]:
    return it.audit[-1].context.get("reason", ""), it.audit[-1].context.get("incident", "")


def with_rows(console: Console) -> None:
    """The flag has a row in each environment, off, and another flag as well."""
    for key, env in ((KEY, "prod"), (KEY, "staging"), ("email_digest_weekly", "prod")):
        turn(key, env, False)


# --- 6.2 flag_flip ---


@prepared(PAGE, "6.2")
def _alice_has_a_device(console: Console) -> None:
    enrolled(make_user("alice", Role.SUPERADMIN))


def her_code() -> str:
    device = User.objects.get(username="alice").totpdevice_set.get()
    return f"{code_of(device)}\n"


@does(PAGE, "6.2", FLIP)
def _flipped_by_the_shell(console: Console, it: Happened) -> None:
    only(it, rows={(KEY, "prod"): True}, acts=[("flag.flip", "cli")])
    assert why_of(it) == ("orders fail", "INC-7")
    assert it.audit[0].admin is None
    assert console.is_on(KEY, "prod")


AS = f"{FLIP.replace('<flag_key>', '<high_risk_key>')} --as <name>"


@does(PAGE, "6.2", f"{AS} --totp", answers=her_code)
def _flipped_with_a_code(console: Console, it: Happened) -> None:
    assert (it.rows, it.calls) == ({(HIGH, "prod"): True}, [])
    assert it.acts[-1] == ("flag.flip", "cli")
    assert why_of(it) == ("orders fail", "INC-7")
    assert it.audit[-1].admin.get_username() == "alice"
    assert "break_glass" not in it.audit[-1].context
    assert not BreakGlass.objects.exists()


@does(PAGE, "6.2", f"{AS.replace(' on ', ' off ')} --break-glass")
def _flipped_without_a_proof_and_marked(console: Console, it: Happened) -> None:
    only(it, rows={(HIGH, "prod"): False}, acts=[("flag.flip", "cli")])
    assert why_of(it) == ("orders fail", "INC-7")
    assert it.audit[0].context["break_glass"] is True
    warning = BreakGlass.objects.get()
    assert (warning.claimed_by.get_username(), warning.acknowledged_at) == ("alice", None)


# --- 6.3 heroku_commands ---


@prepared(PAGE, "6.3")
def _rows_in_prod(console: Console) -> None:
    with_rows(console)


COMMANDS = "python manage.py heroku_commands <flag_key> on --env <env>"
OPTION_B = "config:set FLAG_CONSOLE_FEATURE_FLAGS_DB=0 FLAG_CONSOLE_BILLING=1 --app"


@does(PAGE, "6.3", COMMANDS)
def _printed_and_nothing_done(console: Console, it: Happened) -> None:
    only(it)
    assert "is useless" in it.out
    for app in (APP, OTHER):
        assert f"heroku {OPTION_B} {app} >/dev/null 2>&1" in it.out
    assert "SET value=1" in it.out
    assert "flag_key='console_billing' AND env='prod'" in it.out
    assert it.out.index("Option A") < it.out.index("Option B") < it.out.index("The way back")


@does(PAGE, "6.3", f'{COMMANDS} --run --reason "<why>" --incident <INC-1>')
def _made_after_a_y(console: Console, it: Happened) -> None:
    calls = [[*OPTION_B.split(), app] for app in (APP, OTHER)]
    # Behind the act itself: what the release that it starts reports.
    only(it, acts=[SET, SEEN, SEEN], calls=calls)
    first = it.audit[0]
    assert (first.context["reason"], first.context["incident"]) == ("orders fail", "INC-7")
    assert console.is_on(KEY, "prod")
    assert console.source(KEY, "prod") == "env"
    assert not console.is_on(KEY, "staging")


# --- 6.4 the config var ---


@prepared(PAGE, "6.4")
def _a_config_var_and_no_row(console: Console) -> None:
    console.set_vars(APP, FLAG_CONSOLE_BILLING="0")
    console.release(APP)


@does(PAGE, "6.4", "heroku config:get FLAG_<FLAG_KEY> --app <app-name>")
def _looked_at(console: Console, it: Happened) -> None:
    only(it, calls=[["config:get", "FLAG_CONSOLE_BILLING", "--app", APP]])
    assert it.out == "0\n"


@does(PAGE, "6.4", "heroku config:set FLAG_<FLAG_KEY>=1 --app <app-name> >/dev/null 2>&1")
def _it_decides(console: Console, it: Happened) -> None:
    only(it, acts=[SEEN], calls=[["config:set", "FLAG_CONSOLE_BILLING=1", "--app", APP]])
    assert (it.out, it.err) == ("", "")
    assert (console.is_on(KEY, "prod"), console.source(KEY, "prod")) == (True, "env")
    assert not console.is_on(KEY, "staging")


@does(PAGE, "6.4", "heroku config:unset FLAG_<FLAG_KEY> --app <app-name> >/dev/null 2>&1")
def _as_it_was(console: Console, it: Happened) -> None:
    calls = [["config:unset", "FLAG_CONSOLE_BILLING", "--app", APP]]
    only(it, acts=[("config_var.removed", "cli")], calls=calls)
    assert (it.out, it.err) == ("", "")
    assert (console.is_on(KEY, "prod"), console.source(KEY, "prod")) == (False, "yaml")


@does(PAGE, "6.4", FLIP)
def _the_row_says_whose_decision(console: Console, it: Happened) -> None:
    _flipped_by_the_shell(console, it)
    assert console.source(KEY, "prod") == "db"
