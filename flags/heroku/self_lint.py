"""The repository's own lint: `FLAG_*` is read from the environment in one module (runbook section
9). It sees what the sources say, not what a program could still put together."""

import ast
from collections.abc import Iterator
from pathlib import Path

from flags.config_vars import PREFIX

READER = "flags/config_vars.py"
ROOMS = ("audit", "accounts", "flags", "promotions", "raxxconsole", "manage.py")
# How an environment is read: by these names of `os` and `environ`, by whatever way they came.
_READING = {"environ", "environb", "getenv", "getenvb"}
_EXPRESSIONS = (
    *(ast.Call, ast.Subscript, ast.Compare),
    *(ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.For),
)
_NAMES = {"PREFIX", "SWITCH", "name_of"}


def reads(root: Path) -> list[str]:
    """Where below `root` our sources, other than READER, read a `FLAG_*` variable: "path:line"."""
    found = []
    for path in _sources(root):
        where = path.relative_to(root).as_posix()
        if where != READER:
            tree = ast.parse(path.read_bytes(), filename=where)
            found += [f"{where}:{line}" for line in sorted(set(_lines(tree)))]
    return found


def _sources(root: Path) -> Iterator[Path]:
    for room in ROOMS:
        place = root / room
        yield from sorted(place.rglob("*.py")) if place.is_dir() else [place] * place.is_file()


def _lines(tree: ast.Module) -> Iterator[int]:
    """Lines with an expression that reads an environment and names a `FLAG_*` variable in it."""
    for node in ast.walk(tree):
        if isinstance(node, _EXPRESSIONS):
            parts = list(ast.walk(node))
            if any(map(_reads, parts)) and any(map(_is_of_a_flag, parts)):
                yield node.lineno


def _reads(node: ast.AST) -> bool:
    name = node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
    return name in _READING or name.startswith("read_")


def _is_of_a_flag(node: ast.AST) -> bool:
    if isinstance(node, ast.Constant):
        text = node.value
        return isinstance(text, str) and text.startswith(PREFIX)
    name = node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
    return name in _NAMES
