"""What wakes a thread that waits for a moment, for somebody, or for a socket. Plain Python."""

import contextlib
import selectors
import socket

# Among many busy threads each system call costs a turn of all of them: this one needs a single call
# where epoll needs four.
Selector = getattr(selectors, "PollSelector", selectors.SelectSelector)


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
        with Selector() as selector:
            selector.register(self._ears, selectors.EVENT_READ)
            if fileno is not None:
                selector.register(fileno, selectors.EVENT_READ)
            ready = selector.select(max(0.0, seconds))
        if not any(key.fileobj is self._ears for key, _ in ready):
            return False
        # What is left of more rings than that wakes once more.
        self._ears.recv(4096)
        return True

    def close(self) -> None:
        self._ears.close()
        self._rope.close()
