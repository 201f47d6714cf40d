"""A flag's value over time as plain data: the lanes, their segments, their words."""

import math
import random
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from audit.models import AuditEntry
from flags.ticks import ticks
from flags.timeline import MAX_CHANGES, timeline

ENVS = ("prod", "staging")
NOW = datetime(2026, 5, 20, 12, tzinfo=UTC)
SECOND, MINUTE, HOUR, DAY = (timedelta(seconds=s) for s in (1, 60, 3600, 86400))
MS = timedelta(milliseconds=1)


def flipped(ago: timedelta, to, before=..., env="prod", channel="console") -> AuditEntry:
    before = (None if to is None else not to) if before is ... else before
    payload = {"flag": "x", "env": env, "from": before, "to": to}
    action = {"action": "console.flag.flip", "target_type": "feature_flag", "target_id": "x"}
    at = NOW - ago
    return AuditEntry(created_at=at, actor="alice", channel=channel, payload=payload, **action)


def toggled(*agos: timedelta, env="prod") -> list[AuditEntry]:
    return [flipped(ago, i % 2 == 0, env=env) for i, ago in enumerate(agos)]


def is_sound(drawn) -> None:
    """What holds for every picture."""
    assert [lane.env for lane in drawn.lanes] == list(ENVS)
    for lane in drawn.lanes:
        first, last = lane.segments[0], lane.segments[-1]
        assert (first.start, last.end) == (drawn.since, drawn.until)
        assert first.x == 0
        assert math.isclose(last.x + last.width, 100, abs_tol=0.01)
        assert [segment.is_last for segment in lane.segments] == [False] * lane.changes + [True]
        for segment in lane.segments:
            assert segment.start <= segment.end
            assert segment.width >= min(1, 60 / len(lane.segments)) - 0.011  # rounded twice
        for one, other in pairwise(lane.segments):
            assert one.end == other.start
            assert math.isclose(one.x + one.width, other.x, abs_tol=0.001)
        assert lane.changes <= MAX_CHANGES
        # A word has the room of its letters: labels are few, however many the segments are.
        assert sum(segment.has_room for segment in lane.segments) <= 16
    is_marked(drawn.ticks)


def is_marked(marks) -> None:
    assert 1 <= len(marks) <= 8
    assert len({mark.label for mark in marks}) == len(marks)
    places = [mark.x for mark in marks]
    assert places == sorted(places)
    assert all(4 <= place <= 94 for place in places)
    on_a_phone = [mark for mark in marks if not mark.is_extra]
    assert on_a_phone
    for one, other in pairwise(on_a_phone):
        assert other.x - one.x > len(one.label) + len(other.label)


def words(lane) -> list[str]:
    return [segment.word for segment in lane.segments]


CASES = {
    "one, just now": toggled(0 * SECOND),
    "one, a second ago": toggled(SECOND),
    "two years": toggled(730 * DAY, 400 * DAY, DAY),
    "fifty-six years": toggled(NOW - datetime(1970, 1, 1, tzinfo=UTC), DAY),
    "before all clocks": toggled(NOW - datetime(1, 1, 1, tzinfo=UTC), DAY),
    "many within a minute": toggled(*(i * SECOND for i in range(60, 0, -1))),
    "many within a minute, years ago": toggled(*(900 * DAY + i * SECOND for i in range(60, 0, -1))),
    "at the same instant": toggled(*[3 * HOUR] * 50),
    "all of them just now": toggled(*[0 * SECOND] * 50),
    "out of order by some ms": toggled(9 * MS, 12 * MS, 7 * MS, 8 * MS, 0 * MS),
    "the last in the future": toggled(2 * HOUR, -3 * HOUR),
    "all in the future": toggled(-2 * DAY, -1 * DAY),
    "one of the middle in the future": toggled(3 * HOUR, -HOUR, HOUR),
    "more than are drawn": toggled(*(i * HOUR for i in range(500, 0, -1))),
    "more than are drawn, at once": toggled(*[DAY] * 300),
    "both": toggled(5 * DAY, DAY) + toggled(300 * DAY, MINUTE, env="staging"),
}


@pytest.mark.parametrize("entries", CASES.values(), ids=CASES)
def test_segments_are_in_order_without_gap_or_overlap_and_wide_enough_to_see(entries):
    drawn = timeline(entries, ENVS, NOW)
    is_sound(drawn)
    last = {entry.payload["env"]: entry.payload["to"] for entry in entries}
    for lane in drawn.lanes:
        assert lane.segments[-1].value is last.get(lane.env)


@pytest.mark.parametrize("seed", range(40))
def test_so_they_are_whatever_the_log_holds(seed):
    chance = random.Random(seed)
    widest = chance.choice([MINUTE, DAY, 900 * DAY])
    entries = [
        flipped(
            chance.uniform(-0.01, 1) * widest,
            chance.choice([True, False, None]),
            chance.choice([True, False, None]),
            chance.choice(ENVS),
        )
        for _ in range(chance.choice([1, 2, 10, 450]))
    ]
    is_sound(timeline(entries, ENVS, NOW))


