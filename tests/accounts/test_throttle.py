"""The sign-in throttle: by name and address together, 15 minutes, and never a way to lock out."""

from datetime import timedelta

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from accounts.models import User
from audit.models import AuditEntry
from tests.conftest import PASSWORD, client_of, make_user
from tests.pages import text_of

LOGIN, ENROL, PASSWORDS = "/console/login", "/console/account/enrol", "/console/password_change/"
LIMIT = 5
HERE, ELSEWHERE = "192.0.2.7", "198.51.100.9"
HTMX = {"HX-Request": "true", "HX-Current-URL": f"http://testserver{LOGIN}"}


def sign_in(name: str = "bob", password: str = PASSWORD, via: str = HERE, **headers: str):
    """From a browser of its own. `via` is X-Forwarded-For."""
    form = {"username": name, "password": password}
    return Client().post(LOGIN, form, headers={"X-Forwarded-For": via, **headers})


def fail(times: int, name: str = "bob", via: str = HERE, **headers: str) -> list[int]:
    return [sign_in(name, "wrong", via, **headers).status_code for _ in range(times)]


@pytest.fixture
def locked(ops):
    """bob, locked for the address HERE."""
    fail(LIMIT)
    return ops


def test_the_fifth_failure_locks_and_says_how_long_in_words(ops):
    assert fail(LIMIT) == [200, 200, 200, 200, 429]
    refused = sign_in()
    assert refused.status_code == 429
    assert 890 <= int(refused["Retry-After"]) <= 900
    assert "Too many failed sign-ins with this name from this address: wait 1" in text_of(refused)
    assert "minutes" in text_of(refused)


def test_the_wait_that_is_told_goes_down(locked):
    with time_machine.travel(timezone.now() + timedelta(minutes=9, seconds=55), tick=False):
        refused = sign_in()
    assert 300 <= int(refused["Retry-After"]) <= 305
    assert "wait 5 minutes" in text_of(refused)


def test_during_the_lock_the_right_password_signs_nobody_in(locked):
    client = Client()
    client.post(LOGIN, {"username": "bob", "password": PASSWORD}, headers={"X-Forwarded-For": HERE})
    assert client.get("/console/").status_code == 302


def test_a_lock_is_told_by_htmx_in_the_message_area(locked):
    refused = sign_in(**HTMX)
    assert (refused.status_code, refused["HX-Retarget"]) == (429, "#console-messages")


@pytest.mark.parametrize("via", [ELSEWHERE, "2001:db8::7", f"{HERE}, {ELSEWHERE}", ""])
def test_the_person_is_not_locked_out_from_elsewhere(locked, via):
    assert sign_in(via=via).status_code == 302


def test_nobody_else_is_held_up_at_the_address(locked):
    make_user("erin")
    assert sign_in("erin").status_code == 302


def test_another_browser_at_the_same_address_makes_no_difference(locked):
    assert fail(1, **{"User-Agent": "another one"}) == [429]
    assert sign_in(**{"User-Agent": "a third one"}).status_code == 429


def test_failures_count_together_whatever_the_browser_calls_itself(ops):
    for number in range(LIMIT):
        fail(1, **{"User-Agent": f"browser {number}"})
    assert sign_in().status_code == 429


@pytest.mark.parametrize("forged", ["1.2.3.4", "1.2.3.{n}, 5.6.7.{n}", "garbage{n}", " ,, {n}"])
def test_what_the_client_says_before_the_routers_word_changes_nothing(ops, forged):
    for number in range(LIMIT):
        fail(1, via=f"{forged.format(n=number)}, {HERE}")
    assert sign_in().status_code == 429
    assert sign_in(via=f"{ELSEWHERE}, {HERE}").status_code == 429


def test_nobody_locks_an_address_that_is_not_theirs(ops):
    fail(LIMIT + 1, via=f"{ELSEWHERE}, {HERE}")
    assert sign_in(via=ELSEWHERE).status_code == 302


def test_under_debug_there_is_no_router_and_the_header_is_ignored(ops, settings):
    settings.DEBUG = True
    for number in range(LIMIT):
        fail(1, via=f"192.0.2.{number}")
    assert sign_in(via=ELSEWHERE).status_code == 429


