"""Which of these tests are about one database alone."""

from django.db import connection

# LISTEN and NOTIFY: SQLite has neither.
collect_ignore = [] if connection.vendor == "postgresql" else ["test_sources_postgres.py"]
