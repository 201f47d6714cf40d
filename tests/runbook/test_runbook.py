"""Every command and statement of the runbooks does what they say, on a real console."""

import pytest

from tests.runbook import document, heroku_page, section_6, sections_1_to_5, sections_7_to_9, table

pytestmark = pytest.mark.django_db(transaction=True)

TABLES = (sections_1_to_5, section_6, sections_7_to_9, heroku_page)
SECTIONS = list(
    dict.fromkeys(
        (page, each.section)
        for page in document.PAGES
        for each in document.commands(page, document.read(page))
    )
)


@pytest.fixture(scope="module")
def plans():
    found = [
        each for page in document.PAGES for each in document.commands(page, document.read(page))
    ]
    return table.steps(found)


@pytest.mark.parametrize("place", SECTIONS, ids=" ".join)
def test_each_command_of_the_section_does_what_the_text_says(place, plans, tmp_path):
    table.run(place, plans[place], tmp_path)
