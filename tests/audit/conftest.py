"""Which of these tests are about one database alone."""

from django.db import connection

# Roles, search paths and sessions: SQLite knows none of them.
collect_ignore = [] if connection.vendor == "postgresql" else ["test_flag_triggers_roles.py"]
