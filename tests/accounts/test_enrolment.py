"""Enrolling a TOTP device: the password, the secret, one code, and ten recovery codes."""

import base64
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
import segno
import time_machine
from django.db import connection
from django.test import Client
from django.utils import timezone
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts.models import RecoveryCode
from audit.models import AuditEntry
from tests.codes import code_of, give, is_elevated, wrong_code
from tests.conftest import PASSWORD, client_of, make_user
from tests.pages import audited_acts, nothing_changed, recovery_codes_on, text_of

ENROL = "/console/account/enrol"


def begin(client: Client, password: str = PASSWORD):
    return client.post(ENROL, {"password": password})


def confirm(client: Client, code: str):
    return client.post(ENROL, {"token": code})


def drawn_secret(page) -> str:
    return re.search(r'id="totp-secret">([A-Z2-7 ]+)<', page.content.decode())[1]


@pytest.fixture
def bob(ops) -> Client:
    return client_of(ops)


@pytest.fixture
def device(bob) -> TOTPDevice:
    """Not confirmed yet: bob has given the password."""
    begin(bob)
    return TOTPDevice.objects.get()


def test_the_password_leads_to_the_secret_as_qr_and_in_text(bob, ops):
    assert "Your password first" in text_of(bob.get(ENROL))
    begun = begin(bob)
    assert (begun.status_code, begun["Location"]) == (303, ENROL)
    page, device = bob.get(ENROL), TOTPDevice.objects.get()
    assert (device.user, device.confirmed) == (ops, False)
    secret = base64.b32encode(device.bin_key).decode()
    assert drawn_secret(page).replace(" ", "") == secret
    uri = parse_qs(urlsplit(device.config_url).query)
    assert (uri["secret"], uri["issuer"]) == ([secret], ["Raxx console"])
    html = page.content.decode()
    drawn = segno.make(device.config_url, error="m", micro=False)
    [svg] = re.findall(r'<svg[^>]* class="qr".*?</svg>', html)
    assert svg == drawn.svg_inline(scale=5, border=4, light="#fff", svgclass="qr")
    assert not re.search(r"style=|<script|href", svg)


def test_one_code_confirms_and_ten_recovery_codes_are_shown_this_once(bob, device, ops):
    page = confirm(bob, code_of(device))
    codes = recovery_codes_on(page)
    assert page.status_code == 200
    assert len(set(codes)) == 10
    assert all(len(code.replace("-", "")) == 16 for code in codes)
    assert "shown now and never again" in text_of(page)
    kept = RecoveryCode.objects.filter(user=ops)
    assert {code.digest for code in kept} == {RecoveryCode.digest_of(code) for code in codes}
    assert TOTPDevice.objects.get().confirmed
    assert audited_acts() == ["enrolled"]
    for again in ("/console/account", ENROL):
        assert not [code for code in codes if code in bob.get(again).content.decode()]


def test_a_wrong_code_confirms_nothing_and_the_right_one_is_taken_after_the_wait(bob, device):
    refused = confirm(bob, wrong_code(device))
    assert refused.status_code == 403
    assert "Wait 1 second" in text_of(refused)
    assert drawn_secret(refused)
    assert confirm(bob, code_of(device)).status_code == 429
    assert not TOTPDevice.objects.get().confirmed
    assert audited_acts() == ["enrolment_refused"] * 2
    with time_machine.travel(timezone.now() + timedelta(seconds=2), tick=False):
        assert confirm(bob, code_of(device)).status_code == 200


@pytest.mark.parametrize(
    "code", ["", "12345", "1234567", "+12345", "１２３４５６", "x" * 10_000, "\0"]
)
def test_what_is_no_code_confirms_nothing(bob, device, code):
    assert confirm(bob, code).status_code == 403
    assert not TOTPDevice.objects.get().confirmed
    assert not RecoveryCode.objects.exists()


@pytest.mark.parametrize("password", ["wrong", "", PASSWORD.upper(), f"{PASSWORD} ", "\0"])
def test_a_wrong_password_makes_no_device_and_is_a_failed_sign_in(bob, password):
    refused = begin(bob, password)
    assert refused.status_code == 403
    assert "That is not your password." in text_of(refused)
    assert not TOTPDevice.objects.exists()
    assert audited_acts() == ["sign_in_failed"]


