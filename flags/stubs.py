"""Typed stubs of `flags` for one project: with its flag keys as `Literal[…]`, so that editors
complete them and type checkers refuse a typo.

That of `flags` itself is made of the package's own stub; those of its helpers stand here, and a
test holds them to the code. Written by the command `flag_stubs`.
"""

import ast
import re
from collections.abc import Iterable
from pathlib import Path

OWN = Path(__file__).with_name("__init__.pyi")
_KEY = re.compile(r"\bkey: str\b")
_HEAD = (
    "# Written by `manage.py flag_stubs` from the flags YAML file: write it anew, do not edit it.\n"
)

_DECORATORS = """\
from collections.abc import Callable
from typing import Any, TypeVar

from flags import FlagKey

Viewed = TypeVar("Viewed", bound=Callable[..., Any])
Otherwise = Callable[..., Any] | str

def flag_required(
    key: FlagKey, *, otherwise: Otherwise | None = None
) -> Callable[[Viewed], Viewed]: ...
"""

_TESTING = """\
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Self, TypeVar

from flags import FlagKey
from flags.store import Store

Decorated = TypeVar("Decorated", bound=Callable[..., Any] | type)

class override_flag:
    key: FlagKey
    value: bool
    def __init__(self, key: FlagKey, value: bool) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *raised: object) -> None: ...
    async def __aenter__(self) -> Self: ...
    async def __aexit__(self, *raised: object) -> None: ...
    def __call__(self, decorated: Decorated) -> Decorated: ...
    def again(self) -> override_flag: ...

class InlineStore(Store): ...

def inline_store() -> AbstractContextManager[InlineStore]: ...
"""


def stubs(keys: Iterable[str]) -> dict[str, str]:
    """The text of each stub by its path below the directory of stubs, for these flag keys."""
    return {
        "flags/__init__.pyi": _HEAD + _with_keys(OWN.read_text(encoding="utf-8"), list(keys)),
        "flags/decorators.pyi": _HEAD + _DECORATORS,
        "flags/testing.pyi": _HEAD + _TESTING,
    }


def out_of_date(directory: Path, keys: Iterable[str]) -> list[str]:
    """The paths of the stubs that are missing below `directory` or say something else."""
    return [
        path
        for path, text in stubs(keys).items()
        if not (directory / path).is_file()
        or (directory / path).read_text(encoding="utf-8") != text
    ]


def write(directory: Path, keys: Iterable[str]) -> list[Path]:
    """Write the stubs below `directory`. Raises OSError."""
    written = []
    for path, text in stubs(keys).items():
        target = directory / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
        written.append(target)
    return written


def _with_keys(own: str, keys: list[str]) -> str:
    """The package's own stub, its keys those of `keys` alone."""
    lines = _KEY.sub("key: FlagKey", own).splitlines(keepends=True)
    first = ast.parse(own).body[0]
    is_docstring = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    at = first.end_lineno or 0 if is_docstring else 0
    return "".join([*lines[:at], "\n", _alias(keys), *lines[at:]])


def _alias(keys: list[str]) -> str:
    if not keys:
        return "from typing import Never, TypeAlias\n\nFlagKey: TypeAlias = Never\n"
    listed = "".join(f'    "{key}",\n' for key in keys)
    return f"from typing import Literal, TypeAlias\n\nFlagKey: TypeAlias = Literal[\n{listed}]\n"
