"""`flag_flip --totp`: a code of the operator who is named, good for this one flip."""

import io

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.models import RecoveryCode
from accounts.proofs import wait_of
from audit.models import AuditEntry
from flags.models import BreakGlass, FeatureFlag
from tests.codes import code_of, enrolled, wrong_code
from tests.flags.test_flags_page import turn
from tests.pages import HIGH, LOW

FLIP = ("flag_flip", HIGH, "on", "--env", "staging", "--reason", "INC-1: launch")
AS_ALICE = ("--as", "alice", "--totp")
ALSO_HIGH = "console_bulk_refunds"
RECOVERY = "ABCD-EFGH-IJKL-MNOP"


@pytest.fixture
def device(superadmin):
    return enrolled(superadmin)


@pytest.fixture
def run(monkeypatch, declared):
    """Run the command with this on its standard input, which is no terminal."""

    def run_(*options: str, typed: str = "", key: str = HIGH) -> str:
        out = io.StringIO()
        monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        call_command(FLIP[0], key, *FLIP[2:], *options, stdout=out, stderr=out)
        return out.getvalue()

    return run_


def audited() -> list[str]:
    return [e.action.removeprefix("console.") for e in AuditEntry.objects.order_by("id")]


def is_fresh(device) -> bool:
    """Whether no code was spent and no failure counted."""
    device.refresh_from_db()
    return (device.last_t, device.throttling_failure_count) == (-1, 0)


@pytest.mark.parametrize("options", [(), ("--as", "alice")])
def test_without_a_proof_the_refusal_says_what_to_add(run, device, options):
    with pytest.raises(CommandError) as refused:
        run(*options, typed=code_of(device))
    assert "--as NAME --totp" in str(refused.value)
    assert "--as NAME --break-glass --incident ID" in str(refused.value)
    assert audited() == []
    assert is_fresh(device)


def test_a_right_code_flips_and_is_told_in_the_context(run, device, superadmin):
    assert run(*AS_ALICE, typed=f"{code_of(device)}\n") == f"{HIGH} turned on in staging.\n"
    assert audited() == ["operator.elevated", "flag.flip"]
    proof, flip = AuditEntry.objects.order_by("id")
    assert (proof.admin, proof.channel) == (superadmin, "cli")
    assert (flip.admin, flip.actor, flip.channel) == (superadmin, "alice", "cli")
    assert (flip.context["proof"], flip.context["reason"]) == ("totp", "INC-1: launch")
    assert "break_glass" not in flip.context
    assert FeatureFlag.objects.get().updated_by == superadmin
    assert not BreakGlass.objects.exists()


def test_the_code_is_good_for_this_one_flip(run, device):
    code = code_of(device)
    run(*AS_ALICE, typed=code)
    with pytest.raises(CommandError, match=r"used already.*Nothing was changed"):
        run(*AS_ALICE, typed=code, key=ALSO_HIGH)
    with pytest.raises(CommandError, match="elevation"):
        run("--as", "alice", key=ALSO_HIGH)
    assert list(FeatureFlag.objects.values_list("flag_key", flat=True)) == [HIGH]
    assert AuditEntry.objects.latest("id").payload["reason"] == "code used before"


@pytest.mark.parametrize("typed", ["wrong", "12345", "not a code", "١٢٣٤٥٦"])
def test_a_code_that_is_not_right_is_refused_counted_audited_and_the_wait_is_told(
    run, device, typed
):
    typed = wrong_code(device) if typed == "wrong" else typed
    with pytest.raises(CommandError, match=r"not right\. Wait 1 second.*Nothing was changed\."):
        run(*AS_ALICE, typed=typed)
    assert audited() == ["operator.elevation_refused"]
    assert AuditEntry.objects.get().context["os_user"]
    device.refresh_from_db()
    assert (device.throttling_failure_count, device.last_t) == (1, -1)
    assert not FeatureFlag.objects.exists()


