"""The addresses of a host, looked up with a deadline and without holding up other threads.

Plain Python.
"""

import socket
import threading
import time
from typing import Any


class Names:
    """Addresses of one host, for any number of threads. Asked for in a thread of its own, because
    nothing else ends the wait for a name server; as long as one look-up goes on, whoever asks waits
    for that."""

    def __init__(self, host: str, port: int | None) -> None:
        self._host, self._port = host, port
        self._lock = threading.Lock()
        self._lookup: _Lookup | None = None

    def find(self, deadline: float) -> list[Any]:
        """What `socket.getaddrinfo` finds. Raises OSError, of which TimeoutError is one."""
        lookup = self._under_way()
        lookup.join(max(0.0, deadline - time.monotonic()))
        if lookup.is_alive():
            raise TimeoutError(f"no name server told the address of {self._host} in time")
        with self._lock:
            if self._lookup is lookup:
                self._lookup = None
        if not lookup.found:
            raise OSError(f"the address of {self._host} was not found: {lookup.error}")
        return lookup.found

    def forget(self) -> None:
        """In a child after a fork, where the thread is not, and nobody may hold the lock."""
        self._lock = threading.Lock()
        self._lookup = None

    def _under_way(self) -> "_Lookup":
        with self._lock:
            # The answer of one that was given up may be old by now.
            if self._lookup is None or not self._lookup.is_alive():
                lookup = _Lookup(self._host, self._port)
                try:
                    lookup.start()
                except RuntimeError as error:
                    raise OSError(f"no thread to look up the address of {self._host}") from error
                self._lookup = lookup
            return self._lookup


class _Lookup(threading.Thread):
    def __init__(self, host: str, port: int | None) -> None:
        super().__init__(name="flags-address", daemon=True)
        self._host, self._port = host, port
        self.found: list[Any] = []
        self.error: Exception | None = None

    def run(self) -> None:
        try:
            self.found = socket.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
        except UnicodeError:
            self.error = ValueError("that is no name of a host")
        except Exception as error:  # noqa: BLE001 - whoever waits is told
            self.error = error
