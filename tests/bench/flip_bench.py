"""What sealing costs: the time of `flip()` with it and without, by one writer and by eight.

Rounds with and without take turns, in the same processes and on the same tables; without, the
benchmark takes the sealer out of its own processes. Each writer has flags of its own.

A disk whose flush takes whole ticks (4 ms on some virtual machines) makes medians jump from tick to
tick, and their ratio with them: the means are there to be read beside them.
"""

import multiprocessing
import statistics
import time
from typing import Any

WRITERS = (1, 8)
ROUNDS = 12
FLIPS = 40
"""Of each writer in each round."""
GOAL = 1.3
_WAIT = 300

_fork = multiprocessing.get_context("fork")


def main() -> None:
    print("flip(), ms: median with sealing / without = ratio; flips/s", flush=True)
    for writers in WRITERS:
        told = rounds(writers)
        times = {mode: statistics.median(each["times"]) for mode, each in told.items()}
        rates = {mode: statistics.median(each["rates"]) for mode, each in told.items()}
        means = {mode: statistics.mean(each["times"]) for mode, each in told.items()}
        pairs = zip(told[True]["medians"], told[False]["medians"], strict=True)
        ratio = statistics.median(sealed / plain for sealed, plain in pairs)
        print(
            f"{writers} writer{'s' if writers > 1 else ' '}:"
            f" {times[True] * 1000:6.2f} / {times[False] * 1000:6.2f}"
            f" = {times[True] / times[False]:.2f} (median of the rounds' ratios {ratio:.2f},"
            f" goal {GOAL}; of the means {means[True] / means[False]:.2f});"
            f" {rates[True]:.0f} / {rates[False]:.0f} flips/s"
            f" = {rates[True] / rates[False]:.2f}",
            flush=True,
        )


def rounds(writers: int) -> dict[bool, dict[str, list[float]]]:
    """For each mode: all times, each round's median, and each round's flips per second."""
    barrier = _fork.Barrier(writers)
    with _fork.Pool(writers, _enter, [barrier]) as pool:
        logs = pool.starmap(_flip_in_rounds, [(number,) for number in range(writers)], 1)
    told: dict[bool, dict[str, list[float]]] = {
        mode: {"times": [], "medians": [], "rates": []} for mode in (True, False)
    }
    for number, (sealed, *_) in enumerate(logs[0]):
        times = [one for log in logs for one in log[number][1]]
        seconds = max(log[number][2] for log in logs)
        told[sealed]["times"] += times
        told[sealed]["medians"].append(statistics.median(times))
        told[sealed]["rates"].append(len(times) / seconds)
    return told


def _enter(barrier: Any) -> None:
    global _barrier
    _barrier = barrier


def _flip_in_rounds(writer: int) -> list[tuple[bool, list[float], float]]:
    """In each round: whether it was sealed, the time of each flip, and of them all."""
    from audit import services
    from flags.state import read_state

    seal = services._seal
    states = [read_state(f"flag_{writer * 4 + number}", "staging") for number in range(4)]
    _flips(states)
    log = []
    for number in range(2 * ROUNDS):
        # With, without, without, with: what drifts weighs on both alike.
        sealed = number % 4 in (0, 3)
        services._seal = seal if sealed else lambda recorded: None
        _barrier.wait(_WAIT)
        began = time.perf_counter()
        times = _flips(states)
        log.append((sealed, times, time.perf_counter() - began))
    return log


def _flips(states: list[Any]) -> list[float]:
    from audit.actor import Actor, Channel
    from flags.services import flip

    actor = Actor(Channel.CLI, "a benchmark")
    times = []
    for number in range(FLIPS):
        state = states[number % len(states)]
        began = time.perf_counter()
        done = flip(state.key, "staging", not state.value, actor=actor, seen=state.seen)
        times.append(time.perf_counter() - began)
        states[number % len(states)] = done.state
    return times


if __name__ == "__main__":
    import django

    django.setup()
    main()
