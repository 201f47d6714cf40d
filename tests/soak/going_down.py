"""Databases of a test's own that go down with everything that is under way in them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.db import connection

from tests.own_postgres import OwnPostgres, own_postgres
from tests.soak.nursery import Nursery


class Server:
    """PostgreSQL: the server is stopped as a crash stops it, and started again."""

    def __init__(self, server: OwnPostgres) -> None:
        self._server = server
        self.url = server.url

    def go_down(self, writers: Nursery) -> None:
        self._server.stop("immediate")
        self._server.start()


class File:
    """SQLite has no server: all who have the file open go at once, and nobody tidies up."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.url = f"sqlite:///{path}"

    def go_down(self, writers: Nursery) -> None:
        number = len(writers.writers)
        writers.kill(*writers.writers)
        assert self._path.with_name(f"{self._path.name}-wal").stat().st_size
        writers.start(number)


@contextmanager
def own_database(directory: Path) -> Iterator[Server | File]:
    """An empty one, of the kind that the tests run on."""
    if connection.vendor == "sqlite":
        yield File(directory / "own.sqlite3")
    else:
        with own_postgres() as server:
            yield Server(server)
