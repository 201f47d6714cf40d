"""Every answer names its request, and so does the audit row of what the request did."""

import uuid

import pytest
from django.test import Client

from audit.models import AuditEntry
from tests.pages import LOW, client_as, flip_form, flip_url

SOUND = ["abcd-EFGH-0123", "a1b2c3d4", str(uuid.UUID(int=7)), "x" * 64]
UNSOUND = ["", "short", "x" * 65, "with spaces in it", "<script>alert(1)</script>", "semi;colon;12"]


@pytest.mark.parametrize("given", SOUND)
def test_a_sound_id_comes_back(given):
    assert Client().get("/healthz", headers={"X-Request-ID": given})["X-Request-ID"] == given


@pytest.mark.parametrize("given", UNSOUND)
def test_an_unsound_id_is_replaced(given):
    answered = Client().get("/healthz", headers={"X-Request-ID": given})["X-Request-ID"]
    assert answered != given
    assert uuid.UUID(answered)


def test_each_request_without_an_id_gets_its_own():
    answered = {Client().get("/healthz")["X-Request-ID"] for _ in range(3)}
    assert len(answered) == 3


@pytest.mark.parametrize("path", ["/console/login", "/console/flags", "/console/nowhere", "/none"])
def test_refusals_and_missing_pages_carry_it_too(declared, path):
    response = client_as("support").get(path, headers={"X-Request-ID": SOUND[0]})
    assert response["X-Request-ID"] == SOUND[0]


@pytest.mark.parametrize(
    ("debug", "forwarded", "address"),
    [
        (False, "203.0.113.9", "203.0.113.9"),
        (False, "10.9.8.7, 203.0.113.9", "203.0.113.9"),
        (False, "", "127.0.0.1"),
        (True, "203.0.113.9", "127.0.0.1"),
    ],
    ids=["router", "forged, then router", "no router", "a developer's machine"],
)
def test_a_flip_is_logged_with_the_callers_address(declared, settings, debug, forwarded, address):
    settings.DEBUG = debug
    headers = {"X-Forwarded-For": forwarded, "X-Request-ID": SOUND[0]}
    client_as("ops").post(flip_url(LOW), flip_form(), headers=headers)
    context = AuditEntry.objects.get().context
    assert (context["address"], context["request_id"]) == (address, SOUND[0])
