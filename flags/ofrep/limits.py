"""How often somebody may ask: token buckets of this process. Plain Python."""

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable

REFUSALS_PER_MINUTE = 30
"""So many requests of one address are answered 401 in a minute; those that follow are 429."""
MOST_KEPT = 4096
"""Of so many askers the buckets are kept, those that asked last."""


class Buckets:
    """One bucket for each asker: full it holds a minute's requests, and it fills up in a minute."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._left: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def wait(self, asker: Hashable, per_minute: float) -> int:
        """Take one request out of the asker's bucket. 0: taken; else the whole seconds until there
        is one to take. With `per_minute` 0 there is no limit."""
        if not per_minute:
            return 0
        most = max(1.0, per_minute)
        with self._lock:
            now = self._clock()
            left, at = self._left.pop(asker, (most, now))
            left = min(most, left + (now - at) * per_minute / 60)
            taken = left >= 1
            self._left[asker] = (left - 1 if taken else left, now)
            if len(self._left) > MOST_KEPT:
                self._left.popitem(last=False)
        return 0 if taken else max(1, math.ceil((1 - left) * 60 / per_minute))

    def after_fork(self) -> None:
        """In the child: a thread that stayed in the parent may hold the lock."""
        self._lock = threading.Lock()
