"""Rounds of two who act on one promotion at the same moment, for the processes of the tests."""

from collections.abc import Callable
from typing import Any

from accounts.models import User
from flags.models import FeatureFlag
from flags.refusals import FlipRefused
from flags.state import read_state
from promotions.models import Promotion
from promotions.settling import settle_all
from tests.conftest import console_actor
from tests.processes.promotion_acts import DUE, KINDS, WHO, Page, Side


def race(
    kind: str, number: int, racer: int, key: str, together: Callable[[], Any]
) -> dict[str, Any]:
    """One round, as one of its two racers lives it. The first of them sets it up and looks after
    it; `together` waits for the other one."""
    prepare, sides = KINDS[kind]
    if racer == 0:
        prepare(key, number % 4 > 1)
    together()
    # Who set it up has a start, so they change places.
    which = (racer + number) % 2
    side, page = sides[which], _page(key, WHO[which])
    together()
    side.wait()
    entry = {"kind": kind, "side": which, **_tried(side, page)}
    # Right after the commit of this side: what is not there now was committed later.
    entry["looked"] = _state(page.promotion)
    side.aim(entry["looked"] != "promoted" and _latest(key) == page.promotion)
    together()
    if racer == 0:
        entry["ended"] = _end(key, page.promotion)
    return entry


def _page(key: str, who: str) -> Page:
    return Page(
        actor=console_actor(User.objects.get(username=who)),
        key=key,
        promotion=_latest(key),
        staging=read_state(key, "staging").seen,
        prod=read_state(key, "prod").seen,
    )


def _tried(side: Side, page: Page) -> dict[str, str]:
    try:
        return {"outcome": side.act(page)}
    except FlipRefused as refused:
        return {"outcome": "refused", "text": str(refused)}
    except Exception as error:  # noqa: BLE001 - the test asserts that there is none
        return {"outcome": "error", "text": repr(error)}


def _latest(key: str) -> int:
    latest = Promotion.objects.filter(flag_key=key).order_by("-id").first()
    return latest.pk if latest else 0


def _state(promotion: int) -> str:
    return Promotion.objects.filter(pk=promotion).values_list("state", flat=True).first() or ""


def _end(key: str, before: int) -> dict[str, Any]:
    """How things stand after the round; what raw SQL broke is settled, as `tick` does it.

    `staging` is the version of the row there, "" where there is none.
    """
    settle_all(DUE)
    latest = _latest(key)
    row = FeatureFlag.objects.filter(flag_key=key, env="staging").first()
    return {
        "marked": latest != before,
        "promotion": latest,
        "state": _state(latest),
        "staging": row.change_id.hex if row else "",
    }
