"""Many flips at once: the plan that the confirmation page shows, and its application.

The page posts its plan back as one packed field (Django refuses a form of more than 1,000 fields).
The plan carries what was seen of each flag, so each flip is checked again on its own.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from django.db import Error as DBError

from audit.actor import Actor
from audit.commits import OutcomeUnknown
from flags import policy
from flags.declarations import is_key
from flags.errors import UndeclaredFlag
from flags.models import Env
from flags.refusals import ElevationRequired, FlipRefused
from flags.services import Outcome, check_environment, flip, is_seen_token
from flags.state import FlagState


@dataclass(frozen=True, slots=True)
class PlannedFlip:
    """What a bulk action will do with one flag; `refusal` is why it will not."""

    state: FlagState
    value: bool
    refusal: FlipRefused | None = None

    @property
    def lacks_proof(self) -> bool:
        return isinstance(self.refusal, ElevationRequired)

    @property
    def already(self) -> bool:
        return self.state.is_set_to(self.value)

    @property
    def pins(self) -> bool:
        return not self.already and self.state.value == self.value

    @property
    def changes(self) -> bool:
        return not self.refusal and not self.already


@dataclass(slots=True)
class BulkResult:
    """Flag keys by what became of them; `refused` with the reason."""

    done: list[str] = field(default_factory=list)
    already: list[str] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Packed:
    """A plan as it travels through the form: flag key and `seen` of each flag."""

    env: str
    value: bool
    flags: list[tuple[str, str]]


def plan(states: Iterable[FlagState], value: bool, actor: Actor) -> list[PlannedFlip]:
    """What flipping these flags to `value` would do, for this actor. Writes nothing."""
    return [PlannedFlip(state, value, _refusal(state, actor)) for state in states]


def _refusal(state: FlagState, actor: Actor) -> FlipRefused | None:
    try:
        policy.check_role(actor, state.declaration.risk)
        check_environment(state.env)
        policy.check_elevation(actor, state.declaration.risk)
    except FlipRefused as refused:
        return refused
    return None


def pack(env: str, value: bool, planned: Iterable[PlannedFlip]) -> str:
    """The flips that a plan would make, as one form field."""
    flags = [(flip.state.key, flip.state.seen) for flip in planned if flip.changes]
    return json.dumps({"env": env, "value": value, "flags": flags}, separators=(",", ":"))


def unpack(text: str) -> Packed:
    """The reverse of `pack`. Raises ValueError for anything that `pack` did not write."""
    try:
        data = json.loads(text)
        packed = Packed(data["env"], data["value"], [(key, seen) for key, seen in data["flags"]])
        is_sound = (
            packed.env in Env.values
            and isinstance(packed.value, bool)
            and all(is_key(key) and is_seen_token(seen) for key, seen in packed.flags)
        )
    except (TypeError, KeyError, RecursionError) as error:
        raise ValueError("not a packed plan") from error
    if not is_sound:
        raise ValueError("not a packed plan")
    return packed


def apply(packed: Packed, actor: Actor) -> BulkResult:
    """Flip each flag in a transaction of its own: one that is refused holds up no other."""

    def flipping(key: str, seen: str) -> Callable[[], bool]:
        def act() -> bool:
            done = flip(key, packed.env, packed.value, actor=actor, seen=seen)
            return done.outcome is not Outcome.ALREADY

        return act

    return run([(key, flipping(key, seen)) for key, seen in packed.flags])


def run(acts: Sequence[tuple[str, Callable[[], bool]]]) -> BulkResult:
    """Do one thing after the other, each named by its flag; False says that it was so already.

    A database that does not answer ends the run: to wait for it flag by flag would take minutes,
    and flips made then would surprise whoever has given up on them.
    """
    result = BulkResult()
    for number, (key, act) in enumerate(acts):
        try:
            done = act()
        except (FlipRefused, UndeclaredFlag) as refused:
            result.refused.append((key, str(refused)))
        except OutcomeUnknown as unknown:
            result.refused.append((key, str(unknown)))
            result.refused += _untried(acts[number + 1 :])
            break
        except DBError:
            result.refused.append((key, "not done: the database did not answer."))
            result.refused += _untried(acts[number + 1 :])
            break
        else:
            (result.done if done else result.already).append(key)
    return result


def _untried(acts: Sequence[tuple[str, Callable[[], bool]]]) -> list[tuple[str, str]]:
    return [(key, "not tried: the database did not answer.") for key, _ in acts]
