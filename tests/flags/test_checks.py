"""System checks: a bad flags file stops a deploy, and a process that serves goes on."""

import pytest
from django.conf import settings as project
from django.core.checks import run_checks

import flags
from flags import runtime
from flags.declarations import DeclarationsError
from tests.flags.test_declarations import GOOD, entry
from tests.processes.server import manage

BAD = entry("a_flag", default="1", risk="extreme") + entry("Big")


@pytest.fixture
def flags_file(tmp_path, settings):
    path = tmp_path / "flags.yaml"
    path.write_text(GOOD)
    settings.FEATURE_FLAGS_FILE = path
    return path


def _messages(*ids: str) -> list:
    return [message for message in run_checks() if message.id in ids]


def test_the_shipped_file_and_a_clean_environment_pass():
    assert project.FEATURE_FLAGS_FILE.name == "feature_flags.yaml"
    assert _messages("flags.E001", "flags.W001") == []


def test_each_problem_of_a_bad_file_is_an_error_of_its_own(flags_file):
    flags_file.write_text(BAD)
    found = _messages("flags.E001")
    assert [message.msg.removeprefix(f"{flags_file}:").split(":")[0] for message in found] == [
        "2",
        "3",
        "5",
    ]
    assert all(message.is_serious() and message.hint for message in found)


def test_a_missing_file_is_an_error(flags_file):
    flags_file.unlink()
    [message] = _messages("flags.E001")
    assert "cannot be read" in message.msg


def test_a_config_var_that_is_not_understood_is_a_warning_that_names_it(flags_file, monkeypatch):
    monkeypatch.setenv("FLAG_A_FLAG", "hunter2")
    [message] = _messages("flags.E001", "flags.W001")
    assert message.msg.startswith("FLAG_A_FLAG is ignored")
    assert not message.is_serious()
    assert "hunter2" not in str(message)


@pytest.mark.parametrize(("name", "text"), [("FLAG_A_FLAG", "on"), ("FLAG_OTHER", "maybe")])
def test_a_config_var_that_is_understood_or_of_no_flag_is_no_warning(
    flags_file, monkeypatch, name, text
):
    monkeypatch.setenv(name, text)
    assert _messages("flags.W001") == []


def test_manage_py_check_fails_and_names_each_problem_with_file_and_line(tmp_path):
    path = tmp_path / "flags.yaml"
    path.write_text(BAD)
    done = manage("check", check=False, FEATURE_FLAGS_FILE=str(path), FLAG_A_FLAG="maybe")
    assert done.returncode != 0
    assert [f"{path}:{line}: " in done.stderr for line in (1, 2, 3, 5)] == [False, True, True, True]
    assert "Traceback" not in done.stderr


def test_manage_py_check_passes_with_a_warning_for_a_config_var():
    done = manage("check", FLAG_CONSOLE_BILLING="maybe")
    assert "FLAG_CONSOLE_BILLING is ignored" in done.stderr


@pytest.mark.parametrize("damage", [BAD, "", None], ids=["bad", "empty", "gone"])
def test_a_process_that_serves_keeps_the_last_good_declarations(flags_file, settings, damage):
    settings.FLAG_CONSOLE_FEATURE_FLAGS_DB = False
    runtime.replace_store(None)
    assert flags.is_on("a_flag") is False
    good = runtime.declared()

    if damage is None:
        flags_file.unlink()
    else:
        flags_file.write_text(damage)

    assert runtime.declared() is good
    assert flags.is_on("a_flag") is False
    assert flags.explain("a_flag").source == "yaml"


def test_a_process_that_starts_with_a_bad_file_is_told_why(flags_file):
    flags_file.write_text(BAD)
    with pytest.raises(DeclarationsError, match="Big"):
        runtime.declared()
