"""Documents lead where they say, and name what is there."""

import ast
import re
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command, get_commands

from raxxconsole.settings import BASE_DIR

PAGES = sorted(
    [*BASE_DIR.glob("*.md"), *BASE_DIR.glob("docs/**/*.md"), *BASE_DIR.glob("examples/**/*.md")]
)
DEPRECATION = BASE_DIR / "docs/ops/feature-flags-heroku-deprecation.md"
_LINK = re.compile(r"\]\(([^)\s]+)\)|<img src=\"([^\"]+)\"")
_COMMAND = re.compile(r"manage\.py ([a-z_]+)")
# To be pasted: a line of a document, and whatever a page or a message says. Between backquotes, in
# prose, a command has its short name.
_LINE = re.compile(r"^ *manage\.py ", re.MULTILINE)
_TYPED = re.compile(r"(?<![`\w])(?<!python )manage\.py [a-z…]")
_OURS = ("audit", "accounts", "flags", "promotions", "raxxconsole")
_AS_OF = re.compile(r"As of \d{4}-\d\d-\d\d \d\d:\d\d UTC\.")


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}


def links(page: Path) -> list[tuple[str, str]]:
    """The paths and anchors of a page's links within the repository."""
    found = [one or other for one, other in _LINK.findall(page.read_text())]
    inside = [link for link in found if "://" not in link]
    return [(link.partition("#")[0], link.partition("#")[2]) for link in inside]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(BASE_DIR)))
def test_every_link_leads_to_a_file_and_a_heading(page):
    for path, anchor in links(page):
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{path} is not there"
        assert not anchor or anchor in anchors(target), f"{path}#{anchor} is not there"


def test_every_command_that_a_page_names_is_there():
    named = {name for page in PAGES for name in _COMMAND.findall(page.read_text())}
    assert "flag_flip" in named
    assert named <= set(get_commands())


def test_what_is_there_to_be_pasted_into_a_shell_is_a_command_there():
    assert [page for page in PAGES if _LINE.search(page.read_text())] == []
    assert [
        page for page in BASE_DIR.glob("templates/**/*.html") if _TYPED.search(page.read_text())
    ] == []
    assert [
        (module, text)
        for room in _OURS
        for module in BASE_DIR.glob(f"{room}/**/*.py")
        for text in messages(module)
        if _TYPED.search(text)
    ] == []


def messages(module: Path) -> list[str]:
    """The texts of a module, its docstrings left out."""
    tree = ast.parse(module.read_text())
    docstrings = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        if node not in docstrings
    ]


def test_every_command_of_ours_is_named_by_a_page():
    named = {name for page in PAGES for name in re.findall(r"\w+", page.read_text())}
    ours = {name for name, app in get_commands().items() if app in _OURS}
    assert ours <= named


@pytest.mark.django_db
def test_the_deprecation_table_in_the_repository_is_what_the_command_prints():
    """Operators write theirs over it: then its form is the same, and its lines are theirs."""
    call_command("deprecation_table", "--format", "md", stdout=(told := StringIO()))
    kept, printed = (
        _AS_OF.sub("As of now.", text) for text in (DEPRECATION.read_text(), told.getvalue())
    )
    if "No config var was reported." in kept:
        assert kept == printed
    else:
        assert _form(kept) == _form(printed)


def _form(text: str) -> list[str]:
    """Headings and the first paragraph."""
    return [line for line in text.splitlines() if line.startswith(("#", "As of"))]


def test_every_setting_has_its_row():
    source = (BASE_DIR / "raxxconsole/settings.py").read_text()
    read = set(re.findall(r"environment\.\w+\(\s*\"([A-Z_]+)\"", source))
    page = (BASE_DIR / "docs/settings.md").read_text()
    assert read
    assert not {name for name in read if f"| `{name}` |" not in page}
