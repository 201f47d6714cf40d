"""Each refusal of the endpoints: its status, its code, in JSON, whatever went wrong."""

import pytest
from django.db import OperationalError
from django.test import Client, override_settings

from flags.models import ServiceToken
from flags.ofrep import process, views
from flags.ofrep.limits import REFUSALS_PER_MINUTE, Buckets
from flags.ofrep.live import GOOD_SECONDS
from flags.ofrep.requests import MAX_BODY_BYTES
from tests.flags.ofrep.asking import ALL, ask, assert_is_an_answer, new_token
from tests.pages import LOW

pytestmark = pytest.mark.django_db

BOTH = pytest.mark.parametrize("key", [None, LOW])


@BOTH
@pytest.mark.parametrize("shown", [None, "", "raxx_st_" + "0" * 64, "x y", "\N{SNOWMAN}"])
def test_no_token_or_an_unknown_one_is_401(console, key, shown):
    answer = ask(None, key, **({} if shown is None else {"X-API-Key": shown}))
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"].startswith("Bearer")
    assert answer.json().get("key") == key


@BOTH
def test_a_revoked_token_is_401(console, secret, key, django_capture_on_commit_callbacks):
    from audit.cli import shell_actor
    from flags.ofrep.tokens import revoke

    assert ask(secret, key).status_code == 200
    with django_capture_on_commit_callbacks(execute=True):
        assert revoke(ServiceToken.objects.get(), actor=shell_actor())
    assert ask(secret, key).status_code == 401


@BOTH
def test_a_token_of_the_other_environment_is_403(console, key):
    answer = ask(new_token(env="prod"), key)
    assert answer.status_code == 403
    assert "one of prod" in answer.json()["errorDetails"]


@pytest.mark.parametrize(
    "key", ["no_such_flag", "a%2Fb", "%0a", "..%2f..", "%ff", "%E2%98%83", "a" * 2000]
)
def test_an_undeclared_flag_is_404_with_its_key(secret, key):
    answer = ask(secret, key)
    assert answer.status_code == 404
    assert answer.json()["errorCode"] == "FLAG_NOT_FOUND"
    assert answer.json()["key"]


@BOTH
@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("{", "PARSE_ERROR"),
        ("[]", "PARSE_ERROR"),
        ("null", "PARSE_ERROR"),
        ('{"context": NaN}', "PARSE_ERROR"),
        (b"\xff\xfe", "PARSE_ERROR"),
        (b'{"context": "\xff"}', "PARSE_ERROR"),
        ("[" * 60_000, "PARSE_ERROR"),
        ('{"context": %s}' % ("9" * 5000), "PARSE_ERROR"),
        ('{"context": []}', "INVALID_CONTEXT"),
        ('{"context": null}', "INVALID_CONTEXT"),
        ('{"context": "user"}', "INVALID_CONTEXT"),
        ('{"context": {"targetingKey": 7}}', "INVALID_CONTEXT"),
    ],
)
def test_a_body_that_is_not_understood_is_400(secret, key, body, code):
    answer = ask(secret, key, body)
    assert answer.status_code == 400
    assert answer.json()["errorCode"] == code
    assert answer.json().get("key") == key


@pytest.mark.parametrize(
    "body", ['{"context": {"a": %s}}' % ("9" * 6000), "[" * 10_000 + "]" * 10_000]
)
def test_json_that_python_does_not_read_is_not_called_something_else(secret, body):
    assert ask(secret, LOW, body).json()["errorDetails"] == "The body cannot be read as JSON."


def test_the_log_says_once_a_minute_whose_token_was_refused_and_never_the_secret(
    secret, settings, caplog
):
    settings.OFREP_REQUESTS_PER_MINUTE = 2
    of_prod = new_token("elsewhere", "prod")
    statuses = [ask(each).status_code for each in [of_prod] * 4 + [secret] * 4]
    assert statuses == [403, 403, 429, 429, 200, 200, 429, 429]
    lines = [each for each in caplog.records if each.name == "flags.ofrep"]
    assert [each.levelname for each in lines] == ["WARNING"] * 3
    said = [each.getMessage() for each in lines]
    whose = f"elsewhere of prod for raptor-prod (ends in {of_prod[-4:]})"
    assert "403" in said[0] and "429" in said[1] and whose in said[0] and whose in said[1]
    assert "429" in said[2] and f"(ends in {secret[-4:]})" in said[2]
    assert secret not in caplog.text and of_prod not in caplog.text


def test_a_silly_body_is_413_and_is_not_read(secret):
    assert ask(secret, LOW, " " * (MAX_BODY_BYTES - 2) + "{}").status_code == 200
    assert ask(secret, LOW, " " * MAX_BODY_BYTES + "{}").status_code == 413


