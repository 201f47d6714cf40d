"""A new password: the old one first; other sessions and every elevation end with it."""

import pytest
from django.conf import settings
from django.test import Client

from accounts.models import OperatorSession, User
from audit.models import AuditEntry
from tests.codes import elevate, elevated_client, enrolled, is_elevated
from tests.conftest import PASSWORD, client_of
from tests.pages import audited_acts, nothing_changed, text_of

PAGE = "/console/password_change/"
NEW = "another-horse-battery"


def change(client: Client, old: str = PASSWORD, new: str = NEW, again: str | None = None):
    fields = {"old_password": old, "new_password1": new, "new_password2": again or new}
    return client.post(PAGE, fields)


def key_of(client: Client) -> str:
    return client.cookies[settings.SESSION_COOKIE_NAME].value


def is_signed_in(client: Client) -> bool:
    return client.get("/console/account").status_code == 200


@pytest.fixture
def bob(ops) -> Client:
    """Elevated."""
    return elevated_client(ops)


def test_the_new_password_signs_in_and_the_old_one_does_not(bob):
    done = change(bob)
    assert (done.status_code, done["Location"]) == (303, "/console/account")
    assert "Your password is changed" in text_of(bob.get("/console/account"))
    for password, status in ((PASSWORD, 200), (NEW, 302)):
        form = {"username": "bob", "password": password}
        assert Client().post("/console/login", form).status_code == status


def test_this_session_goes_on_under_a_new_key_and_is_elevated_no_more(bob):
    before = key_of(bob)
    change(bob)
    assert key_of(bob) != before
    assert is_signed_in(bob)
    assert not is_elevated(bob)
    dead = Client()
    dead.cookies[settings.SESSION_COOKIE_NAME] = before
    assert not is_signed_in(dead)


def test_all_other_sessions_end_in_every_environment_and_no_one_elses(bob, ops, support):
    others, carol = [client_of(ops) for _ in range(2)], client_of(support)
    mine = OperatorSession.objects.filter(user=ops)
    mine.filter(pk=mine.latest("pk").pk).update(env="prod")
    change(bob)
    assert [is_signed_in(client) for client in (bob, carol, *others)] == [True, True, False, False]
    assert mine.count() == 1


def test_an_elevated_session_elsewhere_ends_too(bob, ops):
    other = elevate(client_of(ops), enrolled(ops))
    change(bob)
    assert not is_signed_in(other)


def test_it_is_audited_without_either_password(bob, ops, caplog):
    client_of(ops)
    change(bob)
    entry = AuditEntry.objects.latest("id")
    assert (entry.action, entry.admin) == ("console.operator.password_changed", ops)
    assert entry.payload == {"operator": "bob", "sessions": 1}
    told = str(list(AuditEntry.objects.values())) + "".join(
        str(vars(record)) for record in caplog.records
    )
    assert PAGE in told
    assert NEW not in told
    assert PASSWORD not in told


@pytest.mark.parametrize("old", ["wrong", "", NEW, PASSWORD.upper(), "\0", "x" * 10_000])
def test_without_the_old_password_nothing_changes(bob, ops, old):
    refused = change(bob, old=old)
    assert refused.status_code == 200
    assert 'class="errorlist' in refused.content.decode()
    ops.refresh_from_db()
    assert ops.check_password(PASSWORD)
    assert is_elevated(bob)


def test_a_wrong_old_password_is_audited_as_a_failed_sign_in(bob):
    change(bob, old="wrong")
    assert audited_acts()[-1] == "sign_in_failed"


def test_the_fifth_wrong_old_password_locks(bob, ops):
    assert [change(bob, old="wrong").status_code for _ in range(5)] == [200] * 4 + [429]
    refused = change(bob)
    assert refused.status_code == 429
    assert int(refused["Retry-After"]) > 800
    ops.refresh_from_db()
    assert ops.check_password(PASSWORD)
    assert is_signed_in(bob)


@pytest.mark.parametrize("new", ["short", "12345678901234", "password1234", "", "\0" * 12])
def test_a_weak_password_is_refused_with_the_reason(bob, new):
    with nothing_changed():
        refused = change(bob, new=new)
    assert refused.status_code == 200
    assert 'class="errorlist' in refused.content.decode()
    assert is_elevated(bob)


def test_two_new_passwords_that_differ_are_refused(bob):
    with nothing_changed():
        assert "match" in text_of(change(bob, again=f"{NEW}-x"))


def test_no_password_comes_back_in_the_page(bob):
    for answer in (change(bob, old="wrong-old-one"), change(bob, again="another-new-one")):
        html = answer.content.decode()
        assert not [typed for typed in ("wrong-old-one", PASSWORD, NEW) if typed in html]


@pytest.mark.parametrize("who", ["ops", "superuser"])
def test_it_is_ones_own_password_alone(request, who, support):
    before = User.objects.get(pk=support.pk).password
    client = client_of(request.getfixturevalue(who))
    assert client.post(f"{PAGE}?user={support.pk}", {"username": "carol"}).status_code == 200
    fields = {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW}
    client.post(PAGE, {**fields, "username": "carol", "user": support.pk, "id": support.pk})
    assert User.objects.get(pk=support.pk).password == before
    assert audited_acts() == ["password_changed"]
