"""What wakes a thread that waits for a moment, for somebody, or for a socket. Plain Python."""

import contextlib
import selectors
import socket


class Bell:
    """One thread waits, any thread rings. A ring before the wait is not lost."""

    def __init__(self) -> None:
        self._ears, self._rope = socket.socketpair()
        self._ears.setblocking(False)
        self._rope.setblocking(False)

    def ring(self) -> None:
        """Wake whoever waits, now or next. Many rings are one; a closed bell makes no sound."""
        with contextlib.suppress(OSError):
            self._rope.send(b".")

    def wait(self, seconds: float, fileno: int | None = None) -> bool:
        """Wait for a ring, for something to read at `fileno`, or for `seconds` to pass. Whether it
        rang."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._ears, selectors.EVENT_READ)
            if fileno is not None:
                selector.register(fileno, selectors.EVENT_READ)
            ready = selector.select(max(0.0, seconds))
        if not any(key.fileobj is self._ears for key, _ in ready):
            return False
        with contextlib.suppress(BlockingIOError):
            while self._ears.recv(4096):
                pass
        return True

    def close(self) -> None:
        self._ears.close()
        self._rope.close()
