"""Declarations: what the flags YAML file says (runbook section 7). Plain Python, no Django.

The file is read as YAML nodes, not as values, so that each problem has its line, and so that what
``yaml.safe_load`` would swallow (a key given twice, ``on:`` read as ``True:``) is seen.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from flags.config_vars import SWITCH, name_of

MAX_BYTES = 1024 * 1024
MAX_KEY_LENGTH = 100
MAX_SOAK_HOURS = 24 * 365
DEFAULT_SOAK_HOURS = 24.0

_KEY = re.compile(r"[a-z][a-z0-9_]*")
_HOURS = re.compile(r"\d+(\.\d+)?")
_REQUIRED = ("default", "description", "risk")
_OPTIONAL = ("soak_period_hours",)
# A flags file is a mapping of mappings; anything deeper is a mistake or an attack on the parser.
_MAX_DEPTH = 8
_TAG = "tag:yaml.org,2002:"
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Risk(StrEnum):
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


@dataclass(frozen=True, slots=True)
class Declaration:
    """One flag as the YAML declares it. `soak_period_hours` is in hours, 24 if left out."""

    key: str
    default: bool
    risk: Risk
    soak_period_hours: float
    description: str


Declarations = Mapping[str, Declaration]
"""Declarations by flag key, in the order of the file; read-only."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a flags file is refused. `line` counts from 1."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}"


