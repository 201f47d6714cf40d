"""A high-risk flip on the page: refused with the way to a code and back, or made."""

import json
import re
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest

from audit.models import AuditEntry
from flags.models import FeatureFlag
from flags.state import read_state
from tests.codes import DROP, elevated_client
from tests.conftest import client_of
from tests.flags.test_flags_page import turn
from tests.pages import (
    FLAGS,
    HIGH,
    HTMX,
    LOW,
    MEDIUM,
    ON_PAGE,
    client_as,
    flip_form,
    flip_url,
    nothing_written,
    rows_of,
    text_of,
)

pytestmark = pytest.mark.usefixtures("declared")
FORMS = pytest.mark.parametrize("headers", [HTMX, {}], ids=["htmx", "plain"])
MIGHTY = pytest.mark.parametrize("who", ["superadmin", "superuser"])


def refused_flip(client, headers: dict | None = None, **fields: str):
    with nothing_written():
        return client.post(flip_url(HIGH), flip_form(HIGH) | fields, headers=headers)


def link_to_a_code(response) -> str:
    """Where the answer's link to a code leads; "" where there is none."""
    found = re.search(r'href="(/console/elevate\?[^"]*)"', response.content.decode())
    return unescape(found[1]) if found else ""


def next_of(address: str) -> str:
    """What the query of this address gives as `next`."""
    [page] = parse_qs(urlsplit(address).query)["next"]
    return page


@MIGHTY
def test_htmx_gets_403_and_the_fresh_row_that_says_why(who):
    response = refused_flip(client_as(who), HTMX)
    assert response.status_code == 403
    row = rows_of(response)[HIGH]
    assert (row["data-value"], row["data-seen"]) == ("off", read_state(HIGH, "staging").seen)
    assert response.content.decode().count("<tr") == 1
    assert "a fresh TOTP proof: nothing was changed" in text_of(response)
    assert 'role="alert"' in response.content.decode()


@MIGHTY
def test_htmx_is_told_to_open_the_dialog_at_the_address_of_the_link(who):
    response = refused_flip(client_as(who), HTMX)
    trigger = json.loads(response["HX-Trigger-After-Settle"])
    address = trigger["console:elevate"]["address"]
    assert list(trigger) == ["console:elevate"]
    assert urlsplit(address).path == "/console/elevate"
    assert next_of(address) == next_of(link_to_a_code(response))


@MIGHTY
def test_without_javascript_a_403_page_has_the_same_link(who):
    client = client_as(who)
    page = refused_flip(client)
    assert page.status_code == 403
    assert 'id="env-banner"' in page.content.decode()
    assert next_of(link_to_a_code(page)) == next_of(link_to_a_code(refused_flip(client, HTMX)))
    assert "HX-Trigger-After-Settle" not in page
    assert f"{HIGH} is off in staging" in text_of(page)


@FORMS
def test_the_link_comes_back_to_the_offer_of_the_very_flip(superadmin, headers):
    form = flip_form(HIGH)
    response = refused_flip(client_of(superadmin), headers, next=ON_PAGE)
    offer = urlsplit(next_of(link_to_a_code(response)))
    assert offer.path == f"{FLAGS}/{HIGH}/offer"
    assert {name: value for name, [value] in parse_qs(offer.query).items()} == form | {
        "next": ON_PAGE
    }


@pytest.mark.parametrize(
    ("asked", "kept"),
    [
        (f"{FLAGS}?q=check&risk=high&p=1&o=-1", f"{FLAGS}?q=check&risk=high&p=1&o=-1"),
        (f"{FLAGS}?q=%26%23%3D+%22x%22", f"{FLAGS}?q=%26%23%3D+%22x%22"),
        ("https://evil.example/console/flags", FLAGS),
        ("//evil.example/console/flags", FLAGS),
        ("/console/audit", FLAGS),
        ("javascript:alert(1)", FLAGS),
        ("", FLAGS),
    ],
)
@FORMS
def test_filters_and_paging_are_kept_and_nothing_else(superadmin, headers, asked, kept):
    response = refused_flip(client_of(superadmin), headers, next=asked)
    assert next_of(next_of(link_to_a_code(response))) == kept


@FORMS
@pytest.mark.parametrize("who", ["support", "readonly", "ops"])
def test_a_role_that_may_not_flip_is_refused_by_role_and_offered_no_code(who, headers):
    response = refused_flip(client_as(who), headers)
    assert response.status_code == 403
    assert "role" in text_of(response)
    assert "TOTP" not in text_of(response)
    assert not link_to_a_code(response)
    assert "HX-Trigger-After-Settle" not in response


@FORMS
def test_ops_with_a_fresh_proof_are_refused_by_role_all_the_same(ops, headers):
    response = refused_flip(elevated_client(ops), headers)
    assert response.status_code == 403
    assert "need the role superadmin" in text_of(response)


@FORMS
@MIGHTY
def test_a_value_that_moved_is_409_and_no_code_is_asked_for(superadmin, who, headers):
    drawn = flip_form(HIGH)
    turn(superadmin, HIGH)
    turn(superadmin, HIGH, False)
    response = refused_flip(client_as(who), headers, **drawn)
    assert response.status_code == 409
    assert not link_to_a_code(response)
    assert "HX-Trigger-After-Settle" not in response


@FORMS
@pytest.mark.parametrize("persona", ["superadmin", "superuser"])
def test_an_elevated_session_flips_high_risk(request, persona, headers):
    user = request.getfixturevalue(persona)
    client = elevated_client(user)
    response = client.post(flip_url(HIGH), flip_form(HIGH), headers=headers)
    assert response.status_code == (200 if headers else 303)
    row, entry = FeatureFlag.objects.get(), AuditEntry.objects.latest("id")
    assert (row.flag_key, row.value, row.updated_by) == (HIGH, 1, user)
    assert (entry.admin, entry.change_id) == (user, row.change_id)


@FORMS
def test_after_the_elevation_was_dropped_the_next_flip_is_refused(superadmin, headers):
    client = elevated_client(superadmin)
    client.post(flip_url(HIGH), flip_form(HIGH))
    client.post(DROP)
    assert refused_flip(client, headers, to="off").status_code == 403


@FORMS
def test_the_elevation_of_one_browser_is_none_of_another(superadmin, headers):
    elevated_client(superadmin)
    assert refused_flip(client_of(superadmin), headers).status_code == 403


@pytest.mark.parametrize(
    "claim",
    [
        {"elevated": "1"},
        {"elevated_at": "2999-01-01T00:00:00Z"},
        {"token": "000000"},
        {"break_glass": "1", "incident": "INC-1", "as": "alice"},
        {"actor": "cli", "channel": "cli"},
    ],
    ids=lambda claim: next(iter(claim)),
)
@FORMS
def test_no_field_of_the_form_stands_in_for_a_proof(superadmin, headers, claim):
    assert refused_flip(client_of(superadmin), headers, **claim).status_code == 403


def test_a_session_that_claims_an_elevation_in_its_own_data_has_none(superadmin):
    client = client_of(superadmin)
    session = client.session
    session["elevated_at"] = session["elevated_until"] = "2999-01-01T00:00:00+00:00"
    session["elevated"] = session["otp_device_id"] = True
    session.save()
    assert refused_flip(client).status_code == 403


@pytest.mark.parametrize("key", [LOW, MEDIUM])
@FORMS
def test_less_than_high_risk_is_flipped_without_a_code(superadmin, headers, key):
    response = client_of(superadmin).post(flip_url(key), flip_form(key), headers=headers)
    assert response.status_code == (200 if headers else 303)
    assert "HX-Trigger-After-Settle" not in response
