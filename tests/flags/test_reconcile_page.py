"""The form on a flag's page that reconciles what was changed outside the console."""

import re
from html import unescape

import pytest

from audit.models import AuditEntry
from flags.models import MAX_INCIDENT_LENGTH
from tests.conftest import client_of
from tests.flags.outside import (
    is_marked,
    last_change,
    raw_delete,
    raw_insert,
    raw_update,
    without_triggers,
)
from tests.flags.test_flag_page import layers_of
from tests.flags.test_flags_page import turn
from tests.pages import FLAGS, HIGH, LOW, MEDIUM, client_as, nothing_written, text_of
from tests.raxxconsole.test_hostile_text import Shown

pytestmark = pytest.mark.usefixtures("declared")
PAGE = f"{FLAGS}/{LOW}"


def section_of(response) -> str:
    found = re.search(r'(?s)<section id="reconcile".*?</section>', response.content.decode())
    return found.group() if found else ""


def form_of(response) -> dict[str, str]:
    """The fields that the drawn form would send, as yet without an incident."""
    inputs = [dict(re.findall(r'(\w+)="(.*?)"', tag)) for tag in re.findall(
        r"<input [^>]*>", section_of(response)
    )]  # fmt: skip
    return {field["name"]: unescape(field.get("value", "")) for field in inputs}


def post(client, key: str = LOW, **fields):
    drawn = form_of(client.get(f"{FLAGS}/{key}"))
    form = {"env": "staging", "seen": "db::1", **drawn, "incident": "INC-7", **fields}
    return client.post(f"{FLAGS}/{key}/reconcile", form)


def test_the_form_as_drawn_reconciles_and_comes_back_with_a_message(ops):
    raw_insert()
    client = client_of(ops)
    assert set(form_of(client.get(PAGE))) == {
        *("csrfmiddlewaretoken", "env", "seen", "incident", "reason"),
    }
    answer = post(client, reason="the console was down")
    assert (answer.status_code, answer["Location"]) == (303, PAGE)
    page = client.get(PAGE)
    assert f"{LOW} in staging stays on. Reconciled: INC-7" in text_of(page)
    assert section_of(page) == ""
    entry = AuditEntry.objects.latest("id")
    assert (entry.actor, entry.context["incident"]) == ("bob", "INC-7")
    assert entry.context["request_id"]


def test_a_flag_that_nobody_changed_outside_has_no_form(ops):
    turn(ops)
    assert section_of(client_of(ops).get(PAGE)) == ""


def test_every_field_has_its_label_and_the_incident_is_asked_for_by_the_browser(ops):
    raw_insert()
    section = section_of(client_of(ops).get(PAGE))
    for name in ("incident", "reason"):
        assert f'<label for="id_{name}">' in section
    [incident] = re.findall(r'<input [^>]*name="incident"[^>]*>', section)
    assert " required " in incident
    assert f'maxlength="{MAX_INCIDENT_LENGTH}"' in incident


def test_it_says_what_happened(ops):
    turn(ops)
    raw_update(0)
    page = client_of(ops).get(PAGE)
    said = " ".join(Shown(section_of(page)).text.split())
    assert f"{LOW} in staging was turned off (it was on) in the database itself" in said
    assert f"by {last_change().who}." in said
    assert "outside the console" in layers_of(page)["db"][1]


def test_it_says_that_a_row_was_removed_and_what_it_said(ops):
    turn(ops)
    raw_delete()
    client = client_of(ops)
    page = client.get(PAGE)
    said = " ".join(Shown(section_of(page)).text.split())
    assert f"The row of {LOW} in staging was removed (it said on)" in said
    why = layers_of(page)["db"][1]
    assert f"No row: it was removed by {last_change().who} , outside the console" in why
    post(client)
    page = client.get(PAGE)
    assert f"{LOW} in staging has no row. Reconciled: INC-7" in text_of(page)
    assert "reconciled by bob ( INC-7 )" in layers_of(page)["db"][1]


def test_it_says_that_nobody_is_known_where_no_audit_row_tells(ops):
    without_triggers(lambda: raw_insert(0))
    page = client_of(ops).get(PAGE)
    assert "no audit row tells who set it" in text_of(page)
    assert "Last changed by someone outside the console" in layers_of(page)["db"][1]


@pytest.mark.parametrize(("who", "key"), [("ops", MEDIUM), ("ops", HIGH)])
def test_whoever_may_not_flip_it_reads_why_there_is_no_form(who, key):
    raw_insert(key=key)
    client = client_as(who)
    page = client.get(f"{FLAGS}/{key}")
    assert form_of(page) == {}
    risk = "medium" if key == MEDIUM else "high"
    assert f"flags of {risk} risk need the role superadmin" in text_of(page)
    with nothing_written():
        assert post(client, key, seen=last_change(key).seen).status_code == 403


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"env": "production"}, 400),
        ({"env": ""}, 400),
        ({"seen": "yaml::0"}, 400),
        ({"seen": ""}, 400),
        ({"incident": ""}, 400),
        ({"incident": "  "}, 400),
        ({"incident": "x" * 201}, 400),
        ({"incident": "INC\x00"}, 400),
        ({"env": "prod"}, 409),
        ({"seen": "db::1"}, 409),
    ],
)
@pytest.mark.parametrize("headers", [{"HX-Request": "true"}, {}], ids=["htmx", "plain"])
def test_a_refused_one_writes_nothing_and_says_why(ops, fields, status, headers):
    raw_insert()
    client = client_of(ops)
    client.defaults |= {f"HTTP_{name.upper().replace('-', '_')}": v for name, v in headers.items()}
    with nothing_written():
        answer = post(client, **fields)
    assert answer.status_code == status
    assert "Nothing was" in text_of(answer) or "nothing was" in text_of(answer)
    assert is_marked()


@pytest.mark.parametrize(
    ("fields", "status"),
    [({"env": "", "incident": ""}, 400), ({"env": "prod"}, 403), ({"seen": "db::0"}, 403)],
)
def test_refusals_come_in_the_contracts_order(fields, status):
    raw_insert(key=HIGH)
    client = client_as("ops")
    assert post(client, HIGH, **fields).status_code == status
    assert post(client, "no_such_flag", **fields).status_code == 404


def test_an_environment_that_this_console_does_not_serve_is_refused(ops, settings):
    raw_insert(env="prod")
    client = client_of(ops)
    client.post("/console/env", {"env": "prod"})
    settings.CONSOLE_ENVIRONMENTS = ("staging",)
    with nothing_written():
        assert post(client, env="prod").status_code == 409


def test_what_was_changed_again_since_the_page_was_drawn_is_shown_as_it_is_now(ops):
    raw_insert()
    client = client_of(ops)
    drawn = form_of(client.get(PAGE))
    raw_update(0)
    with nothing_written():
        answer = client.post(f"{PAGE}/reconcile", drawn | {"incident": "INC-7"})
    assert answer.status_code == 409
    assert "its row in staging says off now" in text_of(answer)
    assert f'href="{PAGE}"' in answer.content.decode()


def test_what_somebody_else_reconciled_is_said_to_be_done(ops, superadmin):
    raw_insert()
    first, second = client_of(ops), client_of(superadmin)
    drawn = form_of(second.get(PAGE))
    post(first)
    with nothing_written():
        answer = second.post(f"{PAGE}/reconcile", drawn | {"incident": "INC-8"})
    assert answer.status_code == 303
    assert "nothing to reconcile. Last change: bob, reconciled (INC-7)" in text_of(second.get(PAGE))
