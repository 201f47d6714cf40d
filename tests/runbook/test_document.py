"""Runbook and table cannot drift apart, and no block is passed over."""

import pytest

from tests.runbook import breaking, document, table, whole
from tests.runbook.document import BadDocument, commands

TEXT = document.read("feature-flags")


def test_each_command_has_its_entry_and_each_entry_its_command():
    plans = table.steps(whole.COMMANDS)
    assert list(plans) == whole.SECTIONS
    assert sum(map(len, plans.values())) == len(table.EXPECTED) == len(whole.COMMANDS)
    assert set(table.PREPARED) <= set(plans)


@pytest.mark.parametrize(
    "text",
    [
        TEXT.replace("audit_verify", "audit_verify --json"),
        TEXT.replace("```sh\npython manage.py ga_checklist\n```\n", ""),
        f"{TEXT}\n```sh\npython manage.py tick\n```\n",
        TEXT.replace("### 6.4 ", "### 6.9 "),
    ],
    ids=["changed", "gone", "added", "in another section"],
)
def test_a_page_that_says_something_else_than_the_table_fails(text):
    assert text != TEXT
    with pytest.raises(AssertionError):
        table.steps(commands("feature-flags", text))


@pytest.mark.parametrize("fence", ["```", "```console", "```bash"])
def test_a_block_in_a_language_that_nobody_runs_fails(fence):
    with pytest.raises(BadDocument):
        commands("heroku", f"## 1 A\n{fence}\nls\n```\n")


def test_a_block_that_does_not_end_fails():
    with pytest.raises(BadDocument):
        commands("heroku", "## 1 A\n```sh\nls\n")


def test_lines_and_statements_are_commands_of_their_own_in_order():
    text = (
        "## 1 A\n```sh\n# why\nls \\\n  -l\n\npwd\n```\n"
        "### 1.2 B\n- so:\n  ```sql\n  SELECT 1;\n  SELECT\n 2;\n  ```\n"
    )
    found = [(each.section, each.text) for each in commands("heroku", text)]
    assert found == [
        ("1", "ls   -l"),
        ("1", "pwd"),
        ("1.2", "SELECT 1;"),
        ("1.2", "SELECT\n 2;"),
    ]


def test_a_placeholder_that_nobody_knows_fails():
    [command] = commands("heroku", "## 1 A\n```sh\nls <no-such-thing>\n```\n")
    with pytest.raises(BadDocument):
        _ = command.filled


def test_every_command_can_be_broken():
    assert all(breaking.broken(each) for each in whole.COMMANDS)


def test_every_call_that_changes_config_vars_is_silenced():
    changing = [
        each.text
        for each in whole.COMMANDS
        if each.text.startswith(("heroku config:set", "heroku config:unset"))
    ]
    assert changing
    assert all(text.endswith(" >/dev/null 2>&1") for text in changing)
