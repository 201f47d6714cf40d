"""The timeline picture on a flag's page."""

import re
from datetime import timedelta
from html import unescape
from xml.etree import ElementTree

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.roles import Role
from audit.services import audited, record
from flags.timeline import MAX_CHANGES, read_timeline
from tests.conftest import client_of, console_actor, make_user
from tests.flags.test_flags_page import turn
from tests.pages import FLAGS, LOW, MEDIUM, nothing_written, text_of
from tests.raxxconsole.test_csp import Forbidden

PAGE = f"{FLAGS}/{LOW}"


def picture_of(response) -> ElementTree.Element | None:
    """The page's SVG, which must be well-formed XML."""
    assert response.status_code == 200
    found = re.findall(r"<svg class=\"timeline\".*?</svg>", response.content.decode(), re.DOTALL)
    return ElementTree.fromstring(found[0]) if found else None


def bars(picture, env: str) -> list[tuple[str, str]]:
    """Class and tooltip of each segment of a lane."""
    [lane] = picture.findall(f"g[@data-env='{env}']")
    return [(bar.get("class"), bar.find("title").text) for bar in lane.findall("rect")]


def flips(user, count: int, env: str = "staging") -> None:
    """As so many flips leave the log, a minute apart, the last one a minute ago."""
    start = timezone.now() - timedelta(minutes=count)
    with audited():
        for number in range(count):
            to = number % 2 == 0
            record(
                console_actor(user),
                "console.flag.flip",
                target_type="feature_flag",
                target_id=LOW,
                payload={"flag": LOW, "env": env, "from": not to, "to": to},
                now=start + timedelta(minutes=number),
            )


def test_the_picture_has_a_lane_for_each_environment_whatever_environment_is_active(ops):
    turn(ops)
    turn(ops, value=False)
    turn(ops, env="prod")
    client = client_of(ops)
    for env in ("staging", "prod"):
        client.post("/console/env", {"env": env})
        picture = picture_of(client.get(PAGE))
        assert [look for look, _ in bars(picture, "staging")] == ["off", "on", "off"]
        assert [look for look, _ in bars(picture, "prod")] == ["off", "on"]


def test_it_has_a_name_and_a_text_that_tells_the_same_story(ops):
    turn(ops)
    picture = picture_of(client_of(ops).get(PAGE))
    assert picture.get("role") == "img"
    labels = picture.get("aria-labelledby").split()
    title, desc = picture.find("title"), picture.find("desc")
    assert labels == [title.get("id"), desc.get("id")]
    assert title.text == f"Timeline of {LOW}"
    when = r"\d{4}-\d\d-\d\d \d\d:\d\d UTC"
    story = rf"prod: never flipped\. staging: on since {when}; before that off; 1 change shown\. "
    assert re.fullmatch(story, desc.text)


def test_on_is_told_from_off_by_place_and_height_and_by_words_where_there_is_room(ops):
    turn(ops)
    lane = picture_of(client_of(ops).get(PAGE)).find("g[@data-env='staging']")
    off, on = lane.findall("rect")
    assert int(on.get("height")) > 2 * int(off.get("height"))
    assert int(on.get("y")) < int(off.get("y"))
    # "on" has been so for no time at all: its bar is there, its word has no room.
    assert [text.text for text in lane.findall("text[@class='off']")] == ["off"]
    assert float(on.get("width").rstrip("%")) >= 1


def test_a_bar_tells_who_made_it_so(ops):
    turn(ops)
    [_, (_, told)] = bars(picture_of(client_of(ops).get(PAGE)), "staging")
    assert re.fullmatch(
        rf"on, since \S+ \S+ UTC: bob turned {LOW} on in staging from the console", told
    )


def test_it_stands_above_the_history_and_tells_of_this_flag_alone(ops, superadmin):
    turn(superadmin, MEDIUM)
    turn(ops)
    html = client_of(ops).get(PAGE).content.decode()
    assert html.index('id="timeline"') < html.index('class="history"')
    told = [look for look, _ in bars(picture_of(client_of(ops).get(PAGE)), "staging")]
    assert told == ["off", "on"]


def test_a_flag_that_nobody_flipped_has_no_picture(ops, superadmin):
    turn(superadmin, MEDIUM)
    page = client_of(ops).get(PAGE)
    assert picture_of(page) is None
    assert 'id="timeline"' not in page.content.decode()


@pytest.mark.parametrize("name", ["</title></svg><script>alert(1)</script>", '"onload="x()" <b>'])
def test_a_hostile_name_is_text_in_it(declared, name):
    hostile = make_user(name, Role.OPS)
    turn(hostile)
    page = client_of(hostile).get(PAGE)
    html = page.content.decode()
    assert Forbidden(html).found == []
    assert name not in html
    [_, (_, told)] = bars(picture_of(page), "staging")
    assert f": {name} turned {LOW} on" in unescape(told)


def test_of_hundreds_of_flips_the_newest_are_drawn_and_the_page_says_so(ops):
    flips(ops, 450)
    flips(ops, MAX_CHANGES, env="prod")
    page = client_of(ops).get(PAGE)
    picture = picture_of(page)
    assert len(bars(picture, "staging")) == len(bars(picture, "prod")) == MAX_CHANGES + 1
    assert len(list(picture.iter())) < 2 * 2 * (MAX_CHANGES + 1) + 80
    assert f"Of staging the newest {MAX_CHANGES} changes are drawn; there are more." in text_of(
        page
    )
    assert "Of prod the newest" not in text_of(page)


def test_the_newest_of_one_environment_do_not_push_out_the_other(ops):
    flips(ops, 1, env="prod")
    flips(ops, 450)
    assert [look for look, _ in bars(picture_of(client_of(ops).get(PAGE)), "prod")] == ["off", "on"]


@pytest.mark.parametrize("count", [0, 1, 450])
def test_it_is_read_with_one_query(ops, django_assert_num_queries, count):
    flips(ops, count)
    with django_assert_num_queries(1):
        read_timeline(LOW, timezone.now())


def test_the_page_makes_as_many_queries_for_hundreds_of_flips_as_for_one(ops):
    client = client_of(ops)
    counts = []
    for more in (1, 300):
        flips(ops, more)
        with CaptureQueriesContext(connection) as made, nothing_written():
            client.get(PAGE)
        counts.append(len(made))
    assert counts[0] == counts[1]
