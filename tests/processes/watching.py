"""Watching /healthz of a server from outside, all the time."""

import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

EVERY_SECONDS = 0.1


class Watch(threading.Thread):
    """What it saw: how many seconds each answer of 200 took, and everything else that came."""

    def __init__(self, base: str) -> None:
        super().__init__(daemon=True)
        self._address = f"{base}/healthz"
        self._ends = threading.Event()
        self.took: list[float] = []
        self.others: list[str] = []

    def run(self) -> None:
        while not self._ends.wait(EVERY_SECONDS):
            began = time.monotonic()
            try:
                with urllib.request.urlopen(self._address, timeout=20) as response:
                    status = response.status
            except (urllib.error.URLError, OSError) as error:
                self.others.append(repr(error))
                continue
            if status == 200:
                self.took.append(time.monotonic() - began)
            else:
                self.others.append(str(status))

    def end(self) -> None:
        self._ends.set()
        self.join()


@contextmanager
def watching(base: str) -> Iterator[Watch]:
    watch = Watch(base)
    watch.start()
    try:
        yield watch
    finally:
        watch.end()
