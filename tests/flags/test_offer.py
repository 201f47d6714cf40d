"""After the code the same flip is offered again: checked anew, and never made by itself."""

import re
from html import unescape
from urllib.parse import urlencode

import pytest

from flags.models import DeclaredFlag, FeatureFlag
from flags.state import read_state
from tests.codes import code_of, elevated_client, enrolled, give
from tests.conftest import client_of
from tests.flags.test_flags_page import turn
from tests.flags.test_high_risk_routes import link_to_a_code, next_of, refused_flip
from tests.pages import (
    FLAGS,
    HIGH,
    HTMX,
    LOW,
    ON_PAGE,
    client_as,
    flip_form,
    flip_url,
    nothing_written,
    rows_of,
    text_of,
)

pytestmark = pytest.mark.usefixtures("declared")
FORMS = pytest.mark.parametrize("headers", [HTMX, {}], ids=["dialog", "page"])


def offer(client, key: str = HIGH, headers: dict | None = None, **query: str):
    """The offer of the flip that a page drawn now would have sent."""
    with nothing_written():
        address = f"{FLAGS}/{key}/offer?{urlencode(flip_form(HIGH) | query)}"
        return client.get(address, headers=headers)


def form_of(response) -> tuple[str, dict[str, str]]:
    """Where the offer's form goes, and its fields but for the CSRF token; nothing without one."""
    html = re.search(
        r'<section data-console class="offer".*?</section>', response.content.decode(), re.S
    )
    found = re.search(r'<form method="post" action="([^"]*)".*?</form>', html[0], re.S)
    if not found:
        return "", {}
    fields = re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', found[0])
    return found[1], {n: unescape(v) for n, v in fields if n != "csrfmiddlewaretoken"}


@FORMS
def test_from_the_refusal_over_the_code_to_the_flip_nothing_is_lost_or_repeated(
    superadmin, headers
):
    device, client = enrolled(superadmin), client_of(superadmin)
    refused = refused_flip(client, headers, next=ON_PAGE)
    answer = give(client, code_of(device), next=next_of(link_to_a_code(refused)))
    assert answer.status_code == 303
    assert answer["Location"].startswith(f"{FLAGS}/{HIGH}/offer?")
    page = client.get(answer["Location"], headers=headers)
    assert not FeatureFlag.objects.exists()
    where, fields = form_of(page)
    assert (where, fields) == (flip_url(HIGH), flip_form(HIGH) | {"next": ON_PAGE})
    done = client.post(where, fields)
    assert (done.status_code, done["Location"]) == (303, f"{ON_PAGE}#flag-{HIGH}")
    assert FeatureFlag.objects.get().value == 1


@pytest.mark.parametrize("to", ["on", "off"])
@FORMS
def test_the_offer_says_what_it_would_do_and_what_is_so_now(superadmin, headers, to):
    page = offer(elevated_client(superadmin), headers=headers, to=to)
    said = text_of(page)
    assert page.status_code == 200
    assert f"Turn {to} {HIGH} in staging?" in said
    assert f"You are elevated. {HIGH} is still off in staging , as you saw it." in said
    assert "high risk" in said
    assert form_of(page)[1]["to"] == to


def test_the_form_in_the_dialog_answers_the_row_of_the_page(superadmin):
    client = elevated_client(superadmin)
    page = offer(client, headers=HTMX)
    html = page.content.decode()
    assert f'hx-post="{flip_url(HIGH)}" hx-target="#flag-{HIGH}" hx-swap="outerHTML"' in html
    where, fields = form_of(page)
    row = rows_of(client.post(where, fields, headers=HTMX))[HIGH]
    assert (row["data-value"], row["data-source"]) == ("on", "db")


def test_the_dialog_brings_the_header_along_whose_drop_leads_to_the_page_below(superadmin):
    client = elevated_client(superadmin)
    html = offer(client, headers=HTMX, next=ON_PAGE).content.decode()
    [header] = re.findall(r'<div id="elevation" hx-swap-oob="true">.*?</div>', html, re.S)
    assert "data-elevated-seconds" in header
    assert f'name="next" value="{ON_PAGE}"' in header
    assert "hx-swap-oob" not in offer(client).content.decode()
    assert "<html" not in html
    assert html.lstrip().startswith("<section data-console")


@FORMS
def test_an_offer_without_elevation_promises_none_and_its_flip_is_refused(superadmin, headers):
    client = client_of(superadmin)
    page = offer(client, headers=headers)
    assert "You are elevated" not in text_of(page)
    where, fields = form_of(page)
    with nothing_written():
        assert client.post(where, fields, headers=headers).status_code == 403


@FORMS
def test_a_value_that_moved_meanwhile_is_told_and_not_offered(superadmin, headers):
    drawn = flip_form(HIGH)
    turn(superadmin, HIGH)
    turn(superadmin, HIGH, False)
    client = elevated_client(superadmin)
    page = offer(client, headers=headers, **drawn)
    assert f"It was changed meanwhile: {HIGH} is off in staging now (alice," in text_of(page)
    assert form_of(page) == ("", {})
    with nothing_written():
        assert client.post(flip_url(HIGH), drawn).status_code == 409


