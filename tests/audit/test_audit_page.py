"""The audit page: the log as it is, to read and nothing else."""

import json
import re
from html import unescape

import pytest

from audit.actor import Actor, Channel
from audit.models import AuditEntry
from audit.services import audited, record
from tests.conftest import client_of
from tests.flags.test_flags_page import turn
from tests.pages import HIGH, LOW, MEDIUM, client_as, nothing_written, text_of

PAGE = "/console/audit"
FLIPS = f"{PAGE}?action=console.flag.flip"


def payloads_of(response) -> list[dict]:
    """The payloads on the page, in its order."""
    found = re.findall(r'<pre class="payload">(.*?)</pre>', response.content.decode(), re.DOTALL)
    return [json.loads(unescape(text)) for text in found]


def other_act(label: str = "ops (shell)", **payload) -> None:
    with audited():
        record(
            Actor(Channel.CLI, label),
            "console.operator.created",
            target_type="operator",
            target_id="erin",
            payload={"operator": "erin", "role": "ops", "totp": False, **payload},
        )


@pytest.fixture
def log(superadmin, ops):
    """Three flips, another act between them."""
    turn(ops, LOW)
    turn(superadmin, MEDIUM, env="prod")
    other_act()
    turn(superadmin, HIGH)


def test_the_log_is_shown_newest_first_with_the_exact_payloads(log, ops):
    expected = [entry.payload for entry in AuditEntry.objects.order_by("-id")]
    assert payloads_of(client_of(ops).get(PAGE)) == expected
    assert expected[0] == {"flag": HIGH, "env": "staging", "from": False, "to": True}


def test_each_entry_is_a_sentence(log, ops):
    said = text_of(client_of(ops).get(PAGE))
    assert f"bob turned {LOW} on in staging from the console" in said
    assert f"alice turned {MEDIUM} on in prod from the console" in said
    assert "ops (shell) made the operator erin (ops)" in said


def test_the_filter_by_action_keeps_the_flips_alone(log, ops):
    shown = payloads_of(client_of(ops).get(FLIPS))
    assert [payload["flag"] for payload in shown] == [HIGH, MEDIUM, LOW]


def test_the_filter_is_offered_on_the_page(log, ops):
    html = client_of(ops).get(PAGE).content.decode()
    assert 'href="?action=console.flag.flip"' in html


@pytest.mark.parametrize("query", ["action=console.no.such.act", "action=%00", "o=99", "p=99"])
def test_a_query_that_the_page_does_not_know_is_no_server_error(log, ops, query):
    assert client_of(ops).get(f"{PAGE}?{query}").status_code in (200, 302)


@pytest.mark.parametrize(("words", "shown"), [(LOW, 1), ("alice", 2), ("nothing-like-it", 0)])
def test_search_finds_by_flag_and_by_who(log, ops, words, shown):
    assert len(payloads_of(client_of(ops).get(f"{PAGE}?q={words}"))) == shown


def test_the_log_is_of_both_environments_whatever_is_active(log, ops):
    client = client_of(ops)
    shown = payloads_of(client.get(PAGE))
    client.post("/console/env", {"env": "prod"})
    assert payloads_of(client.get(PAGE)) == shown


@pytest.mark.parametrize("who", ["ops", "superadmin", "superuser"])
@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_the_page_takes_nothing_but_reading(declared, who, method):
    other_act()
    entry = AuditEntry.objects.get()
    client = client_as(who)
    fields = {"action": "delete_selected", "_selected_action": entry.pk, "post": "yes"}
    with nothing_written():
        response = getattr(client, method)(PAGE, fields if method == "post" else "")
    assert response.status_code == 405


@pytest.mark.parametrize("verb", ["add/", "{pk}/change/", "{pk}/delete/", "{pk}/history/", "{pk}/"])
@pytest.mark.parametrize("method", ["get", "post"])
def test_there_is_no_address_that_adds_changes_or_deletes(declared, verb, method):
    other_act()
    path = f"{PAGE}/auditentry/{verb.format(pk=AuditEntry.objects.get().pk)}"
    client = client_as("superuser")
    with nothing_written():
        response = getattr(client, method)(path, {"post": "yes", "actor": "nobody"})
    assert response.status_code == 404


def test_the_page_offers_neither_add_nor_actions(log, ops):
    html = client_of(ops).get(PAGE).content.decode()
    assert "addlink" not in html
    assert 'name="action"' not in html
    assert 'name="_save"' not in html


def test_what_people_wrote_is_shown_as_text(superadmin):
    other_act(label="<img src=x onerror=alert(1)>", note="</pre><script>alert(1)</script>")
    page = client_of(superadmin).get(PAGE)
    assert "<img src=x" not in page.content.decode()
    assert "<script>alert(1)" not in page.content.decode()
    assert payloads_of(page)[0]["note"] == "</pre><script>alert(1)</script>"


def test_the_number_of_queries_does_not_grow_with_the_log(log, ops, django_assert_num_queries):
    client = client_of(ops)
    for entries in (4, 40):
        while AuditEntry.objects.count() < entries:
            other_act()
        # Session, user, the session's limits, two for the permissions, count, which entries,
        # the entries, days.
        with django_assert_num_queries(9):
            assert len(payloads_of(client.get(PAGE))) == entries


def test_a_long_log_is_paged(declared, ops):
    for _ in range(51):
        other_act()
    client = client_of(ops)
    assert [len(payloads_of(client.get(f"{PAGE}?p={page}"))) for page in (1, 2)] == [50, 1]
