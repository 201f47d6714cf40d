"""`flag_flip --break-glass`: without a code, in an emergency, and marked wherever it is told."""

import io
import uuid

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError

from accounts.cli import broken_glass, cli_actor
from audit.models import AuditEntry
from flags import writing
from flags.models import MAX_INCIDENT_LENGTH, BreakGlass, FeatureFlag
from flags.refusals import StateMoved
from flags.services import flip
from flags.state import read_state
from tests.codes import code_of, enrolled
from tests.flags.test_commands_flip import Terminal
from tests.flags.test_flag_page import history_of
from tests.flags.test_flags_page import turn
from tests.pages import FLAGS, HIGH, LOW, MEDIUM, client_as, nothing_written, text_of
from tests.processes.server import manage

GLASS = ("--as", "alice", "--incident", "INC-7", "--break-glass")
pytestmark = pytest.mark.usefixtures("declared")


def run(*options: str, key: str = HIGH, to: str = "on", env: str = "staging") -> str:
    out = io.StringIO()
    call_command("flag_flip", key, to, "--env", env, "--reason", "fire", *options, stdout=out)
    return out.getvalue()


@pytest.fixture
def nothing_noted(declared):
    with nothing_written():
        yield
        assert not BreakGlass.objects.exists()


@pytest.mark.parametrize("key", [HIGH, MEDIUM, LOW])
def test_it_flips_any_risk_and_makes_a_note_of_it(superadmin, key):
    assert run(*GLASS, key=key) == f"{key} turned on in staging.\n"
    row, entry, note = FeatureFlag.objects.get(), AuditEntry.objects.get(), BreakGlass.objects.get()
    assert (note.flag_key, note.env, note.value) == (key, "staging", True)
    assert (note.claimed_by, note.incident) == (superadmin, "INC-7")
    assert note.change_id == entry.change_id == row.change_id
    assert note.at == entry.created_at == row.updated_at
    assert (note.acknowledged_by, note.acknowledged_at) == (None, None)


def test_the_audit_row_says_that_nobody_proved_to_be_the_operator(superadmin):
    run(*GLASS)
    entry = AuditEntry.objects.get()
    marks = {"break_glass": True, "claimed_by": "alice", "incident": "INC-7", "reason": "fire"}
    assert marks.items() <= entry.context.items()
    assert entry.context["os_user"]
    assert "proof" not in entry.context
    assert entry.payload == {"flag": HIGH, "env": "staging", "from": False, "to": True}
    assert (entry.channel, entry.actor, entry.admin) == ("cli", "alice", superadmin)


@pytest.mark.parametrize("page", [f"{FLAGS}/{HIGH}", "/console/audit"])
def test_the_pages_of_the_log_tell_it_in_words(superadmin, page):
    run(*GLASS)
    told = "alice turned checkout_express on in staging from the command line, by break-glass"
    assert told in text_of(client_as("ops").get(page))


def test_the_flags_history_has_reason_and_incident(superadmin):
    run(*GLASS)
    [line] = history_of(client_as("ops").get(f"{FLAGS}/{HIGH}"))
    assert line.endswith("— fire ( INC-7 )")


@pytest.mark.parametrize(
    "options",
    [
        ("--break-glass",),
        ("--break-glass", "--incident", "INC-7"),
        ("--break-glass", "--as", "alice"),
        ("--break-glass", "--as", "alice", "--incident", ""),
        ("--break-glass", "--as", "alice", "--incident", " \t\n"),
        ("--break-glass", "--as", "", "--incident", "INC-7"),
    ],
    ids=lambda options: " ".join(options),
)
def test_it_needs_a_name_and_an_incident(superadmin, nothing_noted, options):
    with pytest.raises(CommandError, match="--break-glass needs --as and --incident"):
        run(*options)


@pytest.mark.parametrize("key", [HIGH, LOW])
def test_it_needs_a_reason_as_every_flip_does(superadmin, nothing_noted, key):
    with pytest.raises(CommandError, match="--reason is empty"):
        call_command("flag_flip", key, "on", "--env", "staging", "--reason", " ", *GLASS)


@pytest.mark.parametrize("key", [HIGH, LOW])
def test_it_goes_with_no_code(superadmin, nothing_noted, key):
    with pytest.raises(CommandError, match="not allowed with"):
        run(*GLASS, "--totp", key=key)


