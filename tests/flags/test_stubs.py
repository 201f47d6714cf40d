"""Stubs with the declared keys: a type checker takes a good key, and refuses a typo."""

import ast
import inspect
import os
import subprocess
import sys

import pytest
from django.core.management import CommandError, call_command

from flags import declarations, decorators, stubs, testing
from tests.flags.heroku.reporting import told
from tests.processes.server import ROOT

CODE = """\
import flags
from flags import FlagKey, Resolution, UndeclaredFlag, ensure_fresh, explain, is_on
from flags.config_vars import name_of
from flags.decorators import flag_required
from flags.testing import inline_store, override_flag

on: bool = flags.is_on("console_billing")
known: Resolution = explain("console_billing")
key: FlagKey = "checkout_express"
is_on(key)
error = UndeclaredFlag("any text")
variable: str = name_of("any text")

@flag_required("console_billing", otherwise="home")
def view(request: object) -> int: return 1

number: int = view(None)

@override_flag("console_billing", True)
async def test() -> None: ...

with override_flag("console_billing", False), inline_store() as store:
    store.stop()
"""
TYPOS = """\
import flags
from flags.decorators import flag_required
from flags.testing import override_flag
flags.is_on("console_biling")
flags.explain("console_biling")
override_flag("console_biling", True)
flag_required("console_biling")
flags.is_on(str())
flags.is_of("console_billing")
"""


def mypy(source: str, tmp_path, *paths: str) -> list[str]:
    """What mypy says of a project's code, one line for each error."""
    (tmp_path / "code.py").write_text(source)
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "mypy",
            "--strict",
            "--config-file=",
            "--no-error-summary",
            "code.py",
        ],
        env={"PATH": os.environ["PATH"], "MYPYPATH": os.pathsep.join([*paths, str(ROOT)])},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


@pytest.fixture
def typings(tmp_path):
    told("flag_stubs", "--output", str(tmp_path / "typings"))
    return tmp_path / "typings"


def test_mypy_takes_good_keys_and_refuses_each_typo(typings, tmp_path):
    """In one run, for it is what costs: the good lines first, then the others."""
    good = CODE.count("\n")
    errors = mypy(CODE + TYPOS, tmp_path, str(typings))
    lines = [int(error.split(":")[1]) - good for error in errors if ": error:" in error]
    assert lines == [4, 5, 6, 7, 8, 9], errors
    assert (
        sum("has incompatible type \"Literal['console_biling']\"" in each for each in errors) == 4
    )


def test_the_stub_has_every_key_once_in_the_files_order_and_all_of_the_packages_own_names():
    keys = list(declarations.load(ROOT / "flags/feature_flags.yaml"))
    text = stubs.stubs(keys)["flags/__init__.pyi"]
    [alias] = [each for each in ast.parse(text).body if isinstance(each, ast.AnnAssign)]
    assert [each.value for each in ast.walk(alias) if isinstance(each, ast.Constant)] == keys
    ours, own = (_names(each) for each in (text, stubs.OWN.read_text()))
    assert own < ours
    assert ours - own == {"FlagKey", "Literal", "TypeAlias"}
    assert "key: str" not in text


@pytest.mark.parametrize("module", [decorators, testing])
def test_the_other_stubs_have_the_public_names_and_signatures_of_their_modules(module):
    path = f"{module.__name__.replace('.', '/')}.pyi"
    tree = ast.parse(stubs.stubs(["a"])[path])
    found = {
        node.name: node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)
    }
    public = {
        name: value
        for name, value in vars(module).items()
        if getattr(value, "__module__", "") == module.__name__
        and not name.startswith("_")
        and not isinstance(value, type(testing.Decorated))
    }
    assert set(found) == set(public)
    for name, node in found.items():
        if isinstance(node, ast.FunctionDef):
            assert _parameters(node) == list(inspect.signature(public[name]).parameters)
            continue
        for each in node.body:
            if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef):
                method = getattr(public[name], each.name)
                assert inspect.iscoroutinefunction(method) is isinstance(each, ast.AsyncFunctionDef)
                assert _parameters(each) == list(inspect.signature(method).parameters)


def _names(text: str) -> set[str]:
    found = set()
    for node in ast.parse(text).body:
        if isinstance(node, ast.ImportFrom):
            found |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.AnnAssign | ast.Assign):
            target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0]
            found.add(ast.unparse(target))
        elif hasattr(node, "name"):
            found.add(node.name)
    return found


def _parameters(node) -> list[str]:
    named = [each.arg for each in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
    return named + ([node.args.vararg.arg] if node.args.vararg else [])


def test_check_fails_until_the_stubs_are_written_and_again_once_a_flag_is_added(tmp_path, settings):
    output = ["--output", str(tmp_path / "typings")]
    with pytest.raises(CommandError, match="Out of date") as caught:
        call_command("flag_stubs", "--check", *output)
    assert caught.value.returncode == 1
    assert not (tmp_path / "typings").exists()
    assert told("flag_stubs", *output).startswith("12 keys: ")
    assert "are up to date" in told("flag_stubs", "--check", *output)
    more = tmp_path / "flags.yaml"
    own = settings.FEATURE_FLAGS_FILE.read_text()
    more.write_text(f'{own}\none_more:\n  default: false\n  risk: low\n  description: "x"\n')
    settings.FEATURE_FLAGS_FILE = more
    again = r"flags/__init__\.pyi\. Run python manage\.py flag_stubs"
    with pytest.raises(CommandError, match=again):
        call_command("flag_stubs", "--check", *output)


def test_a_directory_that_cannot_be_written_and_a_bad_flags_file_are_refused(tmp_path, settings):
    (tmp_path / "typings").write_text("a file")
    with pytest.raises(CommandError, match="typings"):
        call_command("flag_stubs", "--output", str(tmp_path / "typings"))
    bad = tmp_path / "bad.yaml"
    bad.write_text("x: 1\n")
    settings.FEATURE_FLAGS_FILE = bad
    with pytest.raises(CommandError, match="The flags file is refused"):
        call_command("flag_stubs", "--output", str(tmp_path / "other"))


def test_without_any_flag_no_key_is_good():
    text = stubs.stubs([])["flags/__init__.pyi"]
    assert "FlagKey: TypeAlias = Never" in text
    ast.parse(text)
