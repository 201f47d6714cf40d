"""The addresses of a host, looked up with a deadline and without holding up other threads.

Plain Python.
"""

import socket
import threading
import time
from typing import Any


class Names:
    """Addresses of one host. Asked for in a thread, because nothing else ends the wait for a name
    server; one that was given up is asked no second time meanwhile."""

    def __init__(self, host: str, port: int | None) -> None:
        self._host, self._port = host, port
        self._lookup: _Lookup | None = None

    def find(self, deadline: float) -> list[Any]:
        """What `socket.getaddrinfo` finds. Raises OSError, of which TimeoutError is one."""
        lookup = self._lookup
        if lookup is None:
            lookup = _Lookup(self._host, self._port)
            try:
                lookup.start()
            except RuntimeError as error:
                raise OSError(f"no thread to look up the address of {self._host}") from error
            self._lookup = lookup
        lookup.join(max(0.0, deadline - time.monotonic()))
        if lookup.is_alive():
            raise TimeoutError(f"no name server told the address of {self._host} in time")
        self._lookup = None
        if lookup.error is not None:
            raise lookup.error
        return lookup.found

    def forget(self) -> None:
        """In a child after a fork, where the thread is not."""
        self._lookup = None


class _Lookup(threading.Thread):
    def __init__(self, host: str, port: int | None) -> None:
        super().__init__(name="flags-address", daemon=True)
        self._host, self._port = host, port
        self.found: list[Any] = []
        self.error: OSError | None = None

    def run(self) -> None:
        try:
            self.found = socket.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
        except OSError as error:
            self.error = error
        except UnicodeError:
            self.error = OSError("the host is no name that can be looked up")
