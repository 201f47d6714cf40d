"""Marking and promoting many: a page that says what will happen, then each step on its own."""

import json
import re
from html import unescape

import pytest
from django.db import OperationalError
from django.utils import timezone

from flags.models import DeclaredFlag, FeatureFlag
from promotions import bulk
from promotions.marking import mark
from promotions.models import Promotion, State
from promotions.services import reject
from tests.conftest import client_of
from tests.pages import FLAGS, HIGH, LOW, MEDIUM, nothing_written, text_of
from tests.promotions.conftest import hours, turn

QUEUE = "/console/promotions"
OTHER = "console_customer_notes"


@pytest.fixture
def browser(superadmin):
    return client_of(superadmin)


def choose(client, action: str, keys: list[str], env: str = "staging"):
    pks = DeclaredFlag.objects.filter(env=env, flag_key__in=keys).values_list("pk", flat=True)
    form = {"action": action, "_selected_action": list(pks), "env": env}
    return client.post(FLAGS, form)


def plan_on(page) -> dict[str, str]:
    """What the confirmation page posts."""
    fields = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', text(page))
    return {name: unescape(value) for name, value in fields if name != "csrfmiddlewaretoken"}


def text(page) -> str:
    return page.content.decode()


def due(alice, *keys: str) -> list[Promotion]:
    now = timezone.now()
    for key in keys:
        turn(key, "staging", True, alice, now - hours(80))
    return [mark(key, actor=alice, now=now - hours(73)) for key in keys]


def in_prod(client) -> None:
    client.post("/console/env", {"env": "prod"})


class TestMarking:
    def test_the_page_says_what_each_will_do_and_why_some_cannot(self, browser, alice):
        turn(LOW, "staging", True, alice)
        turn(OTHER, "staging", True, alice)
        turn(OTHER, "prod", True, alice)
        mark(MEDIUM, actor=alice)
        with nothing_written():
            page = choose(browser, "mark_active_for_prod", [LOW, OTHER, MEDIUM, HIGH])
        assert f'data-plan="{LOW}"' in text(page)
        assert "on for prod, soak 24 h" in text_of(page)
        assert f'data-plan="{HIGH}"' in text(page)
        assert "off for prod, soak 72 h, pinned by a DB row (now from yaml)" in text_of(page)
        assert f'data-refused="{OTHER}"' in text(page)
        assert "Prod has it on already" in text_of(page)
        assert f'data-refused="{MEDIUM}"' in text(page)
        assert "It has an open promotion already" in text_of(page)

    def test_the_plan_is_done(self, browser):
        page = choose(browser, "mark_active_for_prod", [LOW, HIGH])
        answer = browser.post(FLAGS, plan_on(page), follow=True)
        assert "2 flags marked for prod." in text_of(answer)
        assert set(Promotion.objects.values_list("flag_key", flat=True)) == {LOW, HIGH}

    def test_one_that_moved_meanwhile_holds_up_no_other(self, browser, alice):
        page = choose(browser, "mark_active_for_prod", [LOW, OTHER])
        turn(LOW, "staging", True, alice)
        answer = browser.post(FLAGS, plan_on(page), follow=True)
        assert "1 flag marked for prod." in text_of(answer)
        assert f"{LOW}: It was changed meanwhile" in text_of(answer)
        assert Promotion.objects.get().flag_key == OTHER

    def test_with_prod_active_it_is_refused(self, browser):
        in_prod(browser)
        with nothing_written():
            answer = choose(browser, "mark_active_for_prod", [LOW], "prod")
        assert answer.status_code == 409

    def test_ops_have_no_such_action(self, ops):
        client = client_of(ops)
        assert "mark_active_for_prod" not in text(client.get(FLAGS))
        with nothing_written():
            choose(client, "mark_active_for_prod", [LOW])
            form = {"verb": "mark", "steps": [[LOW, None, "yaml::0"]]}
            packed = {"plan": json.dumps(form), "env": "staging", "_selected_action": "1"}
            client.post(FLAGS, {"action": "mark_active_for_prod", **packed})


