"""What the page on feature flags says that its commands print, write into the log, and end with."""

import re

from audit.models import AuditEntry
from flags.config_vars import GATE_KEY
from flags.heroku.by_hand import FAILED
from tests.audit.damaging import sql
from tests.processes import raw_sql
from tests.runbook.claims import says
from tests.runbook.console import Console, Happened
from tests.runbook.section_6 import APP, COMMANDS, FLIP, STATUS
from tests.runbook.section_6_rows import UPDATE
from tests.runbook.section_7_clean_up import DELETION
from tests.runbook.sections_1_to_5 import FLIPS, KEY, ONE_FLAG, PAGE, line_of, parsed
from tests.runbook.sections_7_to_9 import table

RUN = f'{COMMANDS} --run --reason "<why>" --incident <INC-1>'
GATE = f'python manage.py flag_flip {GATE_KEY} on --env <env> --reason "<why>"'


# --- exit statuses ---


@says(PAGE, "6.7", r"It exits with (\d+) while", beside=STATUS)
@says(PAGE, "6.7", r"then, exits with (\d+),", beside=FLIP.replace(" --incident <INC-1>", ""))
@says(PAGE, "9", r"exits with (\d+) unless all pass", beside="python manage.py ga_checklist")
def _its_status(said: str, console: Console, it: Happened) -> None:
    assert int(said) == it.status


@says(PAGE, "4", r"It exits with (\d+) where", beside="python manage.py audit_verify")
def _its_status_after_an_edit(said: str, console: Console, it: Happened) -> None:
    edited = AuditEntry.objects.filter(channel="console").latest("pk").pk
    sql("UPDATE console_audit_log SET actor='mallory' WHERE id=%s", edited)
    assert int(said) == console.run_here("audit_verify").status


# --- what a database's shell answers ---


@says(PAGE, "6.5", r"It must say `UPDATE (\d+)`", beside=UPDATE)
@says(PAGE, "7.1", r"It must say `DELETE (\d+)`", beside=DELETION)
def _rows_changed(said: str, console: Console, it: Happened) -> None:
    assert int(said) == it.answer


@says(PAGE, "6.5", r"`UPDATE (\d+)` means that there is no row", beside=UPDATE)
def _rows_changed_where_there_is_none(said: str, console: Console, it: Happened) -> None:
    statement = UPDATE.replace("<flag_key>", "raptor_rate_limits").replace("<env>", "prod")
    assert int(said) == raw_sql.change(statement)


# --- what is printed ---


@says(PAGE, "2", r'writes the row all the same \("([^"]+)"\)', beside=GATE)
def _printed_where_the_row_is_new(said: str, console: Console, it: Happened) -> None:
    turned = ("flag_flip", "raptor_cursor_paging", "on", "--env", "prod", "--reason", "a test")
    raw_sql.change("DELETE FROM console_feature_flags WHERE flag_key='raptor_cursor_paging'")
    assert f"raptor_cursor_paging {said}ned on in prod." in console.run_here(*turned).out


@says(
    PAGE,
    "6.3",
    r"after a `(\w+)` on the terminal",
    beside=RUN,
)
def _asked_on_the_terminal(said: str, console: Console, it: Happened) -> None:
    assert f"[{said}/N]" in it.out


@says(PAGE, "6.7", r"marked with `([^`]+)`", beside=STATUS)
def _of_a_layer_that_cannot_be_seen(said: str, console: Console, it: Happened) -> None:
    assert line_of(it)[4] == said


TABLE = "python manage.py deprecation_table"
STALE = "python manage.py flag_status --stale 30 --env <env>"


@says(PAGE, "7.1", r'What "([^"]+)" is named', beside=STALE)
@says(
    PAGE,
    "8",
    r'do not report themselves \(Raptor\'s\) "([^"]+)" until',
    beside=TABLE,
)
def _printed(said: str, console: Console, it: Happened) -> None:
    assert re.search(rf"\b{said}\b", it.out)


@says(PAGE, "9", r'"([^"]+)" comes with the command', beside="python manage.py ga_checklist")
def _the_word_of_an_item(said: str, console: Console, it: Happened) -> None:
    assert f". {said.upper()}: " in it.out


@says(PAGE, "7.1", r"in both environments for (\d+) days or more", beside=STALE)
def _days(said: str, console: Console, it: Happened) -> None:
    assert f"unchanged for {said} days or more" in it.out


# --- the deprecation table ---


@says(PAGE, "8", r"Where one is still `(\w+)`", beside=TABLE)
@says(
    PAGE,
    "8",
    r"the line turns to `(\w+)`",
    beside="heroku config:unset FLAG_<FLAG_KEY> --app raxx-console-prod >/dev/null 2>&1",
)
@says(
    PAGE,
    "8",
    r"They may go when the table says `(\w+)`",
    beside='python manage.py flag_flip <flag_key> on --env <env> --reason "<why>"',
)
def _the_state_in_prod(said: str, console: Console, it: Happened) -> None:
    assert table(console)[APP] == said


# --- what is in the log ---


@says(PAGE, "4", r"whoever made it and however: action `([^`]+)`", beside=ONE_FLAG)
def _every_action_of_it(said: str, console: Console, it: Happened) -> None:
    assert {action for _, _, _, _, action, _, _ in it.answer} == {said}


@says(PAGE, "4", r"payload `\{([^}]+)\}`", beside=FLIPS)
def _the_payload(said: str, console: Console, it: Happened) -> None:
    names = [f'"{name}"' for name in parsed(it.answer[0][3])]
    assert sorted(said.split(", ")) == sorted(names)


@says(
    PAGE,
    "6.3",
    r"The log has it as `([^`]+)`",
    beside=RUN,
)
def _the_act(said: str, console: Console, it: Happened) -> None:
    assert it.audit[0].action == said


@says(PAGE, "6.3", r"follows as `([^`]+)`")
def _the_act_that_failed(said: str) -> None:
    assert said == FAILED


@says(PAGE, "6.5", r"writes the audit row itself: channel `(\w+)`", beside=UPDATE)
@says(PAGE, "7.1", r"The database writes the audit row, channel `(\w+)`", beside=DELETION)
def _the_channel(said: str, console: Console, it: Happened) -> None:
    assert [entry.channel for entry in it.audit] == [said]


def _acts(console: Console) -> list[tuple[str, str]]:
    """The last two of the flag in prod."""
    found = AuditEntry.objects.filter(target_id=KEY).order_by("pk")
    acts = [(each.action, each.channel) for each in found if each.payload.get("env") == "prod"]
    return acts[-2:]


for _words, _at in {
    r"has, for the flag, `([^`]+)` \(channel": (0, 0),
    r"has, for the flag, `[^`]+` \(channel `(\w+)`\)": (0, 1),
    r"\) and `([^`]+)` \(channel": (1, 0),
    r"\) and `[^`]+` \(channel `(\w+)`, with the incident": (1, 1),
}.items():

    @says(PAGE, "6.8", _words, beside=STATUS)
    def _the_two_acts(said: str, console: Console, it: Happened, at=_at) -> None:
        assert _acts(console)[at[0]][at[1]] == said
