"""Which of these tests are about one database alone."""

from django.db import connection

# Roles, search paths and sessions: SQLite knows none of them.
_OF_POSTGRES = [
    "test_flag_triggers_roles.py",
    "test_deadline_postgres.py",
    "test_commits_standby.py",
]
collect_ignore = [] if connection.vendor == "postgresql" else _OF_POSTGRES
