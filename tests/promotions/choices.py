"""What the machine draws from: mostly what brings a promotion on, also all that does not."""

from datetime import timedelta

from hypothesis import strategies as st

from flags.declarations import Risk
from tests.promotions.world import KEYS, PROD, STAGING, Course, Who, World

SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)
NOT_QUITE = (str.upper, "{} ".format, " {}".format, lambda text: "")


def mostly(usual: list, rare: list) -> st.SearchStrategy:
    """One of `usual` two times out of three, lest nearly every step be refused."""
    return st.integers(0, 2).flatmap(lambda number: st.sampled_from(rare if number == 2 else usual))


def of_the_world(pick) -> st.SearchStrategy:
    """One of what `pick` finds in the world as it is then."""
    return st.runner().flatmap(lambda machine: st.sampled_from(pick(machine.world)))


def targets(world: World) -> list[Course | None]:
    """Mostly the open promotions; also the latest that ended, and one that there never was."""
    ended = [course for course in world.courses if not course.is_open]
    return 8 * still_open(world) + 2 * ended[-1:] + [None]


def still_open(world: World) -> list[Course]:
    return [course for course in world.courses if course.is_open]


def next_moments(world: World) -> list[timedelta]:
    """Time to go on by: some, or just before and until the ends of soaks and of promotions."""
    steps = [timedelta(0), SECOND, HOUR, DAY, 8 * DAY]
    for course in world.courses:
        for end in (course.soak_ends, course.expires) * course.is_open:
            steps += [end - world.now, end - world.now - SECOND]
    return [step for step in steps if step >= timedelta(0)]


def seats_to_declare(world: World) -> list[tuple[str, str]]:
    """All; mostly one where a declaration is missing, or that an open promotion depends on."""
    missing = [at for at, seat in world.seats.items() if not seat.declared]
    return [*world.seats, *missing * 2, *_of_open(world, STAGING, PROD) * 3]


def seats(world: World) -> list[tuple[str, str]]:
    """All; mostly one that an open promotion depends on."""
    return [*world.seats, *_of_open(world, STAGING, PROD, STAGING) * 2]


def _of_open(world: World, *envs: str) -> list[tuple[str, str]]:
    return [(course.flag, env) for course in still_open(world) for env in envs]


def seats_to_reconcile(world: World) -> list[tuple[str, str]]:
    """All; where raw SQL changed something, mostly that one."""
    return [*world.seats, *[at for at, seat in world.seats.items() if seat.outside] * 6]


FOUR_EYES = st.sampled_from(["all", "high", "off"])
FLAGS = st.sampled_from(KEYS)
PEOPLE = mostly(
    [Who("alice", True), Who("erin", True)],
    [Who("alice", False), Who("erin", False), Who("bob", False), Who("bob", True)],
)
SLIPS = mostly([str], list(NOT_QUITE))
PAGES = mostly(["now"], ["drawn"])
PROMOTIONS = of_the_world(targets)
STEPS = st.tuples(FLAGS, PEOPLE, SLIPS, mostly([""], ["drawn"]), mostly(["flip"], ["sql"]))
RELEASES = st.one_of(
    st.fixed_dictionaries({"risk": st.sampled_from([Risk.HIGH, *Risk])}),
    st.fixed_dictionaries({"default": st.booleans()}),
    st.fixed_dictionaries({"soak_period_hours": st.sampled_from([0.0, 1.0, 24.0, 72.0])}),
    st.none(),
    st.none(),
)
