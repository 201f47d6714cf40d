"""`FLAG_*` variables: which words are understood, and what becomes of the others."""

import ast
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from flags import config_vars
from flags.config_vars import SWITCH
from flags.declarations import Declaration, Risk
from flags.layers import Resolution, Source
from flags.store import Store

ROOT = Path(config_vars.__file__).parent.parent
ROOMS = ("audit", "accounts", "flags", "promotions", "raxxconsole")
ON = ["1", "true", "on", "yes", "TRUE", "True", "oN", "YES", " on ", "yes\n"]
OFF = ["0", "false", "off", "no", "FALSE", "False", "oFF", "NO", "\toff"]
NOT_UNDERSTOOD = ["", " ", "2", "-1", "01", "1.0", "y", "n", "t", "enabled", "ture", "1;", "on off"]


@pytest.fixture(autouse=True)
def _nothing_warned_of_yet(monkeypatch):
    monkeypatch.setattr(config_vars, "_warned", set())


@pytest.mark.parametrize(
    ("text", "value"), [(text, True) for text in ON] + [(text, False) for text in OFF]
)
def test_a_word_for_on_or_off_is_understood_in_any_case(text, value):
    assert config_vars.read(["a_flag"], {"FLAG_A_FLAG": text}) == {"a_flag": value}
    assert config_vars.not_understood(["a_flag"], {"FLAG_A_FLAG": text}) == []


@pytest.mark.parametrize("text", NOT_UNDERSTOOD)
def test_any_other_word_is_ignored_with_one_warning_that_names_the_variable(caplog, text):
    environ = {"FLAG_A_FLAG": text, "FLAG_B_FLAG": "on"}
    for _ in range(3):
        assert config_vars.read(["a_flag", "b_flag"], environ) == {"b_flag": True}
    [record] = caplog.records
    assert record.levelno == logging.WARNING
    assert record.getMessage().startswith("FLAG_A_FLAG is ignored")
    assert config_vars.not_understood(["a_flag", "b_flag"], environ) == ["FLAG_A_FLAG"]


def test_a_variable_that_is_wrong_in_a_new_way_is_warned_of_again(caplog):
    for text in ("ture", "ture", "flase"):
        config_vars.read(["a_flag"], {"FLAG_A_FLAG": text})
    assert len(caplog.records) == 2


def test_the_value_stays_out_of_the_log_because_it_may_be_a_secret(caplog):
    config_vars.read(["a_flag"], {"FLAG_A_FLAG": "hunter2"})
    assert "hunter2" not in caplog.text


def test_what_the_environment_does_not_mention_is_left_out(caplog):
    assert (
        config_vars.read(["a_flag"], {"FLAG_B_FLAG": "on", "A_FLAG": "on", "flag_a_flag": "1"})
        == {}
    )
    assert not caplog.records


def test_the_switch_is_never_a_flag(caplog):
    assert config_vars.read(["console_feature_flags_db"], {SWITCH: "1"}) == {}
    assert not caplog.records


def test_the_variable_of_a_flag_is_its_key_in_upper_case():
    assert config_vars.name_of("console_billing") == "FLAG_CONSOLE_BILLING"


@pytest.mark.parametrize("default", [True, False])
def test_the_next_layer_answers_for_a_variable_that_is_not_understood(monkeypatch, default):
    monkeypatch.setenv("FLAG_A_FLAG", "maybe")
    declared = {"a_flag": Declaration("a_flag", default, Risk.LOW, 24.0, "text")}
    answer = Store("staging", declared, None).explain("a_flag")
    assert answer == Resolution(default, Source.YAML, None, None, default)


def _names_a_config_var(tree: ast.AST) -> Iterator[str]:
    """Texts that are, or begin, the name of a FLAG_ variable. Prose that mentions one is none."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = node.value
            if text.startswith("FLAG_") and all(c.isupper() or c in "_0123456789" for c in text):
                yield text


@pytest.mark.parametrize(
    "source",
    [
        'os.environ.get("FLAG_X")',
        'os.environ[f"FLAG_{key.upper()}"]',
        'os.getenv("FLAG_" + name)',
        '[name for name in os.environ if name.startswith("FLAG_")]',
    ],
)
def test_a_second_reader_of_config_vars_would_be_found(source):
    assert list(_names_a_config_var(ast.parse(source)))


def test_one_module_alone_reads_config_vars_from_the_environment():
    readers = [
        path.relative_to(ROOT).as_posix()
        for room in ROOMS
        for path in (ROOT / room).rglob("*.py")
        if any(_names_a_config_var(ast.parse(path.read_text())))
    ]
    assert readers == ["flags/config_vars.py"]