@pytest.mark.parametrize("path", [ALL, f"{ALL}/{LOW}"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_other_methods_are_405_and_say_which_one_is_taken(console, path, method):
    answer = Client().generic(method, path)
    assert (answer.status_code, answer["Allow"]) == (405, "POST")
    assert answer["Content-Type"] == "application/json"


@pytest.mark.parametrize("path", ["", "v1", "v1/evaluate", "v1/evaluate/flags/", "v2/x", "a%0ab"])
def test_other_addresses_below_are_404_in_json(console, path):
    answer = Client().post(f"/ofrep/{path}")
    assert_is_an_answer(answer)
    assert answer.status_code == 404


def test_a_token_that_asks_too_often_waits_for_whole_seconds_and_no_other_one_does(
    secret, settings
):
    settings.OFREP_REQUESTS_PER_MINUTE = 3
    other = new_token("other")
    statuses = [ask(secret, LOW).status_code for _ in range(4)]
    assert statuses == [200, 200, 200, 429]
    answer = ask(secret)
    assert 1 <= int(answer["Retry-After"]) <= 20
    assert ask(other).status_code == 200
    settings.OFREP_REQUESTS_PER_MINUTE = 0
    assert ask(secret).status_code == 200


def test_an_address_that_is_refused_too_often_is_told_so_and_good_tokens_of_it_are_not(
    secret, monkeypatch
):
    # A bucket has a request again every two seconds: on a busy machine that is soon.
    monkeypatch.setattr(process, "refusals", Buckets(clock=lambda: 0.0))
    statuses = [ask("wrong").status_code for _ in range(REFUSALS_PER_MINUTE + 1)]
    assert statuses == [401] * REFUSALS_PER_MINUTE + [429]
    assert int(ask(None)["Retry-After"]) >= 1
    assert ask(secret).status_code == 200


def test_while_tokens_cannot_be_known_it_is_503(secret, monkeypatch):
    def away():
        raise OperationalError("away")

    monkeypatch.setattr(process.live_tokens, "_read", away)
    for key in (None, LOW):
        answer = ask(secret, key)
        assert (answer.status_code, answer["Retry-After"]) == (503, "2")
        assert answer.json()["errorCode"] == "GENERAL"
        assert "not read from the database since this process began" in details_of(answer)


def test_once_they_are_known_an_outage_is_none_of_a_services_business(secret, monkeypatch):
    assert ask(secret).status_code == 200

    def away():
        raise OperationalError("away")

    monkeypatch.setattr(process.live_tokens, "_read", away)
    monkeypatch.setattr(process.live_tokens, "_read_at", process.live_tokens._read_at - 300)
    assert ask(secret).status_code == 200
    answer = ask("wrong")
    assert (answer.status_code, answer["Retry-After"]) == (503, "2")
    assert answer.json()["errorCode"] == "GENERAL"
    assert "This token is not among the live ones" in details_of(answer)
    assert "since this process began" not in details_of(answer), "they had been read"
    read_long_ago = process.live_tokens._read_at - GOOD_SECONDS
    monkeypatch.setattr(process.live_tokens, "_read_at", read_long_ago)
    for each in (secret, "wrong"):
        assert "more than 10 minutes ago" in details_of(ask(each))


def details_of(answer) -> str:
    return answer.json()["errorDetails"]


@BOTH
def test_a_fault_of_the_console_is_500_in_json_and_tells_nothing(secret, key, monkeypatch, caplog):
    def fail():
        raise RuntimeError("secret words")

    monkeypatch.setattr(views, "answers", fail)
    answer = ask(secret, key)
    assert answer.status_code == 500
    assert b"secret words" not in answer.content
    assert "secret words" in caplog.text
    assert secret not in caplog.text


@pytest.mark.parametrize("debug", [False, True])
def test_what_never_reaches_the_endpoint_is_refused_in_json_too(console, debug):
    with override_settings(DEBUG=debug, ALLOWED_HOSTS=["console.example"]):
        answer = Client(headers={"Host": "evil.example"}).post(ALL)
    assert_is_an_answer(answer)
    assert answer.status_code == 400


def test_over_plain_http_the_way_to_https_is_told_in_json(console, settings):
    settings.SECURE_SSL_REDIRECT = True
    answer = Client().post(ALL)
    assert_is_an_answer(answer)
    assert (answer.status_code, answer["Location"]) == (301, f"https://testserver{ALL}")


def test_it_knows_no_session_and_needs_no_csrf_token(secret, superadmin):
    browser = Client(enforce_csrf_checks=True, headers={"X-API-Key": secret})
    browser.force_login(superadmin)
    answer = browser.post(f"{ALL}?%00", "{}", "application/json")
    assert answer.status_code == 200
    assert "Cookie" not in answer.get("Vary", "")