def test_a_right_code_during_the_wait_is_refused_and_not_burnt(run, device):
    device.throttling_failure_count, device.throttling_failure_timestamp = 5, timezone.now()
    device.save()
    with pytest.raises(CommandError, match=r"not looked at\. Wait 1\d seconds"):
        run(*AS_ALICE, typed=code_of(device))
    device.refresh_from_db()
    assert device.last_t == -1
    assert 0 < wait_of(device, timezone.now()) <= 16
    assert AuditEntry.objects.get().payload["reason"] == "too soon"


def test_an_operator_without_a_device_is_told_to_enrol(run, superadmin):
    with pytest.raises(CommandError, match=r"no TOTP device yet.*Nothing was changed"):
        run(*AS_ALICE, typed="123456")
    assert AuditEntry.objects.get().payload["reason"] == "not enrolled"


def test_the_code_of_another_operator_is_none_of_this_one(run, device, superuser):
    with pytest.raises(CommandError, match="not right"):
        run(*AS_ALICE, typed=code_of(enrolled(superuser)))


def test_a_code_needs_the_name_of_its_operator(run, device):
    with pytest.raises(CommandError, match="--totp needs --as"):
        run("--totp", typed=code_of(device))
    assert is_fresh(device)


@pytest.mark.parametrize("typed", [RECOVERY, RECOVERY.lower().replace("-", "")])
def test_a_recovery_code_flips_once_and_is_told_as_such(run, device, superadmin, typed):
    digest = RecoveryCode.digest_of(RECOVERY)
    RecoveryCode.objects.create(user=superadmin, digest=digest, created_at=timezone.now())
    run(*AS_ALICE, typed=typed)
    assert AuditEntry.objects.latest("id").context["proof"] == "recovery code"
    with pytest.raises(CommandError, match="used already"):
        run(*AS_ALICE, typed=typed, key=ALSO_HIGH)


def test_low_risk_takes_a_code_that_is_offered(run, device):
    assert "turned on" in run(*AS_ALICE, typed=code_of(device), key=LOW)
    assert AuditEntry.objects.latest("id").context["proof"] == "totp"


def test_a_role_that_may_not_flip_is_refused_and_its_code_is_as_good_as_before(run, ops):
    device = enrolled(ops)
    with pytest.raises(CommandError, match="need the role superadmin"):
        run("--as", "bob", "--totp", typed=code_of(device))
    assert not FeatureFlag.objects.exists()
    assert is_fresh(device)


def test_the_value_that_the_row_has_takes_no_code(run, device, superadmin):
    turn(superadmin, HIGH)
    assert "already on" in run(*AS_ALICE, typed=code_of(device))
    assert is_fresh(device)


def test_a_value_that_moves_while_the_code_is_typed_is_told_and_the_code_is_not_burnt(
    device, superadmin, monkeypatch
):
    def typed() -> str:
        turn(superadmin, HIGH)
        turn(superadmin, HIGH, False)
        return code_of(device)

    slow = io.StringIO()
    monkeypatch.setattr(slow, "readline", typed)
    monkeypatch.setattr("sys.stdin", slow)
    with pytest.raises(CommandError, match="changed meanwhile: it is off in staging now"):
        call_command(*FLIP, *AS_ALICE)
    device.refresh_from_db()
    assert device.last_t == -1
    assert audited() == ["flag.flip", "flag.flip"]


def test_no_code_is_said_logged_or_kept(run, device, capsys, caplog):
    right, wrong = code_of(device), "765432 is my code"
    caplog.set_level("DEBUG")
    said = run(*AS_ALICE, typed=right)
    with pytest.raises(CommandError) as refused:
        run(*AS_ALICE, typed=wrong, key=ALSO_HIGH)
    kept = str(list(AuditEntry.objects.values("actor", "payload", "context")))
    told = [said, str(refused.value), caplog.text, *capsys.readouterr(), kept]
    assert not [text for text in told if right in text or "765432" in text]


@pytest.mark.parametrize("typed", ["", "\n", "   \n"])
def test_no_code_at_all_is_no_try(run, device, typed):
    with pytest.raises(CommandError, match="No code was given"):
        run(*AS_ALICE, typed=typed)
    device.refresh_from_db()
    assert (device.throttling_failure_count, audited()) == (0, [])
    assert not FeatureFlag.objects.exists()
