"""The repository's own lint: `FLAG_*` is read from the environment in one module (runbook section
9). It sees what the sources say, not what a program could still put together."""

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

from flags.config_vars import PREFIX

READER = "flags/config_vars.py"
ELSEWHERE = ("tests", "docs", "examples", "node_modules")
"""Folders whose sources are not the console's."""
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
    found = []
    for path in _sources(root):
        where = path.relative_to(root).as_posix()
        try:
            source = path.read_text(encoding="utf-8")
            if where != READER and all(_mentions(source, words) for words in _TELLING):
                lines = _lines(ast.parse(source, filename=where))
                found += [f"{where}:{line} reads FLAG_*" for line in sorted(set(lines))]
        except (OSError, SyntaxError, ValueError) as error:
            found.append(f"{where} cannot be read as Python ({type(error).__name__})")
    return found


def _sources(folder: Path) -> Iterator[Path]:
    """The Python files below, without virtual environments and what is hidden."""
    if (folder / "pyvenv.cfg").is_file():
        return
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.name in ELSEWHERE or path.is_symlink():
            continue
        if path.is_dir():
            yield from _sources(path)
        elif path.suffix == ".py":
            yield path


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
