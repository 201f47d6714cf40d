"""The repository's own lint: `FLAG_*` is read from the environment in one module (runbook section
9). It sees what the sources say, not what a program could still put together."""

import ast
import os
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path

from flags.config_vars import PREFIX

READER = "flags/config_vars.py"
NOT_LOOKED_AT = (
    "tests, examples/, node_modules, virtual environments, what is hidden, what git ignores, and "
    "links to folders"
)
_OTHERS = ("tests", "node_modules")
"""Folders whose sources are not the console's, wherever they are."""
_EXAMPLES = "examples"
"""Services that read a console's flags: applications of their own."""
# How an environment is read: by these names of `os` and `environ`, by whatever way they came.
_READING = {"environ", "environb", "getenv", "getenvb"}
_READ = "read_"
"""What our own functions that read an environment begin with."""
_EXPRESSIONS = (
    *(ast.Call, ast.Subscript, ast.Compare),
    *(ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.For),
)
_NAMES = {"PREFIX", "SWITCH", "name_of"}
# Without a word of each of these no file reads a variable.
_TELLING = ({_READ, *_READING}, {PREFIX, *_NAMES})


def reads(root: Path) -> list[str]:
    """Where below `root` our sources, other than READER, read a `FLAG_*` variable, or may: each as
    a sentence without its full stop, "path:line reads FLAG_*"."""
    try:
        paths = sources(root)
    except OSError as error:
        return [f"{error.filename} cannot be looked through ({type(error).__name__})"]
    return [each for path in paths for each in _reads_in(path, path.relative_to(root).as_posix())]


def sources(root: Path) -> list[Path]:
    """The Python files below `root` that are looked at. Raises OSError for a folder that cannot be
    listed."""
    ignored = _ignored(root)
    found = []
    for folder, inner, names in os.walk(root, onerror=_refuse):
        is_root = Path(folder) == root
        if "pyvenv.cfg" in names and not is_root:
            inner.clear()
            continue
        skipped = (*_OTHERS, _EXAMPLES) if is_root else _OTHERS
        inner[:] = [
            name for name in inner if name not in skipped and not _is_left_out(name, ignored)
        ]
        found += [
            Path(folder, name)
            for name in names
            if name.endswith(".py") and not _is_left_out(name, ignored)
        ]
    return sorted(found)


def _refuse(error: OSError) -> None:
    raise error


def _ignored(root: Path) -> list[str]:
    """The names that `.gitignore` has. One with a path in it is looked at all the same."""
    path = root / ".gitignore"
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    lines = [line.strip() for line in text.splitlines()]
    names = [line.removesuffix("/") for line in lines if not line.startswith(("#", "!"))]
    return [name for name in names if "/" not in name]


def _is_left_out(name: str, ignored: list[str]) -> bool:
    return name.startswith(".") or any(fnmatchcase(name, each) for each in ignored)


def _reads_in(path: Path, where: str) -> list[str]:
    try:
        source = path.read_text(encoding="utf-8-sig")
        if where == READER or not all(_mentions(source, words) for words in _TELLING):
            return []
        lines = set(_lines(ast.parse(source, filename=where)))
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return [f"{where} cannot be read as Python ({type(error).__name__})"]
    return [f"{where}:{line} reads FLAG_*" for line in sorted(lines)]


def _mentions(text: str, words: set[str]) -> bool:
    """Of most files a glance is enough."""
    return any(word in text for word in words)


def _lines(tree: ast.Module) -> Iterator[int]:
    """Lines with an expression that reads an environment and names a `FLAG_*` variable in it."""
    readers, names = _readers(tree), _flag_names(tree)
    for node in ast.walk(tree):
        if isinstance(node, _EXPRESSIONS):
            parts = list(ast.walk(node))
            # What a loop's body reads is an expression of its own.
            read_by = ast.walk(node.iter) if isinstance(node, ast.For) else parts
            is_read = any(_reads(part) or _name(part) in readers for part in read_by)
            if is_read and any(_is_of_a_flag(part) or _name(part) in names for part in parts):
                yield node.lineno


def _readers(tree: ast.Module) -> set[str]:
    """What else this file calls an environment, or what reads one."""
    imports = (node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom))
    aliases = (alias for node in imports if node.module == "os" for alias in node.names)
    renamed = {alias.asname for alias in aliases if alias.asname and alias.name in _READING}
    return renamed | _assigned(tree, _is_environment)


def _is_environment(value: ast.AST) -> bool:
    """`os.environ`, `os.getenv`, or an `environ.Env()` of django-environ; not what they answer."""
    return _name(value) in _READING or (isinstance(value, ast.Call) and _name(value.func) == "Env")


def _flag_names(tree: ast.Module) -> set[str]:
    """What this file calls the name of a `FLAG_*` variable."""
    return _assigned(tree, lambda value: any(map(_is_of_a_flag, _heads(value))))


def _heads(value: ast.AST) -> Iterator[ast.AST]:
    """The value, and where it is put together, what it begins with: never a call's arguments."""
    yield value
    match value:
        case ast.Call(func=inner) | ast.Attribute(value=inner) | ast.BinOp(left=inner):
            yield from _heads(inner)
        case ast.JoinedStr(values=[inner, *_]) | ast.FormattedValue(value=inner):
            yield from _heads(inner)


def _assigned(tree: ast.Module, is_wanted: Callable[[ast.AST], bool]) -> set[str]:
    """The names that the file gives to such values."""
    found: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Assign(targets=targets, value=value) if is_wanted(value):
                found.update(_name(target) for target in targets)
            case ast.AnnAssign(target=target, value=ast.AST() as value) if is_wanted(value):
                found.add(_name(target))
            case ast.NamedExpr(target=target, value=value) if is_wanted(value):
                found.add(_name(target))
    return found - {""}


def _name(node: ast.AST) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _reads(node: ast.AST) -> bool:
    return _name(node) in _READING or _name(node).startswith(_READ)


def _is_of_a_flag(node: ast.AST) -> bool:
    if isinstance(node, ast.Constant):
        text = node.value.decode("latin-1") if isinstance(node.value, bytes) else node.value
        return isinstance(text, str) and text.startswith(PREFIX)
    return _name(node) in _NAMES
