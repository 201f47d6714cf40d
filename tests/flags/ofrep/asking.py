"""A service that asks, and a console that has read these rows."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from django.conf import settings
from django.http import HttpResponse
from django.test import Client

from audit.cli import shell_actor
from flags import runtime
from flags.ofrep.tokens import create
from flags.refresher import RowSource
from flags.store import Store

ALL = "/ofrep/v1/evaluate/flags"
EMPTY = '{"context": {}}'


class Rows(RowSource):
    """A source of rows that has them, or fails."""

    def __init__(self, rows: Mapping[str, bool]) -> None:
        self.rows, self.error = rows, None

    def load(self) -> Mapping[str, bool]:
        if self.error:
            raise self.error
        return self.rows


@contextmanager
def reading(source: Rows | None) -> Iterator[Store]:
    """Have this process read its flags from `source`, by a store with its thread."""
    store = Store(settings.CONSOLE_ENV, runtime.declared(), source)
    before = runtime.replace_store(store)
    try:
        yield store
    finally:
        runtime.replace_store(before)
        store.stop()


def new_token(name: str = "reads", env: str = "staging") -> str:
    """The secret of a new token."""
    return create(name, env, f"raptor-{env}", actor=shell_actor())[1]


def ask(secret: str | None, key: str | None = None, body: str | bytes = EMPTY, **headers: str):
    """The answer to a question for one flag, or for all."""
    if secret is not None:
        headers = {"Authorization": f"Bearer {secret}", **headers}
    path = ALL if key is None else f"{ALL}/{key}"
    answer = Client(headers=headers).generic("POST", path, body, "application/json")
    assert_is_an_answer(answer)
    return answer


def assert_is_an_answer(answer: HttpResponse) -> None:
    """JSON, no cookie, and words for whoever reads the client's log."""
    assert not answer.cookies
    if answer.status_code == 304:
        assert answer.content == b""
        return
    assert answer["Content-Type"] == "application/json"
    if answer.status_code != 200:
        said = answer.json()
        assert said["errorCode"] and said["errorDetails"]