def test_the_lock_ends_after_fifteen_minutes(locked):
    start = timezone.now()
    with time_machine.travel(start + timedelta(minutes=14, seconds=50), tick=False):
        assert sign_in().status_code == 429
    with time_machine.travel(start + timedelta(minutes=15, seconds=1), tick=False):
        assert sign_in().status_code == 302


def test_the_lock_ends_for_who_kept_trying_too(locked):
    start = timezone.now()
    for minute in range(1, 15):
        with time_machine.travel(start + timedelta(minutes=minute), tick=False):
            assert fail(1) == [429]
    with time_machine.travel(start + timedelta(minutes=15, seconds=1), tick=False):
        assert sign_in().status_code == 302


def test_a_success_takes_the_failures_back(ops):
    for _ in range(3):
        assert fail(LIMIT - 1) == [200] * (LIMIT - 1)
        assert sign_in().status_code == 302


def test_old_failures_do_not_count(ops):
    start = timezone.now()
    for hour in range(LIMIT + 2):
        with time_machine.travel(start + timedelta(hours=hour), tick=False):
            assert fail(1) == [200]


@pytest.mark.parametrize("name", ["nobody", "n" * 150, "名前", "' OR 1=1 --", "%", "bob\u0301"])
def test_an_unknown_name_is_throttled_alike(ops, name):
    assert fail(LIMIT, name) == [200, 200, 200, 200, 429]
    assert sign_in().status_code == 302


@pytest.mark.parametrize("name", ["", "bob\0", "n" * 151, "n" * 10_000])
def test_a_name_that_can_be_none_is_never_a_500(ops, name):
    assert set(fail(LIMIT + 2, name)) <= {200, 429}


@pytest.mark.parametrize(
    "via",
    [
        *(
            "garbage",
            "",
            ",",
            "fe80::1%eth0",
            "::1%",
            "2001:db8::1",
            "[2001:db8::1]",
            "192.0.2.7:80",
        ),
        *("9" * 10_000, "1.2.3.4," * 2_000, "::ffff:192.0.2.7", "0x7f.1", "1.2.3.4\t", "\udcff"),
    ],
    ids=lambda via: repr(via[:20]),
)
def test_no_address_that_a_header_can_hold_is_a_500(ops, via):
    via = via.encode("utf-8", "surrogateescape").decode("latin-1")
    assert fail(LIMIT, via=via) == [200, 200, 200, 200, 429]
    assert sign_in(via=via).status_code == 429
    assert sign_in("nobody", via=via).status_code == 200
    addresses = {entry.context.get("address") for entry in AuditEntry.objects.all()}
    assert len(str(addresses)) < 60


@pytest.mark.parametrize(
    ("path", "wrong", "first"),
    [(ENROL, {"password": "wrong"}, 403), (PASSWORDS, {"old_password": "wrong"}, 200)],
)
def test_a_password_asked_of_who_is_signed_in_is_throttled_too(ops, path, wrong, first):
    bob = client_of(ops, headers={"X-Forwarded-For": HERE})
    answers = [bob.post(path, wrong) for _ in range(LIMIT)]
    assert [answer.status_code for answer in answers] == [first] * 4 + [429]
    right = {**dict.fromkeys(wrong, PASSWORD), "new_password1": "a-new-one", "new_password2": "x"}
    with time_machine.travel(timezone.now() + timedelta(minutes=10), tick=False):
        refused = bob.post(path, right)
    assert refused.status_code == 429
    assert 290 <= int(refused["Retry-After"]) <= 300
    assert sign_in().status_code == 429
    assert bob.get("/console/account").status_code == 200
    assert User.objects.get(username="bob").check_password(PASSWORD)
    assert not ops.totpdevice_set.exists()


def test_failures_at_the_sign_in_count_where_the_password_is_asked_again(locked):
    bob = client_of(locked, headers={"X-Forwarded-For": HERE})
    assert bob.post(ENROL, {"password": PASSWORD}).status_code == 429
    assert client_of(locked).post(ENROL, {"password": PASSWORD}).status_code == 303
