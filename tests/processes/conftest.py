"""Which of these tests are about one database alone."""

from django.db import connection

# A network between us and the database: SQLite has none.
_OF_POSTGRES = ["test_outages.py", "test_lost_commits.py"]
collect_ignore = [] if connection.vendor == "postgresql" else _OF_POSTGRES