@FORMS
def test_a_value_that_another_operator_set_meanwhile_is_told_as_done(superadmin, headers):
    drawn = flip_form(HIGH)
    turn(superadmin, HIGH)
    page = offer(elevated_client(superadmin), headers=headers, **drawn)
    assert f"{HIGH} is on in staging already (alice," in text_of(page)
    assert form_of(page) == ("", {})


@FORMS
def test_another_active_environment_is_told_and_its_flag_is_not_offered(superadmin, headers):
    client = elevated_client(superadmin)
    client.post("/console/env", {"env": "prod"})
    page = offer(client, headers=headers)
    assert "prod is the active environment now, and this page shows staging" in text_of(page)
    assert form_of(page) == ("", {})


@FORMS
def test_what_a_code_would_not_help_is_told_instead_of_offered(superadmin, ops, settings, headers):
    page = offer(elevated_client(ops), headers=headers)
    assert "need the role superadmin" in text_of(page)
    assert form_of(page) == ("", {})
    client = elevated_client(superadmin)
    settings.FLAG_CONSOLE_FEATURE_FLAGS_DB = False
    page = offer(client, headers=headers)
    assert "database layer is off" in text_of(page)
    assert form_of(page) == ("", {})


@pytest.mark.parametrize("key", ["no_such_flag", "%00", "%ED%A0%80"])
@FORMS
def test_a_flag_that_is_none_is_404(superadmin, headers, key):
    page = offer(client_of(superadmin), key, headers)
    assert page.status_code == 404
    assert "is not declared" in text_of(page)


@FORMS
def test_a_flag_that_went_with_a_release_meanwhile_is_404(superadmin, headers):
    client = client_of(superadmin)
    client.post("/console/env", {"env": "prod"})
    query = flip_form(HIGH, env="prod")
    DeclaredFlag.objects.filter(env="prod", flag_key=HIGH).delete()
    assert offer(client, headers=headers, **query).status_code == 404


@pytest.mark.parametrize(
    "query",
    [
        *({"to": to} for to in ("", "ON", "1", "maybe", "<script>")),
        *({"env": env} for env in ("", "PROD", "dev", "<script>")),
        *({"seen": seen} for seen in ("", "yaml", "db:x:1", "x" * 10_000)),
    ],
    ids=lambda query: str(query)[:30],
)
@FORMS
def test_a_query_that_is_no_flip_is_400(superadmin, headers, query):
    page = offer(client_of(superadmin), headers=headers, **query)
    assert page.status_code == 400
    assert "A flip needs" in text_of(page)
    assert "<script>" not in page.content.decode()


@pytest.mark.parametrize(
    ("asked", "leads"),
    [
        ("https://evil.example/console/flags", FLAGS),
        ("//evil.example/console/flags", FLAGS),
        ("/\\evil.example/console/flags", FLAGS),
        ("javascript:alert(1)", FLAGS),
        ("/console/audit", FLAGS),
        (f'{FLAGS}?q="><script>', f'{FLAGS}?q="><script>'),
        (ON_PAGE, ON_PAGE),
    ],
)
def test_back_is_the_flags_page_with_its_filters_and_nowhere_else(superadmin, asked, leads):
    page = offer(elevated_client(superadmin), next=asked)
    assert form_of(page)[1]["next"] == leads
    html = page.content.decode()
    back = re.search(r'<a href="([^"]*)">Change nothing', html)[1]
    assert unescape(back) == f"{leads}#flag-{HIGH}"
    assert not re.search(r'(href|action)="(?!/console/|/static/|#)', html)
    assert '"><script>' not in html


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete", "options"])
def test_every_method_but_get_is_405_and_writes_nothing(superadmin, method):
    client = elevated_client(superadmin)
    with nothing_written():
        address = f"{FLAGS}/{HIGH}/offer?{urlencode(flip_form(HIGH))}"
        response = getattr(client, method)(address)
    assert (response.status_code, response["Allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize("who", ["support", "readonly"])
def test_who_sees_no_flags_sees_no_offer(who):
    page = offer(client_as(who))
    assert page.status_code == 403
    assert HIGH not in text_of(page)


def test_a_signed_out_visitor_of_an_offer_signs_in_and_comes_back_to_it(client):
    page = offer(client)
    assert page.status_code == 302
    assert next_of(page["Location"]).startswith(f"{FLAGS}/{HIGH}/offer?to=on")


def test_an_offer_of_less_than_high_risk_is_as_good(ops):
    client = client_of(ops)
    where, fields = form_of(offer(client, LOW, **flip_form(LOW)))
    assert client.post(where, fields).status_code == 303
    assert read_state(LOW, "staging").is_set_to(True)
