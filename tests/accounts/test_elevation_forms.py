"""The elevation form: its page, its dialog, and where it leads."""

import re
from html import unescape

import pytest

from tests.accounts.test_sign_in import AFAR
from tests.codes import DROP, ELEVATE, code_of, elevated_client, enrolled, give, wrong_code
from tests.conftest import client_of
from tests.pages import FLAGS, HTMX, client_as, same_browser, text_of, undone

PAGE = f"{FLAGS}?risk=high&p=2"
STILL_FURTHER = [
    *AFAR,
    *("///evil.example", "/\t/evil.example", "\t//evil.example", " //evil.example", "//"),
    *("https:evil.example", "https:///evil.example", "//testserver@evil.example/", "evil.example"),
    *("http://testserver:80@evil.example/", "http://testserver.evil.example/", "data:text/html,x"),
    *("JaVaScRiPt:alert(1)", "console/flags", "", "x" * 10_000),
]


@pytest.fixture
def device(ops):
    return enrolled(ops)


@pytest.fixture
def client(device):
    return client_of(device.user)


def leads_to(response) -> tuple[str, str]:
    """Where the form carries on to, and where the way past it leads."""
    html = response.content.decode()
    field = re.findall(r'<input type="hidden" name="next" value="(.*?)">\s*<label', html)
    past = re.findall(r'<a href="([^"]*)">Go on without elevation', html)
    return unescape(*field), unescape(*past)


def test_the_form_leads_to_no_other_host(client):
    for page in STILL_FURTHER:
        shown = client.get(ELEVATE, {"next": page})
        assert shown.status_code == 200, page
        assert leads_to(shown) == ("/console/", "/console/"), page
        refused = client.post(ELEVATE, {"token": "", "next": page})
        assert leads_to(refused) == ("/console/", "/console/"), page


def test_a_good_code_leads_to_no_other_host(client, device):
    for page in STILL_FURTHER:
        with undone():
            given = give(same_browser(client), code_of(device), next=page)
            assert (given.status_code, given["Location"]) == (303, "/console/"), page


def test_a_good_code_leads_to_no_other_host_by_the_query_either(client, device):
    for page in AFAR:
        with undone():
            form, query = {"token": code_of(device)}, {"next": page}
            given = same_browser(client).post(ELEVATE, form, query_params=query)
            assert (given.status_code, given["Location"]) == (303, "/console/"), page


@pytest.mark.parametrize("elevated", [True, False])
def test_a_drop_leads_to_no_other_host(client, device, elevated):
    visitor = elevated_client(device.user) if elevated else client
    for page in STILL_FURTHER:
        for ways in ({"data": {"next": page}}, {"query_params": {"next": page}}):
            with undone():
                dropped = same_browser(visitor).post(DROP, **ways)
                assert dropped["Location"] == "/console/", (page, ways)


def test_a_page_whose_address_has_a_line_break_adds_no_header(client, device):
    response = give(client, code_of(device), next="/console/\r\nSet-Cookie: a=b")
    assert response.status_code == 303
    assert "a" not in response.cookies
    assert "\n" not in response["Location"]


@pytest.mark.parametrize(
    "page", [PAGE, "/console/flags/checkout_express", "/console/audit?a=%C3%A9"]
)
def test_the_form_carries_the_page_along_through_a_wrong_code(client, device, page):
    assert leads_to(client.get(ELEVATE, {"next": page})) == (page, page)
    assert leads_to(give(client, wrong_code(device), next=page)) == (page, page)
    assert leads_to(give(client, code_of(device), next=page)) == (page, page)


@pytest.mark.parametrize("page", [PAGE, "/console/flags/checkout_express"])
def test_a_good_code_and_a_drop_lead_back_to_the_page(client, device, page):
    given = give(client, code_of(device), next=page)
    assert (given.status_code, given["Location"]) == (303, page)
    dropped = client.post(DROP, {"next": page})
    assert (dropped.status_code, dropped["Location"]) == (303, page)


def test_without_a_page_they_lead_to_the_console(client, device):
    assert leads_to(client.get(ELEVATE)) == ("/console/", "/console/")
    assert give(client, code_of(device))["Location"] == "/console/"
    assert client.post(DROP)["Location"] == "/console/"


def test_a_hostile_page_is_shown_as_text(client):
    html = client.get(ELEVATE, {"next": '/"><script>alert(1)</script>'}).content.decode()
    assert "<script>alert" not in html
    assert 'value="/&quot;&gt;&lt;script&gt;' in html


