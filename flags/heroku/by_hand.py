"""`heroku_commands --run`: the plan's calls of the heroku CLI, made here, and in the log."""

import shutil
import signal
import subprocess  # nosec B404
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Event
from types import FrameType

from audit.actor import Actor
from audit.services import audited, record
from flags.heroku.calls import Call

ACTION = "console.config_var.set_by_hand"
FAILED = "console.config_var.set_by_hand_failed"
SECONDS = 120.0
"""How long one call may take."""
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def is_installed() -> bool:
    return shutil.which("heroku") is not None


def note(
    key: str, env: str, value: bool, calls: Sequence[Call], actor: Actor, why: dict[str, str]
) -> None:
    """The audit row, before anything is run: a run that is broken off is in the log, too."""
    _note(ACTION, key, env, value, calls, actor, why)


def note_failure(
    key: str, env: str, value: bool, calls: Sequence[Call], actor: Actor, why: dict[str, str]
) -> None:
    """A second one, of the calls that did not work."""
    _note(FAILED, key, env, value, calls, actor, why)


def _note(
    action: str,
    key: str,
    env: str,
    value: bool,
    calls: Sequence[Call],
    actor: Actor,
    why: dict[str, str],
) -> None:
    with audited():
        record(
            actor,
            action,
            target_type="config_var",
            target_id=key,
            payload={"flag": key, "env": env, "value": value, "apps": [each.app for each in calls]},
            context=why | {"commands": "; ".join(map(str, calls))},
        )


class Run:
    """The calls, made one after the other as this is iterated over: each, with what went wrong, ""
    if it worked. `left`, at any moment: those that are not made, with how far they came.

    What the CLI prints is never looked at nor kept: it may hold other config vars.
    """

    def __init__(self, calls: Sequence[Call]) -> None:
        self.calls = calls
        self.failed: list[Call] = []
        self._made = 0
        self._is_under_way = False

    def __iter__(self) -> Iterator[tuple[Call, str]]:
        for call in self.calls:
            self._is_under_way = True
            wrong = _failure(call)
            self.failed += [call] if wrong else []
            self._made, self._is_under_way = self._made + 1, False
            yield call, wrong

    @property
    def left(self) -> list[tuple[Call, str]]:
        """Of the one that was under way nobody knows whether it was made."""
        words = ["not begun"] * (len(self.calls) - self._made)
        if self._is_under_way:
            words[0] = "broken off, whether it worked is not known"
        return list(zip(self.calls[self._made :], words, strict=True))


@contextmanager
def signals_interrupt() -> Iterator[Event]:
    """Have SIGTERM, and the SIGHUP of a session that drops, raise KeyboardInterrupt in this block,
    as Ctrl-C does. Only the first of them, and none once the Event is set: what follows on it is
    done in peace. In the main thread alone."""
    over = Event()

    def interrupt(number: int, frame: FrameType | None) -> None:
        if not over.is_set():
            over.set()
            raise KeyboardInterrupt

    before = {number: signal.getsignal(number) for number in _ENDING}
    # What is ignored (nohup) stays so.
    heeded = [number for number, handler in before.items() if handler is not signal.SIG_IGN]
    try:
        for number in heeded:
            signal.signal(number, interrupt)
        yield over
    finally:
        for number in heeded:
            signal.signal(number, before[number])


def _failure(call: Call) -> str:
    program = shutil.which("heroku")
    if program is None:
        return "the heroku CLI is not installed"
    try:
        # No shell, and of what is passed the keys are declared, the apps are of the settings.
        done = subprocess.run(  # noqa: S603  # nosec B603
            [program, *call.argv[1:]],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=SECONDS,
        )
    except subprocess.TimeoutExpired:
        return f"it took longer than {SECONDS:.0f} s: whether it worked is not known"
    except OSError as error:
        return f"it could not be started: {error.strerror}"
    return f"it ended with status {done.returncode}" if done.returncode else ""
