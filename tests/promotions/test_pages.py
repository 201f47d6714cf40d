"""The flag's row, the queue and a promotion's page, as operators see and click them."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from flags.models import DeclaredFlag, FeatureFlag
from promotions.marking import mark
from promotions.models import Promotion, State
from promotions.services import approve, reject
from tests.codes import elevated_client
from tests.conftest import client_of, console_actor
from tests.flags.outside import raw_update
from tests.pages import FLAGS, HIGH, LOW, nothing_written, rows_of, text_of
from tests.promotions.conftest import hours, story, turn

QUEUE = "/console/promotions"
MARK = f"{FLAGS}/{LOW}/mark-promote"


def htmx(target: str = f"flag-{LOW}") -> dict[str, str]:
    return {"HX-Request": "true", "HX-Target": target}


@pytest.fixture
def browser(superadmin):
    return client_of(superadmin)


def in_prod(client) -> None:
    client.post("/console/env", {"env": "prod", "next": FLAGS})


def since(alice, ago: timedelta, key: str = LOW) -> Promotion:
    """Marked so long ago."""
    now = timezone.now()
    turn(key, "staging", True, alice, now - ago - hours(1))
    return mark(key, actor=alice, now=now - ago)


def seen_on(page, key: str = LOW) -> dict[str, str]:
    row = rows_of(page)[key]
    return {"env": row["data-env"], "seen": row["data-seen"]}


class TestMarking:
    def test_in_place(self, browser):
        page = browser.get(FLAGS)
        assert f'formaction="{MARK}"' in page.content.decode()
        answer = browser.post(MARK, seen_on(page), headers=htmx())
        promotion = Promotion.objects.get()
        assert answer.status_code == 200
        assert rows_of(answer)[LOW]["data-source"] == "db"
        assert f'data-promotion="{promotion.pk}" data-state="pending"' in answer.content.decode()
        assert "soaking, 24 h left" in text_of(answer)
        assert "marked by alice" in text_of(answer)

    def test_without_javascript(self, browser):
        form = seen_on(browser.get(FLAGS)) | {"next": f"{FLAGS}?risk=low", "to": "on"}
        answer = browser.post(MARK, form)
        assert (answer.status_code, answer["Location"]) == (303, f"{FLAGS}?risk=low#flag-{LOW}")
        assert f"{LOW}: marked off for prod: it soaks 24 h" in text_of(browser.get(FLAGS))

    def test_from_a_page_that_is_out_of_date(self, browser, alice):
        form = seen_on(browser.get(FLAGS))
        turn(LOW, "staging", True, alice)
        with nothing_written():
            answer = browser.post(MARK, form, headers=htmx())
        assert answer.status_code == 409
        assert rows_of(answer)[LOW]["data-value"] == "on"
        assert "it is on in staging now. Nothing was marked" in text_of(answer)

    def test_another_environment_was_chosen_meanwhile(self, browser):
        form = seen_on(browser.get(FLAGS))
        in_prod(browser)
        with nothing_written():
            answer = browser.post(MARK, form, headers=htmx())
        assert answer.status_code == 409
        assert "prod is the active environment now" in text_of(answer)

    def test_ops_see_the_state_and_no_button(self, ops, alice):
        promotion = since(alice, hours(1))
        page = client_of(ops).get(FLAGS).content.decode()
        assert f'data-promotion="{promotion.pk}" data-state="pending"' in page
        assert "formaction" not in page

    def test_why_it_cannot_be_marked(self, browser, alice):
        turn(LOW, "staging", True, alice)
        turn(LOW, "prod", True, alice)
        page = browser.get(FLAGS)
        assert MARK not in page.content.decode()
        assert "Prod has it on already" in text_of(page)


class TestPromoting:
    def test_in_the_row(self, browser, alice):
        promotion = since(alice, hours(25))
        in_prod(browser)
        page = browser.get(FLAGS)
        address = f"{QUEUE}/{promotion.pk}/promote"
        assert f'formaction="{address}"' in page.content.decode()
        answer = browser.post(address, seen_on(page) | {"to": "on"}, headers=htmx())
        row = rows_of(answer)[LOW]
        assert (answer.status_code, row["data-value"], row["data-source"]) == (200, "on", "db")
        assert "promoted: on in prod now" in text_of(answer)

    def test_while_it_soaks_there_is_no_button(self, browser, alice):
        promotion = since(alice, hours(1))
        in_prod(browser)
        assert f"{promotion.pk}/promote" not in browser.get(FLAGS).content.decode()

    def test_prod_moved_since_the_row_was_drawn(self, browser, alice):
        promotion = since(alice, hours(25))
        in_prod(browser)
        form = seen_on(browser.get(FLAGS))
        turn(LOW, "prod", False, alice)
        with nothing_written():
            answer = browser.post(f"{QUEUE}/{promotion.pk}/promote", form, headers=htmx())
        assert answer.status_code == 409
        assert rows_of(answer)[LOW]["data-source"] == "db"
        assert "Nothing was promoted" in text_of(answer)

    def test_staging_was_chosen_meanwhile(self, browser, alice):
        promotion = since(alice, hours(25))
        in_prod(browser)
        form = seen_on(browser.get(FLAGS))
        browser.post("/console/env", {"env": "staging"})
        with nothing_written():
            answer = browser.post(f"{QUEUE}/{promotion.pk}/promote", form, headers=htmx())
        assert answer.status_code == 409

    def test_staging_changed_behind_the_console(self, browser, alice):
        promotion = since(alice, hours(25))
        in_prod(browser)
        form = seen_on(browser.get(FLAGS))
        raw_update(0)
        answer = browser.post(f"{QUEUE}/{promotion.pk}/promote", form, headers=htmx())
        assert answer.status_code == 409
        assert "was rejected by the system" in text_of(answer)
        assert f'data-promotion="{promotion.pk}" data-state="rejected"' in answer.content.decode()
        assert not FeatureFlag.objects.filter(env="prod").exists()


class TestHighRisk:
    PHRASE = f"promote {HIGH} to prod"

    @pytest.fixture
    def promotion(self, superadmin, alice) -> Promotion:
        return mark(HIGH, actor=alice, now=timezone.now() - hours(73))

    def test_the_row_leads_to_the_phrase(self, browser, promotion):
        in_prod(browser)
        page = browser.get(FLAGS).content.decode()
        assert f'href="{QUEUE}/{promotion.pk}#promote"' in page
        assert f'formaction="{QUEUE}/{promotion.pk}/promote"' not in page
        assert self.PHRASE in text_of(browser.get(f"{QUEUE}/{promotion.pk}"))

    def test_a_wrong_phrase_keeps_what_was_typed(self, superadmin, promotion):
        client, typed = elevated_client(superadmin), '"promote" <it>'
        with nothing_written():
            answer = client.post(f"{QUEUE}/{promotion.pk}/promote", {"confirm": typed})
        assert answer.status_code == 409
        assert 'value="&quot;promote&quot; &lt;it&gt;"' in answer.content.decode()
        assert "exactly so" in text_of(answer)

    def test_without_a_proof_the_way_there_and_back_keeps_it_too(self, browser, promotion):
        address = f"{QUEUE}/{promotion.pk}/promote"
        with nothing_written():
            answer = browser.post(address, {"confirm": self.PHRASE})
        assert answer.status_code == 403
        way = f"/console/elevate?next=%2Fconsole%2Fpromotions%2F{promotion.pk}%23promote"
        assert way in answer.content.decode()
        back = [browser.get(f"{QUEUE}/{promotion.pk}").content.decode() for _ in range(2)]
        assert [f'value="{self.PHRASE}"' in page for page in back] == [True, False]

    def test_no_link_types_the_phrase(self, browser, promotion):
        page = browser.get(f"{QUEUE}/{promotion.pk}", {"confirm": self.PHRASE})
        assert f'value="{self.PHRASE}"' not in page.content.decode()

    def test_with_both(self, superadmin, promotion):
        client = elevated_client(superadmin)
        answer = client.post(f"{QUEUE}/{promotion.pk}/promote", {"confirm": self.PHRASE})
        assert (answer.status_code, answer["Location"]) == (303, f"{QUEUE}/{promotion.pk}")
        page = text_of(client.get(answer["Location"]))
        order = ["marked", "approved", "in prod by promotion", "promoted"]
        told = page.partition("Story")[2]
        assert [told.index(words) for words in order] == sorted(told.index(w) for w in order)


class TestQueue:
    def test_open_ones_first_each_with_its_state(self, browser, alice):
        done = since(alice, hours(2))
        reject(done.pk, actor=alice, reason="not <yet>")
        waiting = since(alice, hours(25), "console_customer_notes")
        page = browser.get(QUEUE)
        text = page.content.decode()
        assert text.index(f'id="promotion-{waiting.pk}"') < text.index(f'id="promotion-{done.pk}"')
        assert f'data-promotion="{done.pk}" data-state="rejected"' in text
        assert "was rejected by alice" in text_of(page)
        assert "not &lt;yet&gt;" in text

    @pytest.mark.parametrize(
        ("state", "shown"), [("open", True), ("pending", True), ("promoted", False)]
    )
    def test_by_state(self, browser, alice, state, shown):
        promotion = since(alice, hours(2))
        page = browser.get(QUEUE, {"state": state}).content.decode()
        assert (f'id="promotion-{promotion.pk}"' in page) is shown

    def test_by_state_one_whose_time_is_over_is_expired_noted_or_not(self, browser, alice):
        row = f'id="promotion-{since(alice, hours(24 + 168)).pk}"'
        shown = [
            state
            for state in ("open", "pending", "approved", "expired", "rejected")
            if row in browser.get(QUEUE, {"state": state}).content.decode()
        ]
        assert shown == ["expired"]

    @pytest.mark.parametrize(
        ("query", "words"),
        [({}, "Nothing was marked for prod yet"), ({"q": "zzz"}, "Nothing matches")],
    )
    def test_when_nothing_is_there(self, browser, query, words):
        assert words in text_of(browser.get(QUEUE, query))

    def test_a_row_that_was_drawn_before_prod_was_turned_by_hand(self, browser, alice):
        promotion = since(alice, hours(25))
        page = browser.get(QUEUE).content.decode()
        seen = re.search(rf'name="seen" value="([^"]*)" form="step-{promotion.pk}"', page)
        turn(LOW, "prod", True, alice)
        turn(LOW, "prod", False, alice)
        with nothing_written():
            answer = browser.post(
                f"{QUEUE}/{promotion.pk}/promote",
                {"seen": seen[1]},
                headers=htmx(f"promotion-{promotion.pk}"),
            )
        assert answer.status_code == 409
        assert "it is off in prod now. Nothing was promoted" in text_of(answer)

    @pytest.mark.parametrize("form", [{"env": "xx"}, {"seen": "x"}, {"seen": "db:zz:1"}])
    def test_what_no_page_of_ours_sends(self, browser, alice, form):
        promotion = since(alice, hours(25))
        with nothing_written():
            answer = browser.post(f"{QUEUE}/{promotion.pk}/promote", form)
        assert answer.status_code == 400

    def test_a_state_that_is_none(self, browser):
        assert browser.get(QUEUE, {"state": "done"})["Location"] == f"{QUEUE}?e=1"

    def test_a_step_in_place(self, browser, alice):
        promotion = since(alice, hours(2))
        address = f"{QUEUE}/{promotion.pk}/approve"
        answer = browser.post(address, headers=htmx(f"promotion-{promotion.pk}"))
        text = answer.content.decode()
        assert text.lstrip().startswith(f'<tr id="promotion-{promotion.pk}"')
        assert 'data-state="approved"' in text

    def test_the_loser_is_told_in_the_row(self, browser, alice, erin):
        promotion = since(alice, hours(2))
        reject(promotion.pk, actor=erin, reason="no")
        with nothing_written():
            answer = browser.post(
                f"{QUEUE}/{promotion.pk}/approve", headers=htmx(f"promotion-{promotion.pk}")
            )
        assert answer.status_code == 409
        assert "was rejected by erin" in text_of(answer)

    def test_what_nobody_wrote_down_yet_is_shown_as_it_is(self, browser, alice):
        over = since(alice, hours(24 + 168))
        changed = since(alice, hours(1), "console_customer_notes")
        raw_update(0, "console_customer_notes")
        with nothing_written():
            text = browser.get(QUEUE).content.decode()
            page = browser.get(f"{QUEUE}/{over.pk}")
        assert f'data-promotion="{over.pk}" data-state="expired"' in text
        assert f'data-promotion="{changed.pk}" data-state="rejected"' in text
        assert "once the scheduler, or the next step, notes it" in text_of(page)

    def test_the_same_number_of_queries_for_one_and_for_many(
        self, browser, alice, django_assert_num_queries
    ):
        since(alice, hours(2))
        browser.get(QUEUE)
        for key in ("console_customer_notes", "console_order_search_v2", "raptor_async_exports"):
            since(alice, hours(25), key)
        with django_assert_num_queries(14):
            browser.get(QUEUE)
        with django_assert_num_queries(25):
            browser.get(FLAGS)
        for key in ("console_customer_notes", "console_order_search_v2", "raptor_async_exports"):
            raw_update(0, key)
        with django_assert_num_queries(15):
            browser.get(QUEUE)
        with django_assert_num_queries(26):
            browser.get(FLAGS)


class TestPage:
    def test_rejecting_takes_a_reason(self, browser, alice):
        promotion = since(alice, hours(2))
        for reason in ("", " \n ", "x" * 1001, "a\x00b"):
            with nothing_written():
                answer = browser.post(f"{QUEUE}/{promotion.pk}/reject", {"reason": reason})
            assert answer.status_code == 400
        answer = browser.post(f"{QUEUE}/{promotion.pk}/reject", {"reason": " not \n yet "})
        assert answer.status_code == 303
        promotion.refresh_from_db()
        assert (promotion.state, promotion.reason) == (State.REJECTED, "not yet")
        assert "not yet" in text_of(browser.get(f"{QUEUE}/{promotion.pk}"))
        assert story()[-1] == ("rejected", "console", "alice")

    def test_the_present_state_is_lit(self, browser, alice):
        promotion = since(alice, hours(2))
        approve(promotion.pk, actor=alice)
        text = browser.get(f"{QUEUE}/{promotion.pk}").content.decode()
        assert text.count('class="state lit"') == 1
        assert "This one is approved." in text

    def test_the_flag_page_lists_them(self, browser, alice):
        promotion = since(alice, hours(2))
        text = browser.get(f"{FLAGS}/{LOW}").content.decode()
        assert f'data-promotion="{promotion.pk}" data-state="pending"' in text

    def test_a_reason_turns_no_text_around_but_its_own(self, browser, alice):
        promotion = since(alice, hours(2))
        reject(promotion.pk, actor=alice, reason="see \u202e 99-CNI")
        text = browser.get(f"{QUEUE}/{promotion.pk}").content.decode()
        for part in text.split("\u202e")[:-1]:
            assert part.rfind("<bdi>") > part.rfind("</bdi>")

    def test_what_became_of_prod_since(self, browser, alice, ops):
        promotion = since(alice, hours(25))
        browser.post(f"{QUEUE}/{promotion.pk}/promote")
        turn(LOW, "prod", False, console_actor(ops), timezone.now())
        told = text_of(browser.get(f"{QUEUE}/{promotion.pk}"))
        assert "It turned console_billing on in prod" in told
        assert "Prod now off (db), last change: bob" in told

    def test_approve_is_not_offered_where_it_would_be_refused(self, browser, alice):
        promotion = since(alice, hours(25))
        DeclaredFlag.objects.filter(env="prod", flag_key=LOW).delete()
        page = browser.get(f"{QUEUE}/{promotion.pk}")
        assert f"{promotion.pk}/approve" not in page.content.decode()
        assert "Declare it again, or reject this promotion" in text_of(page)

    def test_an_open_redirect_is_not_followed(self, browser, alice):
        promotion = since(alice, hours(2))
        form = {"next": "/console/flags@evil.example//x", "reason": "no"}
        for evil in ("https://evil.example/", "//evil.example", "/elsewhere"):
            answer = browser.post(f"{QUEUE}/{promotion.pk}/approve", {"next": evil})
            if answer.status_code == 303:
                assert answer["Location"] == f"{QUEUE}/{promotion.pk}"
        answer = browser.post(f"{QUEUE}/{promotion.pk}/reject", form)
        assert answer["Location"].startswith("/console/")

    def test_a_number_that_no_database_has(self, browser):
        for pk in (0, 10**30):
            assert browser.get(f"{QUEUE}/{pk}").status_code == 404
            assert browser.post(f"{QUEUE}/{pk}/approve").status_code == 404