@pytest.mark.parametrize("who", ["support", "readonly", "ops", "superadmin", "superuser"])
def test_every_operator_may_elevate(declared, who):
    client = client_as(who)
    user = client.get(ELEVATE).wsgi_request.user
    assert give(client, code_of(enrolled(user))).status_code == 303


@pytest.mark.parametrize("method", ["put", "delete", "patch"])
def test_other_methods_are_refused(client, method):
    response = getattr(client, method)(ELEVATE)
    assert (response.status_code, response["Allow"]) == (405, "GET, POST, HEAD")


def test_the_page_says_how_long_and_whether_the_session_is_elevated(client, device, settings):
    assert "It elevates this session for 10 minutes" in text_of(client.get(ELEVATE))
    settings.ELEVATION_SECONDS = 90
    assert "It elevates this session for 1 minute 30 seconds" in text_of(client.get(ELEVATE))
    assert "elevated already" not in text_of(client.get(ELEVATE))
    give(client, code_of(device))
    assert "This session is elevated already" in text_of(client.get(ELEVATE))


def test_who_has_no_device_is_shown_the_way_to_one(ops):
    html = client_of(ops).get(ELEVATE).content.decode()
    assert 'href="/console/account/enrol"' in html
    assert 'name="token"' not in html


def test_the_answers_are_kept_nowhere(client, device):
    answers = [client.get(ELEVATE), give(client, wrong_code(device)), give(client, "")]
    assert all("no-store" in answer["Cache-Control"] for answer in answers)


def is_partial(response) -> bool:
    html = response.content.decode()
    return html.lstrip().startswith("<section data-console") and "<html" not in html


def test_the_dialog_gets_the_form_alone(client, device):
    shown = client.get(ELEVATE, {"next": PAGE}, headers=HTMX)
    assert (shown.status_code, is_partial(shown)) == (200, True)
    assert 'hx-post="/console/elevate"' in shown.content.decode()
    assert f'name="next" value="{PAGE.replace("&", "&amp;")}"' in shown.content.decode()
    assert not is_partial(client.get(ELEVATE))


def test_the_dialog_shows_refusals_in_the_form(client, device):
    for code, status in (("", 400), (wrong_code(device), 403), (code_of(device), 429)):
        response = client.post(ELEVATE, {"token": code, "next": PAGE}, headers=HTMX)
        assert (response.status_code, is_partial(response)) == (status, True)
        assert 'role="alert"' in response.content.decode()
        assert "HX-Retarget" not in response
        assert ("Retry-After" in response) == (status != 400)
        assert PAGE.replace("&", "&amp;") in response.content.decode()


def test_the_dialog_tells_who_has_no_device(ops):
    response = client_of(ops).post(ELEVATE, {"token": "123456"}, headers=HTMX)
    assert (response.status_code, is_partial(response)) == (403, True)
    assert "You have no TOTP device yet" in text_of(response)


def test_a_good_code_in_the_dialog_leads_on(client, device):
    response = client.post(ELEVATE, {"token": code_of(device), "next": PAGE}, headers=HTMX)
    assert (response.status_code, response["Location"]) == (303, PAGE)


@pytest.mark.parametrize(
    ("method", "path", "back"),
    [
        ("get", f"{ELEVATE}?next={FLAGS}", "/console/flags%3Frisk%3Dlow"),
        ("post", ELEVATE, "/console/flags%3Frisk%3Dlow"),
        ("post", DROP, "/console/flags%3Frisk%3Dlow"),
    ],
)
def test_a_signed_out_dialog_is_sent_to_sign_in_and_back_to_its_page(db, method, path, back):
    response = getattr(client_as("anonymous"), method)(path, headers=HTMX)
    assert response.status_code == 401
    assert response["HX-Redirect"].replace("%2F", "/") == f"/console/login?next={back}"


@pytest.mark.parametrize(
    ("method", "path", "back"),
    [
        ("get", f"{ELEVATE}?next={FLAGS}", "/console/elevate%3Fnext%3D/console/flags"),
        ("post", ELEVATE, "/console/elevate"),
        ("post", DROP, "/console/"),
    ],
)
def test_a_signed_out_visitor_is_sent_to_sign_in_and_back_to_a_page(db, method, path, back):
    response = getattr(client_as("anonymous"), method)(path)
    assert response.status_code == 302
    assert response["Location"].replace("%2F", "/") == f"/console/login?next={back}"
