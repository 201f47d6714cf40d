"""The runbooks' commands, and each section's plan."""

from tests.runbook import (
    claimed,
    claimed_of_pages,
    document,
    heroku_page,
    section_6,
    section_6_rows,
    section_7_clean_up,
    sections_1_to_5,
    sections_7_to_9,
    table,
)

# Imported for what they register.
TABLES = (
    sections_1_to_5,
    section_6,
    section_6_rows,
    section_7_clean_up,
    sections_7_to_9,
    heroku_page,
    claimed,
    claimed_of_pages,
)
COMMANDS = [
    each for page in document.PAGES for each in document.commands(page, document.read(page))
]
SECTIONS = list(dict.fromkeys((each.page, each.section) for each in COMMANDS))


def plan(place: table.Place) -> list[tuple[document.Command, table.Expected]]:
    """The commands of a section with what they must do."""
    return table.steps(COMMANDS)[place]