class TestPromoting:
    def test_on_the_flags_page(self, browser, alice):
        due(alice, LOW, OTHER)
        mark(HIGH, actor=alice, now=timezone.now() - hours(73))
        mark(MEDIUM, actor=alice)
        in_prod(browser)
        with nothing_written():
            page = choose(
                browser, "promote", [LOW, OTHER, HIGH, MEDIUM, "raptor_rate_limits"], "prod"
            )
        told = text_of(page)
        assert "off → on in prod; soaked 24 h, approved by this very click" in told
        for key in (HIGH, MEDIUM, "raptor_rate_limits"):
            assert f'data-refused="{key}"' in text(page)
        assert "High risk is not promoted with others" in told
        assert "The soak is not over: 24 h left" in told
        assert "It has no open promotion" in told
        answer = browser.post(FLAGS, plan_on(page), follow=True)
        assert "2 flags promoted to prod." in text_of(answer)
        assert set(FeatureFlag.objects.filter(env="prod").values_list("flag_key", flat=True)) == {
            LOW,
            OTHER,
        }

    def test_in_the_queue_whatever_is_active(self, browser, alice):
        promotions = due(alice, LOW, OTHER)
        form = {"action": "promote", "_selected_action": [each.pk for each in promotions]}
        page = browser.post(QUEUE, form)
        reject(promotions[0].pk, actor=alice, reason="no")
        answer = browser.post(QUEUE, plan_on(page), follow=True)
        assert "1 flag promoted to prod." in text_of(answer)
        assert f"{LOW}: It was rejected by alice" in text_of(answer)
        assert Promotion.objects.get(flag_key=OTHER).state == State.PROMOTED

    def test_in_the_queue_the_very_ones_that_were_chosen(self, browser, alice):
        """And not another promotion of the same flag, the other way round perhaps."""
        (first,) = due(alice, LOW)
        turn(LOW, "prod", True, alice)
        turn(LOW, "staging", False, alice)
        second = mark(LOW, actor=alice, now=timezone.now() - hours(73))
        page = browser.post(QUEUE, {"action": "promote", "_selected_action": first.pk})
        assert "was rejected by the system" in text_of(page)
        with nothing_written():
            browser.post(QUEUE, plan_on(page))
        second.refresh_from_db()
        assert second.state == State.PENDING

    @pytest.mark.parametrize("pk", ["abc", "\x00", "9" * 30, "-1", "1.5", ""])
    def test_a_selection_that_no_page_sends(self, browser, alice, pk):
        due(alice, LOW)
        with nothing_written():
            answer = browser.post(QUEUE, {"action": "promote", "_selected_action": pk})
        assert answer.status_code == 400

    def test_prods_value_moved_since_the_plan(self, browser, alice):
        due(alice, LOW)
        in_prod(browser)
        page = choose(browser, "promote", [LOW], "prod")
        turn(LOW, "prod", False, alice)
        with nothing_written():
            answer = browser.post(FLAGS, plan_on(page), follow=True)
        assert "Nothing was promoted" in text_of(answer)

    def test_a_database_that_does_not_answer_ends_the_run(self, browser, alice, monkeypatch):
        promotions = due(alice, LOW, OTHER)
        form = {"action": "promote", "_selected_action": [each.pk for each in promotions]}
        page = browser.post(QUEUE, form)

        def away(*args, **kwargs):
            raise OperationalError

        monkeypatch.setattr(bulk, "promote", away)
        answer = browser.post(QUEUE, plan_on(page), follow=True)
        assert "the database did not answer" in text_of(answer)
        assert "not tried" in text_of(answer)


@pytest.mark.parametrize(
    "plan",
    [
        *("", "[]", "{}", "null", '{"verb":"reject","steps":[]}', '{"verb":"mark"}'),
        '{"verb":"mark","steps":[["console_billing",1,"yaml::0"]]}',
        '{"verb":"mark","steps":[["console_billing",null,"yaml"]]}',
        '{"verb":"mark","steps":[["Not a key",null,"yaml::0"]]}',
        '{"verb":"promote","steps":[]}',
        *('{"verb":["mark"],"steps":[]}', "[" * 100_000),
    ],
)
def test_a_plan_that_nobody_packed(browser, plan):
    form = {"action": "mark_active_for_prod", "_selected_action": "1", "plan": plan}
    with nothing_written():
        assert browser.post(FLAGS, form).status_code == 400


@pytest.mark.parametrize("pk", ["true", "0", "-1", "1.0", '"1"', "null", str(2**63)])
def test_a_promotion_that_is_no_number(browser, pk):
    plan = f'{{"verb":"promote","steps":[["console_billing",{pk},"yaml::0"]]}}'
    form = {"action": "promote", "_selected_action": "1", "plan": plan}
    with nothing_written():
        assert browser.post(QUEUE, form).status_code == 400
