"""Files that are refused as a whole: broken, hostile, or no flags file at all.

Durations are processor time: how busy the machine is says nothing about the parser.
"""

import time

import pytest

from flags import declarations
from flags.declarations import DeclarationsError
from flags.plain_yaml import MAX_BYTES
from tests.flags.test_declarations import GOOD, entry, load, problems
from tests.timed import in_time


@pytest.mark.parametrize(
    "content",
    ["", "\n\n", "# only a comment\n", "null\n", "- a_flag\n", "a_flag\n", "5\n", "[]\n", "---\n"],
)
def test_a_file_that_is_no_mapping_is_refused(tmp_path, content):
    [(line, message)] = problems(tmp_path, content)
    assert line in (1, 2)
    assert message in ("the file must be a mapping of flag keys to declarations", "is empty")


BROKEN = {
    "tab": (GOOD + "b_flag:\n\tdefault: true\n", 6),
    "open list": (GOOD + "b_flag: [\n", 6),
    "open text": (GOOD + 'b_flag: "open\n', 5),
    "no value": (GOOD + "  b_flag\n", 6),
    "reserved sign": (GOOD + "b_flag: @x\n", 5),
    "two documents": (GOOD + "---\n" + GOOD.replace("a_flag", "b_flag"), 5),
    "two documents with an end": (GOOD + "...\n---\nb_flag: {}\n", 6),
    "lone surrogate": (GOOD + 'b_flag: "\\ud800"\n', 5),
    "beyond unicode": (GOOD + 'b_flag: "\\U00110000"\n', 5),
    "unknown escape": (GOOD + 'b_flag: "\\q"\n', 5),
}


@pytest.mark.parametrize(("content", "line"), BROKEN.values(), ids=BROKEN)
def test_broken_yaml_is_refused_with_the_line_where_it_breaks(tmp_path, content, line):
    [(found, message)] = problems(tmp_path, content)
    assert message.startswith("not YAML: ")
    # Of a text or a list that never ends, a parser may name the line of its start or of its end.
    assert found in (line, line + 1)


@pytest.mark.parametrize("sign", ["\0", "\x0b", "\x1b", "\ufffe"], ids=ascii)
def test_a_raw_control_character_is_refused_with_its_line(tmp_path, sign):
    content = GOOD + entry("b_flag", description=f"x{sign}y")
    [(line, message)] = problems(tmp_path, content)
    assert message.startswith("has the control character ")
    assert line == 8


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (GOOD.encode("utf-16"), 1),
        (GOOD.encode() + b"# caf\xe9\n", 5),
        (GOOD.encode() + b"\n# \xed\xa0\x80\n", 6),
    ],
    ids=["UTF-16", "Latin-1", "encoded surrogate"],
)
def test_a_file_that_is_not_utf_8_is_refused_with_its_line(tmp_path, content, line):
    assert problems(tmp_path, content) == [(line, "is not UTF-8")]


def test_a_file_over_1_mib_is_refused_unread(tmp_path):
    assert problems(tmp_path, b"#" + b"x" * MAX_BYTES) == [(1, "is larger than 1 MiB")]


def test_a_file_without_end_is_refused_at_once(tmp_path):
    path = tmp_path / "flags.yaml"
    with path.open("wb") as stream:
        stream.truncate(1 << 40)
    started = time.thread_time()
    with pytest.raises(DeclarationsError, match="1 MiB"):
        declarations.load(path)
    with in_time():
        assert time.thread_time() - started < 1


@pytest.mark.parametrize("what", ["missing", "directory"])
def test_a_file_that_cannot_be_read_is_refused_with_its_name(tmp_path, what):
    path = tmp_path if what == "directory" else tmp_path / "missing.yaml"
    with pytest.raises(DeclarationsError) as refused:
        declarations.load(path)
    assert str(refused.value).startswith(f"{path}:1: cannot be read: ")


def test_anchors_and_aliases_are_refused_each_with_its_line(tmp_path):
    content = GOOD.replace("a_flag:", "a_flag: &base") + "b_flag: *base\n" + entry("c_flag")
    assert [(line, message[:12]) for line, message in problems(tmp_path, content)] == [
        (1, "anchor &base"),
        (5, "alias *base "),
    ]


@pytest.mark.parametrize(
    "content", ["a_flag: {default: &x true}", "&x a_flag: {}", "a_flag: [&x 1]", "&x {}"]
)
def test_an_anchor_anywhere_is_refused(tmp_path, content):
    assert (1, "anchor &x is not allowed: write the value out") in problems(tmp_path, content)


def test_an_anchor_hides_no_other_problem(tmp_path):
    content = "a_flag: &x {default: 1, risk: extreme, description: text, colour: red}\n"
    assert [message.split(" ")[0] for _, message in problems(tmp_path, content)] == [
        "anchor",
        "a_flag:",
        "a_flag:",
        "a_flag:",
    ]


@pytest.mark.parametrize("content", [entry(**{"<<": "{default: true}"}), GOOD + "<<: {}\n"])
def test_a_merge_key_is_refused(tmp_path, content):
    [(line, message)] = problems(tmp_path, content)
    assert (line, "'<<'" in message) == (5, True)


@pytest.mark.parametrize(
    "content",
    [
        "a_flag: !!python/object/apply:os.system ['true']\n",
        GOOD.replace("a_flag:", "a_flag: !!python/object:builtins.object"),
        GOOD.replace("a_flag:", "a_flag: !ours"),
        "!!python/object:builtins.object\n" + GOOD,
        GOOD.replace("a_flag:", "a_flag: !!set"),
        entry(default="!ours true"),
        entry(description="!ours text"),
        entry(default="!!str true"),
        entry(default="!!bool maybe"),
    ],
    ids=["call", "object", "ours", "root", "set", "default", "description", "text", "maybe"],
)
def test_a_tag_that_safe_yaml_does_not_know_for_this_place_is_refused(tmp_path, content):
    assert problems(tmp_path, content)


def _laughs() -> str:
    lines = ["x0: &x0 [ha, ha, ha, ha, ha, ha, ha, ha, ha]"]
    for n in range(1, 30):
        lines.append(f"x{n}: &x{n} [{', '.join([f'*x{n - 1}'] * 9)}]")
    return "\n".join(lines)


EXHAUSTING = {
    "billion laughs": _laughs(),
    "lists": "[" * 100_000,
    "mappings": "a: " + "{a: " * 100_000,
    "dashes": "- " * 100_000,
    "questions": "? " * 100_000,
    "indents": "".join(" " * n + "a:\n" for n in range(1000)),
}


@pytest.mark.parametrize("content", EXHAUSTING.values(), ids=EXHAUSTING)
def test_a_file_that_would_exhaust_the_parser_is_refused_at_once(tmp_path, content):
    started = time.thread_time()
    assert problems(tmp_path, content)
    with in_time():
        assert time.thread_time() - started < 1


def test_a_full_file_of_flags_is_read_in_a_moment(tmp_path):
    content = "".join(entry(f"flag_{n}") for n in range(10_000))
    assert len(content) < MAX_BYTES
    started = time.thread_time()
    assert len(load(tmp_path, content)) == 10_000
    with in_time():
        assert time.thread_time() - started < 5
