"""Flags files that are accepted, and what they declare."""

import dataclasses
from pathlib import Path

import pytest

from flags import declarations
from flags.declarations import Declaration, DeclarationsError, Risk
from flags.plain_yaml import MAX_BYTES

SHIPPED = Path(declarations.__file__).with_name("feature_flags.yaml")
GOOD = "a_flag:\n  default: false\n  risk: low\n  description: what it gates\n"


def load(directory: Path, content: str | bytes) -> declarations.Declarations:
    """The declarations of a flags file with this content."""
    path = directory / "flags.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return declarations.load(path)


def problems(directory: Path, content: str | bytes) -> list[tuple[int, str]]:
    """(line, message) of each problem for which this content is refused."""
    with pytest.raises(DeclarationsError) as refused:
        load(directory, content)
    path = directory / "flags.yaml"
    lines = str(refused.value).splitlines()
    assert [str(problem) for problem in refused.value.problems] == lines
    assert all(line.startswith(f"{path}:") for line in lines)
    return [(problem.line, problem.message) for problem in refused.value.problems]


def entry(key: str = "a_flag", **fields: str) -> str:
    """One entry: `key` on line 1, then default, risk, description and what is given besides."""
    values = {"default": "false", "risk": "low", "description": "what it gates"} | fields
    return f"{key}:\n" + "".join(f"  {name}: {value}\n" for name, value in values.items())


def test_the_shipped_file_declares_a_dozen_flags_of_all_three_risks():
    declared = declarations.load(SHIPPED)
    assert len(declared) >= 12
    assert {flag.risk for flag in declared.values()} == set(Risk)
    assert {"console_billing", "console_flag_mgmt"} <= set(declared)
    assert all(flag.key == key for key, flag in declared.items())


def test_the_gate_of_the_shipped_file_is_open():
    assert declarations.load(SHIPPED)["console_flag_mgmt"].default is True


def test_an_entry_becomes_a_frozen_declaration(tmp_path):
    declared = load(tmp_path, entry(default="true", risk="high", soak_period_hours="1.5"))
    flag = declared["a_flag"]
    assert flag == Declaration("a_flag", True, Risk.HIGH, 1.5, "what it gates")
    with pytest.raises(dataclasses.FrozenInstanceError):
        flag.default = False  # type: ignore[misc]
    with pytest.raises(TypeError):
        declared["b_flag"] = flag  # type: ignore[index]


def test_the_runbooks_own_example_is_accepted(tmp_path):
    example = (
        "my_new_feature:\n"
        "  default: false\n"
        "  soak_period_hours: 24\n"
        '  description: "one-line description of what the flag gates"\n'
        "  risk: low     # low | medium | high\n"
    )
    assert load(tmp_path, example)["my_new_feature"].soak_period_hours == 24


def test_flags_keep_the_order_of_the_file(tmp_path):
    declared = load(tmp_path, entry("zebra") + entry("aardvark") + entry("mole"))
    assert list(declared) == ["zebra", "aardvark", "mole"]


def test_the_soak_is_24_hours_where_it_is_left_out(tmp_path):
    assert load(tmp_path, GOOD)["a_flag"].soak_period_hours == 24.0


@pytest.mark.parametrize(
    ("written", "hours"), [("0", 0.0), ("0.5", 0.5), ("72", 72.0), ("010", 10.0), ("8760", 8760.0)]
)
def test_a_soak_is_a_decimal_number_of_hours(tmp_path, written, hours):
    flag = load(tmp_path, entry(soak_period_hours=written))["a_flag"]
    assert flag.soak_period_hours == hours
    assert isinstance(flag.soak_period_hours, float)


@pytest.mark.parametrize(
    ("written", "value"),
    [("true", True), ("True", True), ("yes", True), ("on", True), ("FALSE", False), ("off", False)],
)
def test_a_default_is_any_of_yamls_booleans(tmp_path, written, value):
    assert load(tmp_path, entry(default=written))["a_flag"].default is value


@pytest.mark.parametrize(
    "description",
    ["x" * 10_000, '"schön 日本 🎉"', '"a: b # c"', '"two\\nlines"'],
    ids=["10 kB", "unicode", "punctuation", "two lines"],
)
def test_a_description_may_be_long_and_in_any_script(tmp_path, description):
    flag = load(tmp_path, entry(description=description))["a_flag"]
    assert flag.description == description.strip('"').replace("\\n", "\n")


@pytest.mark.parametrize(
    "content",
    [
        GOOD.replace("\n", "\r\n").encode(),
        b"\xef\xbb\xbf" + GOOD.encode(),
        b"---\n" + GOOD.encode(),
        b"# a comment\n\n" + GOOD.encode(),
        b"#" + b"x" * (MAX_BYTES - len(GOOD) - 2) + b"\n" + GOOD.encode(),
    ],
    ids=["CRLF", "BOM", "document start", "comment", "exactly 1 MiB"],
)
def test_the_same_declarations_are_read_however_the_file_was_saved(tmp_path, content):
    assert load(tmp_path, content) == load(tmp_path, GOOD)


@pytest.mark.parametrize("key", ["a", "y", "n", "a1_", "x" * 100])
def test_a_key_is_lower_case_letters_digits_and_underscores(tmp_path, key):
    assert list(load(tmp_path, entry(key))) == [key]
