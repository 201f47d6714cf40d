"""The rooms: audit → accounts → flags → promotions → raxxconsole. Each knows those to its left."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("audit", "accounts", "flags", "promotions", "raxxconsole")
PLAIN_PYTHON = ("bell", "config_vars", "declarations", "errors", "layers", "plain_yaml", "stubs")
PLAIN_PYTHON += ("keeper", "names", "refresher", "store", "table", "values")
PLAIN_PYTHON += tuple(f"sources/{name}" for name in ("__init__", "addresses", "postgres", "sqlite"))
PLAIN_PYTHON += tuple(
    f"client/{name}"
    for name in ("__init__", "address", "answers", "exchange", "later", "openfeature", "source")
)


class _Imports(ast.NodeVisitor):
    """Every module that a source imports at run time, whether at the top or inside a function."""

    def __init__(self, package: tuple[str, ...]) -> None:
        self.package = package
        self.found: list[tuple[int, str]] = []

    def visit_If(self, node: ast.If) -> None:
        # What type checkers alone see is no import.
        if ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            for branch in node.orelse:
                self.visit(branch)
        else:
            self.generic_visit(node)

    def visit_Import(self, node: ast.Import) -> None:
        self.found += [(node.lineno, alias.name) for alias in node.names]

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        above = self.package[: len(self.package) - node.level + 1] if node.level else ()
        module = ".".join([*above, node.module] if node.module else above)
        self.found.append((node.lineno, module))

    def visit_Call(self, node: ast.Call) -> None:
        name = ast.unparse(node.func).rpartition(".")[2]
        if name in ("import_module", "__import__", "import_string") and node.args:
            target = node.args[0]
            if isinstance(target, ast.Constant) and isinstance(target.value, str):
                self.found.append((node.lineno, target.value))
        self.generic_visit(node)


def imports(source: str, path: str) -> list[tuple[int, str]]:
    visitor = _Imports(Path(path).parent.parts)
    visitor.visit(ast.parse(source))
    return visitor.found


def breaches(source: str, path: str) -> Iterator[str]:
    """Imports of `source`, at `path` from the root, of a room to the right of its own."""
    own = ROOMS.index(Path(path).parts[0])
    for line, module in imports(source, path):
        room = module.split(".")[0]
        if room in ROOMS and ROOMS.index(room) > own:
            yield f"{path}:{line} imports {module}"


def _sources() -> Iterator[tuple[str, str]]:
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            yield path.read_text(encoding="utf-8"), path.relative_to(ROOT).as_posix()


def test_no_room_imports_from_a_room_to_its_right():
    assert [breach for source, path in _sources() for breach in breaches(source, path)] == []


def test_every_room_that_exists_was_walked():
    walked = {path.split("/")[0] for _, path in _sources()}
    assert {"audit", "accounts", "flags", "raxxconsole"} <= walked <= set(ROOMS)


@pytest.mark.parametrize(
    "source",
    [
        "import flags",
        "import flags.store as s",
        "from flags import runtime",
        "from flags.models import FeatureFlag",
        "def f():\n    from raxxconsole import settings",
        "if True:\n    import promotions.services",
        "if TYPE_CHECKING:\n    pass\nelse:\n    import flags",
        "from importlib import import_module\nimport_module('flags.admin')",
        "__import__('flags')",
    ],
)
def test_a_breach_would_be_found(source):
    assert list(breaches(source, "accounts/services.py"))


@pytest.mark.parametrize(
    "source",
    [
        "import audit.services",
        "from audit import triggers",
        "from . import models",
        "from accounts.models import User",
        "import flagship",
        "AUTH_USER_MODEL = 'flags.User'",
        "if TYPE_CHECKING:\n    from flags.state import FlagState",
        "if typing.TYPE_CHECKING:\n    from flags.state import FlagState",
    ],
)
def test_what_is_no_breach_is_let_through(source):
    assert not list(breaches(source, "accounts/services.py"))


def test_a_relative_import_is_seen_as_what_it_imports():
    assert imports("from . import a\nfrom .b import c\nfrom ...d import e", "x/y/z/w.py") == [
        (1, "x.y.z"),
        (2, "x.y.z.b"),
        (3, "x.d"),
    ]


@pytest.mark.parametrize("module", PLAIN_PYTHON)
def test_the_engine_behind_is_on_knows_no_django(module):
    path = f"flags/{module}.py"
    found = imports((ROOT / path).read_text(encoding="utf-8"), path)
    foreign = [name for _, name in found if name.split(".")[0] in ("django", "environ", *ROOMS)]
    assert [name for name in foreign if name.split(".")[0] != "flags"] == []
    inside = {name.split(".")[1] for name in foreign if "." in name}
    assert inside <= {name.split("/")[0] for name in PLAIN_PYTHON}


def test_only_the_console_knows_its_settings_module():
    for source, path in _sources():
        if not path.startswith("raxxconsole/"):
            assert "raxxconsole.settings" not in source, path
