"""What the commands of the Heroku page do, as far as the stub can play Heroku."""

from io import StringIO

from django.core.management import call_command

from accounts.models import User
from audit.models import AuditEntry, AuditLink
from tests.processes import raw_sql
from tests.runbook.console import Console, Happened
from tests.runbook.section_6 import APP
from tests.runbook.section_6_rows import a_statement
from tests.runbook.sections_1_to_5 import KEY, line_of, turn
from tests.runbook.sections_7_to_9 import IMPORT, _is_read_in
from tests.runbook.table import does, only, prepared

PAGE = "heroku"
RUN = ["run", "--app", APP, "--"]


# --- A shell ---


@does(PAGE, "A shell", "heroku run --app <app-name> -- bash")
def _a_shell_opens(console: Console, it: Happened) -> None:
    only(it, calls=[[*RUN, "bash"]])


@does(PAGE, "A shell", "heroku run --app <app-name> -- python manage.py flag_status <flag_key>")
def _a_command_in_the_app(console: Console, it: Happened) -> None:
    only(it, calls=[[*RUN, "python", "manage.py", "flag_status", KEY]])
    assert line_of(it)[:3] == [KEY, "prod", "off"]


@does(PAGE, "A shell", "heroku pg:psql --app <app-name>", answers=a_statement)
def _psql_opens(console: Console, it: Happened) -> None:
    only(it, calls=[["pg:psql", "--app", APP]])
    assert it.out == "0\n"


@does(PAGE, "A shell", "heroku logs --num 200 --app <app-name>")
def _logs(console: Console, it: Happened) -> None:
    only(it, calls=[["logs", "--num", "200", "--app", APP]])


# --- A new console ---


@prepared(PAGE, "A new console")
def _an_app_without_variables(console: Console) -> None:
    console.write_apps({APP: {}})
    turn(KEY, "prod", True)
    raw_sql.change("UPDATE console_feature_flags SET value=0 WHERE env='prod'")


SETTINGS = "CONSOLE_ENV=<env> ALLOWED_HOSTS=<host> FLAG_CONSOLE_FEATURE_FLAGS_DB=1"


@does(PAGE, "A new console", f"heroku config:set {SETTINGS} --app <app-name> >/dev/null 2>&1")
def _set_in_one_release(console: Console, it: Happened) -> None:
    assert [call[0] for call in it.calls] == ["config:set"]
    assert (it.out, it.err) == ("", "")
    assert console.apps()[APP] == {
        "CONSOLE_ENV": "prod",
        "ALLOWED_HOSTS": "console.example.org",
        "FLAG_CONSOLE_FEATURE_FLAGS_DB": "1",
    }


@does(PAGE, "A new console", "heroku labs:enable runtime-dyno-metadata --app <app-name>")
def _the_app_knows_its_name(console: Console, it: Happened) -> None:
    only(it, calls=[["labs:enable", "runtime-dyno-metadata", "--app", APP]])
    assert console.apps()[APP]["HEROKU_APP_NAME"] == APP


@does(
    PAGE,
    "A new console",
    "heroku run --app <app-name> -- python manage.py create_operator <name> --role superadmin",
)
def _the_first_operator(console: Console, it: Happened) -> None:
    assert "alice can sign in as superadmin." in it.out
    assert User.objects.get().groups.get().name == "superadmin"


@does(PAGE, "A new console", "python manage.py tick")
def _the_log_is_sealed(console: Console, it: Happened) -> None:
    only(it)
    assert AuditLink.objects.count() == AuditEntry.objects.count()
    assert "audit rows sealed" in it.out
    call_command("tick", stdout=(again := StringIO()))
    assert again.getvalue().startswith("0 audit rows sealed")


# --- Releases ---


@does(PAGE, "Releases", "heroku releases --app <app-name>")
def _releases(console: Console, it: Happened) -> None:
    only(it, calls=[["releases", "--app", APP]])


@does(PAGE, "Releases", "heroku rollback <release> --app <app-name>")
def _rolled_back(console: Console, it: Happened) -> None:
    only(it, calls=[["rollback", "v41", "--app", APP]])


@does(PAGE, "Releases", "heroku ps:restart --app <app-name>")
def _restarted(console: Console, it: Happened) -> None:
    only(it, calls=[["ps:restart", "--app", APP]])


# --- Apps that do not report ---


@prepared(PAGE, "Apps that do not report")
def _raptor_has_a_config_var(console: Console) -> None:
    console.set_vars("raxx-api-prod", FLAG_CONSOLE_BILLING="1", FLAG_OF_SOMETHING_ELSE="1")


does(PAGE, "Apps that do not report", IMPORT.format("raxx-api-prod"))(_is_read_in("raxx-api-prod"))
