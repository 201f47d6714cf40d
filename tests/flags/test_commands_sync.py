"""`sync_flags`: this deployment's declarations, into the database."""

import io

import pytest
from django.core.management import CommandError, call_command

from flags import runtime
from flags.models import DeclaredFlag
from tests.flags.test_declarations import entry

pytestmark = pytest.mark.django_db


def sync(*arguments: str) -> str:
    """What it says of the declared flags; of config vars: test_commands_config_vars.py."""
    out = io.StringIO()
    call_command("sync_flags", *arguments, stdout=out)
    lines = out.getvalue().splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith(("config vars", "stray")))


def rows(env: str) -> list[str]:
    return sorted(DeclaredFlag.objects.filter(env=env).values_list("flag_key", flat=True))


@pytest.fixture
def flags_file(tmp_path, settings):
    """A deployment with flags of its own: `a_flag` and `b_flag`."""
    path = tmp_path / "flags.yaml"
    path.write_text(entry("a_flag") + entry("b_flag"))
    settings.FEATURE_FLAGS_FILE = path
    return path


def test_the_deployments_own_environment_is_synced_and_no_other():
    assert "added: console_billing" in sync()
    assert rows("staging") == sorted(runtime.declared())
    assert rows("prod") == []


def test_a_second_sync_says_that_there_is_nothing_to_change(flags_file):
    sync()
    assert sync() == "staging: 2 flags, nothing to change\n"


def test_the_release_is_kept_with_the_rows(flags_file, settings):
    settings.RELEASE = "v42"
    sync()
    assert set(DeclaredFlag.objects.values_list("release", flat=True)) == {"v42"}


def test_what_is_no_longer_declared_is_removed_and_told(flags_file):
    sync()
    flags_file.write_text(entry("b_flag", risk="high") + entry("c_flag"))
    assert sync() == "staging: added: c_flag; changed: b_flag; removed: a_flag\n"
    assert rows("staging") == ["b_flag", "c_flag"]


@pytest.mark.parametrize("arguments", [["--env", "prod"], ["--env", "staging", "--env", "prod"]])
def test_another_environment_is_refused_outside_debug_and_nothing_is_written(arguments):
    with pytest.raises(CommandError, match="speaks for it alone"):
        sync(*arguments)
    assert not DeclaredFlag.objects.exists()


def test_both_environments_are_synced_under_debug(flags_file, settings):
    settings.DEBUG = True
    sync("--env", "prod", "--env", "staging", "--env", "prod")
    assert rows("prod") == rows("staging") == ["a_flag", "b_flag"]


def test_an_unknown_environment_is_refused(settings):
    settings.DEBUG = True
    with pytest.raises(CommandError, match="invalid choice: 'dev'"):
        sync("--env", "dev")


def test_check_fails_when_out_of_step_and_writes_nothing(flags_file):
    with pytest.raises(CommandError, match="out of step"):
        sync("--check")
    assert not DeclaredFlag.objects.exists()

    sync()
    assert sync("--check") == "staging: 2 flags, nothing to change\n"

    flags_file.write_text(entry("a_flag", default="true"))
    before = list(DeclaredFlag.objects.order_by("pk").values())
    with pytest.raises(CommandError, match="out of step"):
        sync("--check")
    assert list(DeclaredFlag.objects.order_by("pk").values()) == before


def test_check_of_two_environments_fails_when_the_first_alone_is_out_of_step(flags_file, settings):
    settings.DEBUG = True
    sync()
    with pytest.raises(CommandError, match="out of step"):
        sync("--check", "--env", "prod", "--env", "staging")


def test_a_bad_file_is_refused_with_every_problem_and_leaves_the_rows(flags_file):
    sync()
    flags_file.write_text(entry("a_flag", default="1", risk="none"))
    with pytest.raises(CommandError) as refused:
        sync()
    assert [f"{flags_file}:{line}: " in str(refused.value) for line in (2, 3)] == [True, True]
    assert rows("staging") == ["a_flag", "b_flag"]
