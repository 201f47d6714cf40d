"""Declarations: what the flags YAML file says (runbook section 7). Plain Python, no Django."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from flags.config_vars import SWITCH, name_of
from flags.plain_yaml import TAG, PlainYaml, Problem

SHIPPED = Path(__file__).with_name("feature_flags.yaml")
"""The console's own flags file, as of this release."""
MAX_KEY_LENGTH = 100
MAX_SOAK_HOURS = 24 * 365
DEFAULT_SOAK_HOURS = 24.0

_KEY = re.compile(r"[a-z][a-z0-9_]*")
_HOURS = re.compile(r"[0-9]+(\.[0-9]+)?")
_REQUIRED = ("default", "description", "risk")
_OPTIONAL = ("soak_period_hours",)


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


def is_key(text: str) -> bool:
    """Whether `text` has the form of a flag key."""
    return _KEY.fullmatch(text) is not None and len(text) <= MAX_KEY_LENGTH


class _Reader(PlainYaml):
    """Collects declarations and problems in one walk over the file's nodes."""

    def read(self, path: Path) -> dict[str, Declaration]:
        root = self.compose(path)
        if root is None:
            return {}
        if not isinstance(root, yaml.MappingNode):
            self.problem(root, "the file must be a mapping of flag keys to declarations")
            return {}
        if not root.value:
            self.problem(root, "declares no flag")
        found = (self._declaration(key, node) for key, node in self.pairs(root, "flag"))
        return {declaration.key: declaration for declaration in found if declaration}

    def _declaration(self, key: Any, node: Any) -> Declaration | None:
        before = len(self.problems)
        self._check_key(key)
        if not isinstance(node, yaml.MappingNode):
            self.problem(key, f"{key.value}: must be a mapping with {', '.join(_REQUIRED)}")
            return None
        fields: dict[str, Any] = {}
        for name_node, value in self.pairs(node, f"{key.value} field"):
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

    def _check_key(self, key: Any) -> None:
        if not _KEY.fullmatch(key.value):
            self.problem(key, f"flag key {key.value!r} must match [a-z][a-z0-9_]*")
        elif len(key.value) > MAX_KEY_LENGTH:
            self.problem(key, f"flag key {key.value!r} is longer than {MAX_KEY_LENGTH} characters")
        elif name_of(key.value) == SWITCH:
            self.problem(key, f"{key.value!r} is the switch of the DB layer and cannot be a flag")

    def _default(self, flag: str, node: Any) -> bool:
        words = yaml.SafeLoader.bool_values
        if node.tag == TAG + "bool" and str(node.value).lower() in words:
            return bool(words[node.value.lower()])
        self.problem(node, f"{flag}: default must be true or false")
        return False

    def _risk(self, flag: str, node: Any) -> Risk | None:
        if node.tag == TAG + "str" and node.value in list(Risk):
            return Risk(node.value)
        self.problem(node, f"{flag}: risk must be one of {', '.join(Risk)}")
        return None

    def _soak_period_hours(self, flag: str, node: Any) -> float:
        # Not YAML's own idea of a number: it reads 24:00 as 1440, and 010 as 8.
        is_number = isinstance(node, yaml.ScalarNode) and node.tag in (TAG + "int", TAG + "float")
        if is_number and _HOURS.fullmatch(node.value) and float(node.value) <= MAX_SOAK_HOURS:
            return float(node.value)
        self.problem(
            node, f"{flag}: soak_period_hours must be a number of hours, 0 to {MAX_SOAK_HOURS}"
        )
        return 0.0

    def _description(self, flag: str, node: Any) -> str:
        if node.tag != TAG + "str" or not node.value.strip():
            self.problem(node, f"{flag}: description must be a text")
        elif not is_storable(node.value):
            self.problem(node, f"{flag}: description has a control character")
        return str(node.value)


def is_storable(text: str) -> bool:
    """Whether both databases can keep the text: no NUL or its kin, no lone surrogate."""
    return all(
        (ord(char) >= 32 or char in "\n\t") and not 0xD800 <= ord(char) <= 0xDFFF for char in text
    )