def test_a_device_that_is_not_confirmed_elevates_nobody(bob, device):
    assert give(bob, code_of(device)).status_code == 403
    assert not is_elevated(bob)
    assert "You have no TOTP device yet" in text_of(bob.get("/console/elevate"))


def test_the_code_that_confirmed_does_not_elevate(bob, device):
    code = code_of(device)
    confirm(bob, code)
    assert not is_elevated(bob)
    assert give(bob, code).status_code == 403
    assert not is_elevated(bob)
    assert give(bob, code_of(device, ahead=1)).status_code == 303
    assert is_elevated(bob)


def test_the_page_shows_the_same_secret_until_the_enrolment_begins_anew(bob, device):
    first = drawn_secret(bob.get(ENROL))
    assert drawn_secret(bob.get(ENROL)) == first
    begin(bob)
    assert drawn_secret(bob.get(ENROL)) != first
    assert TOTPDevice.objects.count() == 1
    assert confirm(bob, code_of(device)).status_code == 403


@pytest.mark.parametrize("page", ["secret", "codes", "password"])
def test_no_page_of_it_is_kept_anywhere(bob, page):
    answers = {"password": bob.get(ENROL)}
    begin(bob)
    answers["secret"] = bob.get(ENROL)
    answers["codes"] = confirm(bob, code_of(TOTPDevice.objects.get()))
    assert "no-store" in answers[page]["Cache-Control"]


def test_the_secret_is_shown_in_the_session_that_gave_the_password_alone(device, ops):
    other = client_of(ops)
    assert "totp-secret" not in other.get(ENROL).content.decode()
    assert confirm(other, code_of(device)).status_code == 409
    assert not TOTPDevice.objects.get().confirmed


@pytest.mark.parametrize(("minutes", "shown"), [(9, True), (11, False)])
def test_the_password_is_believed_for_ten_minutes(bob, device, minutes, shown):
    with time_machine.travel(timezone.now() + timedelta(minutes=minutes), tick=False):
        assert ("totp-secret" in bob.get(ENROL).content.decode()) is shown
        assert confirm(bob, code_of(device)).status_code == (200 if shown else 409)
    assert TOTPDevice.objects.get().confirmed is shown


def test_a_session_that_names_anothers_device_neither_shows_nor_confirms_it(bob):
    foreign = TOTPDevice.objects.create(user=make_user("erin"), confirmed=False)
    session, until = bob.session, timezone.now() + timedelta(minutes=5)
    session["enrolling"] = {"device": foreign.pk, "until": until.timestamp()}
    session.save()
    assert "totp-secret" not in bob.get(ENROL).content.decode()
    with nothing_changed():
        assert confirm(bob, code_of(foreign)).status_code == 409


def test_neither_secret_nor_codes_are_in_the_audit_log_or_any_log(bob, device, caplog):
    code = code_of(device)
    codes = recovery_codes_on(confirm(bob, code))
    secret = base64.b32encode(device.bin_key).decode()
    rows = str(list(AuditEntry.objects.values("payload", "context", "target_id")))
    told = rows + "".join(str(vars(record)) for record in caplog.records)
    assert "/console/account/enrol" in told
    for hidden in (
        secret,
        device.key,
        code,
        PASSWORD,
        *codes,
        *(c.replace("-", "") for c in codes),
    ):
        assert hidden not in told


@pytest.mark.django_db(transaction=True)
def test_of_confirmations_at_the_same_moment_one_makes_the_codes(bob, device):
    together, code = threading.Barrier(4), code_of(device)
    browsers = []
    for _ in range(4):
        browsers.append(Client())
        browsers[-1].cookies = bob.cookies

    def race(browser: Client) -> tuple[int, list[str]]:
        together.wait(20)
        try:
            page = confirm(browser, code)
            return page.status_code, recovery_codes_on(page)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as threads:
        answers = sorted(threads.map(race, browsers))
    assert answers[0][0] == 200
    assert {status for status, _ in answers[1:]} <= {403, 409, 429}
    shown = {RecoveryCode.digest_of(code) for code in answers[0][1]}
    assert {code.digest for code in RecoveryCode.objects.all()} == shown
    assert len(shown) == 10
