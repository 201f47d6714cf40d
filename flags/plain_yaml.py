"""YAML without its surprises: every problem with its line, nothing expanded, nothing guessed.

The file is read as nodes, not as values, because `yaml.safe_load` keeps the last of two equal keys,
turns ``on:`` into ``True:``, and loads a file that expands to gigabytes. Plain Python.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from yaml.reader import Reader

MAX_BYTES = 1024 * 1024
# A flags file is a mapping of mappings; anything deeper is a mistake or an attack on the parser.
_MAX_DEPTH = 8
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
TAG = "tag:yaml.org,2002:"


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a file is refused. `line` counts from 1."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}"


class PlainYaml:
    """Reads one YAML file and collects all its problems."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []

    def problem(self, where: Any, message: str) -> None:
        """Note a problem at a node, an event, or a line number."""
        line = where if isinstance(where, int) else where.start_mark.line + 1
        # A lone surrogate cannot be written to a terminal.
        message = message.encode("utf-8", "backslashreplace").decode()
        self.problems.append(Problem(self.file, line, message))

    def compose(self, path: Path) -> yaml.Node | None:
        """The file's root node; None where a problem kept it from being read."""
        text = self._text(path)
        if text is None:
            return None
        try:
            if not self._is_shallow(text):
                return None
            root: yaml.Node | None = yaml.compose(text, Loader=_LOADER)
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
            what = getattr(error, "problem", None) or getattr(error, "reason", None) or "bad YAML"
            self.problem(mark.line + 1 if mark else 1, f"not YAML: {what}")
            return None
        except (ValueError, OverflowError) as error:
            # PyYAML without libyaml lets Python's own errors through.
            self.problem(1, f"not YAML: {error}")
            return None
        if root is None:
            self.problem(1, "is empty")
        return root

    def pairs(self, node: yaml.MappingNode, what: str) -> Iterator[tuple[Any, Any]]:
        """The mapping's pairs with sound, unrepeated keys; `what` names the keys in messages."""
        first_lines: dict[str, int] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self.problem(key, f"a {what} key must be a plain word")
            elif key.tag == TAG + "bool":
                self.problem(
                    key, f"YAML reads the {what} key {key.value!r} as a boolean: use another word"
                )
            elif key.tag != TAG + "str":
                self.problem(key, f"the {what} key {key.value!r} is not text")
            elif key.value in first_lines:
                first = first_lines[key.value]
                self.problem(
                    key, f"the {what} key {key.value!r} is given twice (first in line {first})"
                )
            else:
                first_lines[key.value] = key.start_mark.line + 1
                yield key, value

    def _text(self, path: Path) -> str | None:
        try:
            with path.open("rb") as stream:
                data = stream.read(MAX_BYTES + 1)
        except OSError as error:
            self.problem(1, f"cannot be read: {error.strerror}")
            return None
        if len(data) > MAX_BYTES:
            self.problem(1, "is larger than 1 MiB")
            return None
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError as error:
            self.problem(data.count(b"\n", 0, error.start) + 1, "is not UTF-8")
            return None
        # PyYAML finds them too, without saying where.
        control = Reader.NON_PRINTABLE.search(text)
        if control:
            line = text.count("\n", 0, control.start()) + 1
            self.problem(line, f"has the control character {control.group()!r}")
            return None
        return text

    def _is_shallow(self, text: str) -> bool:
        """Note anchors, aliases and tags; False for a depth that no node tree should be built of.

        An alias' node is its anchor's, shared: composing expands nothing.
        """
        depth = 0
        for event in yaml.parse(text, Loader=_LOADER):
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
                if depth > _MAX_DEPTH:
                    self.problem(event, "is nested too deeply")
                    return False
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
            anchor, tag = getattr(event, "anchor", None), getattr(event, "tag", None)
            if isinstance(event, yaml.AliasEvent):
                self.problem(event, f"alias *{anchor} is not allowed: write the value out")
            elif anchor:
                self.problem(event, f"anchor &{anchor} is not allowed: write the value out")
            if tag:
                self.problem(event, f"the tag {tag} is not allowed")
        return True
