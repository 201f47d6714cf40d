"""Who may flip which risk (runbook section 5), and that a refusal writes nothing."""

import pytest

from tests.pages import (
    EVERYONE,
    HIGH,
    HTMX,
    LOW,
    MEDIUM,
    SEE_FLAGS,
    SEE_NO_FLAGS,
    SIGNED_OUT,
    client_as,
    flip_form,
    flip_url,
    nothing_written,
    rows_of,
    text_of,
    written,
)

pytestmark = pytest.mark.usefixtures("declared")
FORMS = pytest.mark.parametrize("headers", [HTMX, {}], ids=["htmx", "plain"])
MAY = [("ops", LOW), *((who, key) for who in SEE_FLAGS[1:] for key in (LOW, MEDIUM))]
MAY_NOT = [(who, key) for who in EVERYONE for key in (LOW, MEDIUM, HIGH) if (who, key) not in MAY]


@pytest.mark.parametrize(("who", "key"), MAY)
@FORMS
def test_who_may_flip_a_risk_flips_it(who, key, headers):
    response = client_as(who).post(flip_url(key), flip_form(key), headers=headers)
    assert response.status_code == (200 if headers else 303)
    assert [len(rows) for rows in written()] == [1, 1]


@pytest.mark.parametrize(("who", "key"), MAY_NOT)
@FORMS
def test_who_may_not_flip_a_risk_writes_nothing(who, key, headers):
    client = client_as(who)
    with nothing_written():
        response = client.post(flip_url(key), flip_form(key), headers=headers)
    signed_out = 401 if headers else 302
    assert response.status_code == (signed_out if who in SIGNED_OUT else 403)


@pytest.mark.parametrize("who", SIGNED_OUT)
def test_signed_out_is_sent_to_sign_in_and_then_to_the_page_never_to_the_flip(who):
    response = client_as(who).post(f"{flip_url()}?x=1", flip_form())
    assert response["Location"] == "/console/login?next=/console/flags"


@pytest.mark.parametrize("who", SIGNED_OUT)
@pytest.mark.parametrize(
    ("current", "page"),
    [
        ("http://testserver/console/flags?risk=low", "%2Fconsole%2Fflags%3Frisk%3Dlow"),
        ("http://evil.example/console/flags", "%2Fconsole%2Fflags"),
        ("", "%2Fconsole%2Fflags"),
    ],
    ids=["its page", "another site", "no page"],
)
def test_signed_out_htmx_is_told_to_go_to_sign_in_and_then_to_its_page(who, current, page):
    headers = {"HX-Request": "true", "HX-Current-URL": current}
    response = client_as(who).post(flip_url(), flip_form(), headers=headers)
    assert response.status_code == 401
    assert response["HX-Redirect"] == f"/console/login?next={page}"


@pytest.mark.parametrize("who", SEE_NO_FLAGS)
@FORMS
def test_who_may_not_see_flags_is_told_so_and_learns_nothing_of_the_flag(who, headers):
    response = client_as(who).post(flip_url(), flip_form(), headers=headers)
    assert "Your role may not see this page." in text_of(response)
    assert rows_of(response) == {}


@pytest.mark.parametrize("key", [MEDIUM, HIGH])
def test_a_role_that_may_not_flip_this_risk_is_told_which_role_may(key):
    response = client_as("ops").post(flip_url(key), flip_form(key), headers=HTMX)
    row = rows_of(response)[key]
    assert (row["id"], row["data-value"]) == (f"flag-{key}", "off")
    assert "need the role superadmin" in text_of(response)
    assert 'role="alert"' in response.content.decode()


@pytest.mark.parametrize("who", ["superadmin", "superuser"])
@pytest.mark.parametrize("to", ["on", "off"])
@FORMS
def test_high_risk_needs_elevation_whoever_asks(who, to, headers):
    client = client_as(who)
    with nothing_written():
        response = client.post(flip_url(HIGH), flip_form(HIGH, to=to), headers=headers)
    assert response.status_code == 403
    assert "TOTP" in text_of(response)
