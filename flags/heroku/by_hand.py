"""`heroku_commands --run`: the plan's calls of the heroku CLI, made here, and in the log."""

import shutil
import subprocess  # nosec B404
from collections.abc import Iterator, Sequence

from audit.actor import Actor
from audit.services import audited, record
from flags.heroku.calls import Call

ACTION = "console.config_var.set_by_hand"
FAILED = "console.config_var.set_by_hand_failed"
SECONDS = 120.0
"""How long one call may take."""


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


def run(calls: Sequence[Call]) -> Iterator[tuple[Call, str]]:
    """Make the calls, one after the other; with each, what went wrong, "" if it worked.

    What the CLI prints is never looked at nor kept: it may hold other config vars.
    """
    for call in calls:
        yield call, _failure(call)


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
