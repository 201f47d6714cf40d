"""Token buckets."""

from flags.ofrep.limits import MOST_KEPT, Buckets


class Clock:
    now = 5.0

    def __call__(self) -> float:
        return self.now


def test_a_bucket_holds_a_minutes_worth_and_fills_up_in_a_minute():
    clock = Clock()
    buckets = Buckets(clock)
    assert [buckets.wait("a", 60) for _ in range(61)] == [0] * 60 + [1]
    clock.now += 30
    assert [buckets.wait("a", 60) for _ in range(31)] == [0] * 30 + [1]
    clock.now += 3600
    assert sum(buckets.wait("a", 60) == 0 for _ in range(100)) == 60


def test_who_waits_as_long_as_told_is_let_through_and_not_sooner():
    clock = Clock()
    buckets = Buckets(clock)
    for rate in (1, 7, 45, 100):
        while not (wait := buckets.wait(rate, rate)):
            pass
        assert wait == -(-60 // rate)
        clock.now += wait
        assert buckets.wait(rate, rate) == 0


def test_who_is_refused_does_not_wait_the_longer_for_it():
    clock = Clock()
    buckets = Buckets(clock)
    assert buckets.wait("a", 1) == 0
    assert [buckets.wait("a", 1) for _ in range(50)] == [60] * 50
    clock.now += 59.5
    assert buckets.wait("a", 1) == 1
    clock.now += 0.5
    assert buckets.wait("a", 1) == 0


def test_zero_is_no_limit_and_less_than_one_a_minute_is_one():
    buckets = Buckets(Clock())
    assert not any(buckets.wait("a", 0) for _ in range(1000))
    assert [buckets.wait("b", 0.5) for _ in range(2)] == [0, 120]


def test_of_many_askers_the_last_ones_are_kept():
    buckets = Buckets(Clock())
    for number in range(MOST_KEPT * 2):
        buckets.wait(number, 1)
    assert len(buckets._left) == MOST_KEPT
    assert buckets.wait(MOST_KEPT * 2 - 1, 1) == 60


def test_a_fork_while_the_lock_is_held_leaves_the_child_free():
    buckets = Buckets(Clock())
    buckets._lock.acquire()
    buckets.after_fork()
    assert buckets.wait("a", 1) == 0
