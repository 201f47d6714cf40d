"""Every command and statement of the runbooks does what they say, on a real console."""

import pytest

from tests.runbook import table, whole

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("place", whole.SECTIONS, ids=" ".join)
def test_each_command_of_the_section_does_what_the_text_says(place, tmp_path):
    table.run(place, whole.plan(place), tmp_path)