class DeclarationsError(ValueError):
    """The flags file is refused, for all of `problems` at once."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        super().__init__("\n".join(str(problem) for problem in problems))


def load(path: Path) -> Declarations:
    """Read and check the flags file at `path`.

    Raises DeclarationsError with every problem found, each with file and line.
    """
    reader = _Reader(str(path))
    declarations = reader.read(path)
    if reader.problems:
        raise DeclarationsError(sorted(reader.problems, key=lambda problem: problem.line))
    return MappingProxyType(declarations)


class _Reader:
    """Collects declarations and problems in one walk over the file's nodes."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []

    def problem(self, where: Any, message: str) -> None:
        """Note a problem at a node, an event, or a line number."""
        line = where if isinstance(where, int) else where.start_mark.line + 1
        self.problems.append(Problem(self.file, line, message))

    def read(self, path: Path) -> dict[str, Declaration]:
        text = self._text(path)
        if text is None:
            return {}
        try:
            if not self._events_are_plain(text):
                return {}
            root = yaml.compose(text, Loader=_LOADER)
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
            what = getattr(error, "problem", None) or getattr(error, "reason", None) or "bad YAML"
            self.problem(mark.line + 1 if mark else 1, f"not YAML: {what}")
            return {}
        if not isinstance(root, yaml.MappingNode):
            self.problem(root or 1, "the file must be a mapping of flag keys to declarations")
            return {}
        found = (self._declaration(key, node) for key, node in self._pairs(root, "flag"))
        return {declaration.key: declaration for declaration in found if declaration}

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
            return data.decode("utf-8")
        except UnicodeDecodeError as error:
            self.problem(data.count(b"\n", 0, error.start) + 1, "is not UTF-8")
            return None

    def _events_are_plain(self, text: str) -> bool:
        """Refuse anchors, aliases and depth before any node tree is built from them."""
        depth = 0
        plain = True
        for event in yaml.parse(text, Loader=_LOADER):
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
                if depth > _MAX_DEPTH:
                    self.problem(event, "is nested too deeply")
                    return False
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
            if isinstance(event, yaml.AliasEvent):
                self.problem(event, f"alias *{event.anchor} is not allowed: write the value out")
                plain = False
            elif anchor := getattr(event, "anchor", None):
                self.problem(event, f"anchor &{anchor} is not allowed: write the value out")
                plain = False
        return plain

    def _pairs(self, node: yaml.MappingNode, what: str) -> Iterator[tuple[yaml.Node, yaml.Node]]:
        """The mapping's pairs with sound, unrepeated keys."""
        first_lines: dict[str, int] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self.problem(key, f"a {what} key must be a plain word")
            elif key.tag == _TAG + "bool":
                self.problem(
                    key, f"YAML reads the {what} key {key.value!r} as a boolean: use another word"
                )
            elif key.tag != _TAG + "str":
                self.problem(key, f"the {what} key {key.value!r} is not text")
            elif key.value in first_lines:
                first = first_lines[key.value]
                self.problem(key, f"the {what} key {key.value!r} is given twice (first: {first})")
            else:
                first_lines[key.value] = key.start_mark.line + 1
                yield key, value

    def _declaration(self, key: yaml.Node, node: yaml.Node) -> Declaration | None:
        before = len(self.problems)
        self._check_key(key)
        if not isinstance(node, yaml.MappingNode):
            self.problem(key, f"{key.value}: must be a mapping with {', '.join(_REQUIRED)}")
            return None
        fields: dict[str, yaml.Node] = {}
        for name_node, value in self._pairs(node, f"{key.value} field"):
            if name_node.value in _REQUIRED or name_node.value in _OPTIONAL:
                fields[name_node.value] = value
            else:
                self.problem(name_node, f"{key.value}: unknown key {name_node.value!r}")
        for name in _REQUIRED:
            if name not in fields:
                self.problem(key, f"{key.value}: {name!r} is missing")
        values = {name: getattr(self, f"_{name}")(key.value, node) for name, node in fields.items()}
        if len(self.problems) > before:
            return None
        return Declaration(**{"soak_period_hours": DEFAULT_SOAK_HOURS, "key": key.value, **values})

    def _check_key(self, key: yaml.Node) -> None:
        if not _KEY.fullmatch(key.value):
            self.problem(key, f"flag key {key.value!r} must match [a-z][a-z0-9_]*")
        elif len(key.value) > MAX_KEY_LENGTH:
            self.problem(key, f"flag key {key.value!r} is longer than {MAX_KEY_LENGTH} characters")
        elif name_of(key.value) == SWITCH:
            self.problem(key, f"{key.value!r} is the switch of the DB layer and cannot be a flag")

    def _default(self, flag: str, node: yaml.Node) -> bool:
        words = yaml.SafeLoader.bool_values
        if node.tag == _TAG + "bool" and str(node.value).lower() in words:
            return bool(words[node.value.lower()])
        self.problem(node, f"{flag}: default must be true or false")
        return False

    def _risk(self, flag: str, node: yaml.Node) -> Risk | None:
        if node.tag == _TAG + "str" and node.value in list(Risk):
            return Risk(node.value)
        self.problem(node, f"{flag}: risk must be one of {', '.join(Risk)}")
        return None

    def _soak_period_hours(self, flag: str, node: yaml.Node) -> float:
        # Not YAML's own idea of a number: it reads 24:00 as 1440, and 010 as 8.
        is_number = isinstance(node, yaml.ScalarNode) and node.tag in (_TAG + "int", _TAG + "float")
        if is_number and _HOURS.fullmatch(node.value) and float(node.value) <= MAX_SOAK_HOURS:
            return float(node.value)
        self.problem(
            node, f"{flag}: soak_period_hours must be a number of hours, 0 to {MAX_SOAK_HOURS}"
        )
        return 0.0

    def _description(self, flag: str, node: yaml.Node) -> str:
        if node.tag != _TAG + "str" or not node.value.strip():
            self.problem(node, f"{flag}: description must be a text")
        elif not _is_storable(node.value):
            self.problem(node, f"{flag}: description has a control character")
        return str(node.value)


def _is_storable(text: str) -> bool:
    """Whether both databases can keep the text: no NUL or its kin, no lone surrogate."""
    return all(
        (ord(char) >= 32 or char in "\n\t") and not 0xD800 <= ord(char) <= 0xDFFF for char in text
    )
