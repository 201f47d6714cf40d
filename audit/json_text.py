"""A text out of a JSON column, said in one way to indexes, to queries and in raw SQL."""

import re
from typing import Any

from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Func, TextField
from django.db.models.sql.compiler import SQLCompiler

_KEY = re.compile(r"[a-z_]{1,40}")


class JsonText(Func):
    """`JsonText("payload", "env")`: null where the key is missing.

    The key stands in the SQL as a literal. A parameter there would keep both databases from seeing
    that a query's expression is an index's.
    """

    output_field = TextField()

    def __init__(self, column: str, key: str) -> None:
        if not _KEY.fullmatch(key):
            raise ValueError(f"not a key that may stand in SQL: {key!r}")
        super().__init__(column, key=key)

    def as_sqlite(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **extra: Any
    ) -> tuple[str, Any]:
        template = "json_extract(%(expressions)s, '$.%(key)s')"
        return super().as_sql(compiler, connection, template=template, **extra)

    def as_postgresql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **extra: Any
    ) -> tuple[str, Any]:
        template = "(%(expressions)s ->> '%(key)s')"
        return super().as_sql(compiler, connection, template=template, **extra)


def json_text(column: str, key: str) -> str:
    """The same as raw SQL, for the default database; both names are constants of our own."""
    if connection.vendor == "postgresql":
        return f"({column} ->> '{key}')"
    return f"json_extract({column}, '$.{key}')"
