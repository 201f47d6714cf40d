"""A standby that answers the look for a lost COMMIT."""

import pytest
from django.db import connection

from audit import commits
from audit.commits import OutcomeUnknown
from audit.services import audited
from tests.audit.test_commits import losing, note

__all__ = ["losing"]  # a fixture
pytestmark = pytest.mark.django_db(transaction=True)


def test_a_standby_cannot_say_that_it_was_not_done(losing, monkeypatch):
    """It may not have heard of it yet."""
    monkeypatch.setattr(commits, "LOOK_SECONDS", 0.5)
    name = connection.settings_dict["NAME"]
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION public.pg_is_in_recovery() RETURNS boolean LANGUAGE sql"
            " AS 'SELECT true'"
        )
        # Sessions from now on find ours first.
        cursor.execute(f'ALTER DATABASE "{name}" SET search_path = public, pg_catalog')
    try:
        with pytest.raises(OutcomeUnknown), audited():
            note()
            losing(done=False)
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f'ALTER DATABASE "{name}" RESET search_path')
            cursor.execute("DROP FUNCTION public.pg_is_in_recovery()")
        connection.close()