def test_it_takes_no_code_that_lies_on_the_standard_input(superadmin, monkeypatch):
    device = enrolled(superadmin)
    monkeypatch.setattr("sys.stdin", io.StringIO(code_of(device)))
    run(*GLASS)
    device.refresh_from_db()
    assert device.last_t == -1


@pytest.mark.parametrize(("persona", "key"), [("bob", HIGH), ("bob", MEDIUM), ("carol", LOW)])
def test_the_role_of_the_operator_who_is_named_still_decides(
    ops, support, nothing_noted, persona, key
):
    with pytest.raises(CommandError, match="need the role"):
        run("--as", persona, *GLASS[2:], key=key)


@pytest.mark.parametrize("name", ["nobody", "bob"])
def test_an_operator_who_is_unknown_or_gone_is_refused(ops, nothing_noted, name):
    ops.is_active = False
    ops.save()
    with pytest.raises(CommandError, match="no active operator"):
        run("--as", name, *GLASS[2:], key=LOW)


def test_a_superuser_needs_it_too(superuser):
    with nothing_written(), pytest.raises(CommandError, match="need elevation"):
        run("--as", "root")
    run("--as", "root", *GLASS[2:])
    assert BreakGlass.objects.get().claimed_by == superuser


def test_the_value_that_the_row_has_is_no_emergency(superadmin):
    turn(superadmin, HIGH)
    with nothing_written():
        assert "already on" in run(*GLASS)
    assert not BreakGlass.objects.exists()


def test_a_flip_that_lost_its_race_leaves_no_note(superadmin, nothing_noted):
    with pytest.raises(StateMoved):
        flip(
            HIGH,
            "staging",
            True,
            actor=broken_glass(cli_actor(superadmin)),
            seen="db::0",
            incident="INC-7",
        )


@pytest.mark.parametrize("what", ["record", "_swap"])
def test_a_flip_that_fails_leaves_no_note(superadmin, nothing_noted, monkeypatch, what):
    def fail(*args, **kwargs):
        raise DatabaseError("no")

    monkeypatch.setattr(writing, what, fail)
    with pytest.raises(CommandError):
        run(*GLASS)


def test_a_note_that_fails_leaves_no_flip(superadmin, nothing_noted):
    with pytest.raises(DatabaseError):
        flip(
            HIGH,
            "staging",
            True,
            actor=broken_glass(cli_actor(superadmin)),
            seen=read_state(HIGH, "staging").seen,
            incident="",
        )


@pytest.mark.parametrize(("length", "refused"), [(MAX_INCIDENT_LENGTH, False), (201, True)])
@pytest.mark.parametrize("options", [GLASS, ()], ids=["break-glass", "plain"])
def test_an_incident_has_at_most_200_characters(superadmin, length, refused, options):
    incident = "é" * length
    arguments = (*options, "--incident", f" {incident} ")
    if refused:
        with nothing_written(), pytest.raises(CommandError, match="longer than 200 characters"):
            run(*arguments, key=LOW)
    else:
        run(*arguments, key=LOW)
        assert AuditEntry.objects.get().context["incident"] == incident


@pytest.mark.parametrize("typed", ["n\n", ""])
def test_a_terminal_is_asked_first(superadmin, nothing_noted, monkeypatch, typed):
    monkeypatch.setattr("sys.stdin", Terminal(typed))
    with pytest.raises(CommandError, match="Nothing was changed"):
        run(*GLASS)


def test_each_break_glass_flip_has_its_own_note(superadmin):
    for to in ("on", "off", "on"):
        run(*GLASS, to=to)
    notes = BreakGlass.objects.order_by("at")
    assert [note.value for note in notes] == [True, False, True]
    assert len({note.change_id for note in notes} & set(entries())) == 3


def entries() -> list[uuid.UUID]:
    return list(AuditEntry.objects.values_list("change_id", flat=True))


@pytest.mark.django_db(transaction=True)
def test_from_a_real_shell(superadmin):
    arguments = ("flag_flip", HIGH, "on", "--env", "staging", "--reason", "fire")
    refused = manage(*arguments, "--as", "alice", "--break-glass", check=False)
    assert refused.returncode != 0
    assert "needs --as and --incident" in refused.stderr
    assert manage(*arguments, *GLASS).stdout == f"{HIGH} turned on in staging.\n"
    assert BreakGlass.objects.get().incident == "INC-7"
