"""Entries for which a flags file is refused: each problem with file and line, all at once."""

import pytest

from tests.flags.test_declarations import GOOD, entry, problems


def test_all_problems_of_a_file_are_told_at_once_each_with_its_line(tmp_path):
    content = (
        "a_flag:\n"
        "  default: 1\n"
        "  risk: extreme\n"
        "  soak_period_hours: -1\n"
        "  description: ''\n"
        "  colour: red\n"
        "Big: {}\n"
        "b_flag: true\n"
        "a_flag:\n"
        "  default: true\n"
        "on: {}\n"
    )
    found = problems(tmp_path, content)
    expected = [
        (2, "a_flag: default"),
        (3, "a_flag: risk"),
        (4, "a_flag: soak_period_hours"),
        (5, "a_flag: description"),
        (6, "a_flag: unknown key 'colour'"),
        (7, "flag key 'Big'"),
        (7, "Big: 'default' is missing"),
        (7, "Big: 'description' is missing"),
        (7, "Big: 'risk' is missing"),
        (8, "b_flag: must be a mapping"),
        (9, "the flag key 'a_flag' is given twice"),
        (11, "YAML reads the flag key 'on' as a boolean"),
    ]
    assert [line for line, _ in found] == [line for line, _ in expected]
    for (_, message), (_, start) in zip(found, expected, strict=True):
        assert message.startswith(start)


NO_BOOLEAN = ['"true"', "'false'", "1", "0", "1.0", "null", "~", "", "tRue", "y", "enabled"]
NO_BOOLEAN += ["[true]", "{a: b}"]


@pytest.mark.parametrize("written", NO_BOOLEAN)
def test_a_default_that_is_no_boolean_is_refused(tmp_path, written):
    assert problems(tmp_path, entry(default=written)) == [
        (2, "a_flag: default must be true or false")
    ]


@pytest.mark.parametrize(
    "written", ["Low", "HIGH", "critical", "1", "true", "null", "", '""', "[low]", "{low: high}"]
)
def test_a_risk_out_of_range_is_refused(tmp_path, written):
    assert problems(tmp_path, entry(risk=written)) == [
        (3, "a_flag: risk must be one of low, medium, high")
    ]


NO_HOURS = ["-1", "-0.5", "-0", ".inf", "-.inf", ".nan", "nan", "true", "false", "null", "", "{}"]
NO_HOURS += ["24:00", "1:30:00", "1e3", "1.0e+3", "0x18", "0b11", "1_000", "+5", "24.", "24h"]
NO_HOURS += ["8761", "8760.5", "9" * 400, "9" * 5000, "2026-01-01", '"24"', "[24]"]


@pytest.mark.parametrize("written", NO_HOURS, ids=lambda written: written[:20])
def test_a_soak_that_is_no_plain_number_of_hours_is_refused(tmp_path, written):
    [(line, message)] = problems(tmp_path, entry(soak_period_hours=written))
    assert line == 5
    assert message.startswith("a_flag: soak_period_hours must be a number of hours")


@pytest.mark.parametrize(
    "written", ['""', '"  "', "", "null", "5", "true", "[text]", "{a: b}", "2026-01-01"]
)
def test_a_description_that_is_no_text_is_refused(tmp_path, written):
    assert problems(tmp_path, entry(description=written)) == [
        (4, "a_flag: description must be a text")
    ]


@pytest.mark.parametrize("escape", ["\\0", "\\a", "\\e", "\\b", "\\r"])
def test_a_control_character_in_a_description_is_refused(tmp_path, escape):
    assert problems(tmp_path, entry(description=f'"x{escape}y"')) == [
        (4, "a_flag: description has a control character")
    ]


@pytest.mark.parametrize("name", ["default", "risk", "description"])
def test_a_missing_field_is_refused(tmp_path, name):
    content = "".join(line for line in GOOD.splitlines(True) if f"  {name}:" not in line)
    assert problems(tmp_path, content) == [(1, f"a_flag: {name!r} is missing")]


@pytest.mark.parametrize("name", ["colour", "Default", "soak_period", "soak-period-hours", "env"])
def test_an_unknown_field_is_refused(tmp_path, name):
    assert problems(tmp_path, entry(**{name: "1"})) == [(5, f"a_flag: unknown key {name!r}")]


@pytest.mark.parametrize(
    "key",
    ["A", "a_Flag", "1a", "a-b", "_a", "a b", "a.b", "é", "''", "aé", "a\u0301", "a" * 101],
    ids=lambda key: ascii(key)[:12],
)
def test_a_key_of_another_form_is_refused(tmp_path, key):
    [(line, message)] = problems(tmp_path, entry(key))
    assert line == 1
    assert message.startswith("flag key ")


@pytest.mark.parametrize("key", ["on", "off", "yes", "no", "true", "false", "On", "NO", "True"])
def test_a_key_that_yaml_turns_into_a_boolean_is_refused(tmp_path, key):
    assert problems(tmp_path, GOOD + entry(key)) == [
        (5, f"YAML reads the flag key {key!r} as a boolean: use another word")
    ]
    [(line, message)] = problems(tmp_path, entry(**{key: "1"}))
    assert (line, f"{key!r} as a boolean" in message) == (5, True)


@pytest.mark.parametrize("key", ["null", "~", "1", "1.5", "0x1f", "2026-01-01", "=", "? [a]\n"])
def test_a_key_that_yaml_reads_as_something_other_than_text_is_refused(tmp_path, key):
    [(line, message)] = problems(tmp_path, GOOD + entry(key))
    assert line == 5
    assert "not text" in message or "plain word" in message


def test_a_flag_declared_twice_is_refused(tmp_path):
    assert problems(tmp_path, GOOD + "\n" + GOOD) == [
        (6, "the flag key 'a_flag' is given twice (first in line 1)")
    ]


def test_a_field_given_twice_is_refused(tmp_path):
    [(line, message)] = problems(tmp_path, GOOD + "  risk: high\n")
    assert line == 5
    assert message.endswith("key 'risk' is given twice (first in line 3)")


def test_the_switch_of_the_database_layer_cannot_be_declared(tmp_path):
    [(line, message)] = problems(tmp_path, entry("console_feature_flags_db"))
    assert line == 1
    assert "is the switch of the DB layer" in message


@pytest.mark.parametrize("value", ["", "true", "false", "text", "[a, b]", "5"])
def test_a_flag_that_is_no_mapping_is_refused(tmp_path, value):
    assert problems(tmp_path, f"a_flag: {value}\n") == [
        (1, "a_flag: must be a mapping with default, description, risk")
    ]