def test_without_a_flip_there_is_no_picture():
    assert timeline([], ENVS, NOW) is None


def test_before_the_first_change_the_value_is_the_one_it_was_changed_from():
    entries = [flipped(DAY, True, before=False), flipped(DAY, False, True, env="staging")]
    prod, staging = timeline(entries, ENVS, NOW).lanes
    assert (words(prod), words(staging)) == (["off", "on"], ["on", "off"])


def test_an_environment_of_which_the_log_knows_nothing_is_a_lane_that_says_so():
    _, staging = timeline(toggled(DAY), ENVS, NOW).lanes
    assert (words(staging), staging.story) == (["never flipped"], "staging: never flipped.")


def test_what_raw_sql_left_no_row_for_is_unknown_before_and_no_row_after():
    entries = [flipped(2 * DAY, True, None, channel="sql"), flipped(DAY, None, True, channel="sql")]
    prod, _ = timeline(entries, ENVS, NOW).lanes
    assert words(prod) == ["unknown", "on", "no row"]
    assert [segment.look for segment in prod.segments] == ["none", "on", "none"]
    no_row = "no row (config var or YAML decides)"
    assert prod.story.startswith(f"prod: {no_row} since 2026-05-19 12:00 UTC; before that on since")
    assert prod.segments[-1].text.startswith(f"{no_row}, since 2026-05-19 12:00 UTC: alice removed")


def test_the_order_of_the_log_tells_the_value_where_the_times_say_otherwise():
    prod, _ = timeline([flipped(3 * MS, True), flipped(5 * MS, False)], ENVS, NOW).lanes
    assert words(prod) == ["off", "on", "off"]
    assert prod.segments[1].start == prod.segments[1].end == NOW - 5 * MS


def test_a_time_in_the_future_counts_as_now():
    prod, _ = timeline(toggled(HOUR, -HOUR), ENVS, NOW).lanes
    assert prod.now == "off since 2026-05-20 12:00 UTC"


@pytest.mark.parametrize("count", [MAX_CHANGES, MAX_CHANGES + 1])
def test_the_newest_changes_are_drawn_and_it_is_said_where_there_are_more(count):
    entries = toggled(*(i * HOUR for i in range(count, 0, -1)))
    prod, _ = timeline(entries, ENVS, NOW).lanes
    has_more = count > MAX_CHANGES
    assert (prod.changes, prod.has_more) == (MAX_CHANGES, has_more)
    assert ("the newest 200 changes shown, there are more." in prod.story) is has_more
    assert prod.segments[1].start == NOW - MAX_CHANGES * HOUR


def test_a_story_tells_the_value_since_when_and_what_was_before_it():
    entries = toggled(16 * DAY, 10 * DAY, 9 * DAY)
    assert timeline(entries, ENVS, NOW).lanes[0].story == (
        "prod: on since 2026-05-11 12:00 UTC;"
        " before that off since 2026-05-10 12:00 UTC; 3 changes shown."
    )
    assert timeline(entries[:1], ENVS, NOW).lanes[0].story == (
        "prod: on since 2026-05-04 12:00 UTC; before that off; 1 change shown."
    )


def test_a_pin_is_no_new_beginning():
    pinned = flipped(DAY, True, before=True)
    assert timeline([pinned], ENVS, NOW).lanes[0].story == "prod: on all along; 1 change shown."
    later = timeline([*toggled(9 * DAY), pinned], ENVS, NOW).lanes[0]
    assert later.now == "on since 2026-05-11 12:00 UTC"


def test_a_segment_tells_its_times_and_who_began_it_to_the_second_where_it_was_short():
    before, on, off = timeline(toggled(DAY, HOUR), ENVS, NOW).lanes[0].segments
    assert before.text == "off, until 2026-05-19 12:00 UTC"
    by = "UTC: alice turned x {} in prod from the console"
    assert on.text == f"on, 2026-05-19 12:00 – 2026-05-20 11:00 {by.format('on')}"
    assert off.text == f"off, since 2026-05-20 11:00 {by.format('off')}"
    short = timeline(toggled(DAY, DAY - 3 * SECOND), ENVS, NOW).lanes[0].segments[1]
    assert short.text.startswith("on, 2026-05-19 12:00:00 – 2026-05-19 12:00:03 UTC")


@pytest.mark.parametrize(
    ("span", "label"),
    [
        *((HOUR, "20 May 11:30"), (DAY, "20 May 00:00"), (9 * DAY, "19 May"), (90 * DAY, "11 May")),
        *((730 * DAY, "Jan 2026"), (6000 * DAY, "2025")),
    ],
)
def test_the_axis_is_marked_at_round_times(span, label):
    marks = ticks(NOW - span, NOW)
    is_marked(marks)
    assert label in [mark.label for mark in marks]
