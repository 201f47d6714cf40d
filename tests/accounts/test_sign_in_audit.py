"""What the audit log and the logs keep of signing in and out; the session's new key."""

import json

import pytest
from axes.models import AccessAttempt
from django.conf import settings
from django.test import Client

from accounts.models import OperatorSession, User
from audit.models import AuditEntry
from audit.sentences import sentence
from tests.conftest import PASSWORD, make_user
from tests.processes.server import program

LOGIN = "/console/login"
TYPED = "hunter2-in-the-wrong-field"
REAL = """
from raxxconsole import settings
print(settings.PASSWORD_HASHERS[0], settings.SESSION_COOKIE_NAME, settings.CSRF_COOKIE_NAME)
"""


def sign_in(client: Client, name: str = "bob", password: str = PASSWORD, **headers: str):
    return client.post(LOGIN, {"username": name, "password": password}, headers=headers)


def key_of(client: Client) -> str:
    return client.cookies[settings.SESSION_COOKIE_NAME].value


def audited() -> list[tuple]:
    """Action, who, about whom and payload of each audit row."""
    entries = AuditEntry.objects.order_by("id")
    return [(entry.action, entry.actor, entry.target_id, entry.payload) for entry in entries]


def test_a_sign_in_is_audited_with_its_request_and_address(ops):
    sign_in(Client(), **{"X-Request-ID": "router-0123456789", "X-Forwarded-For": "192.0.2.7"})
    entry = AuditEntry.objects.get()
    assert audited() == [("console.operator.signed_in", "bob", "bob", {"operator": "bob"})]
    assert (entry.admin, entry.channel, entry.target_type) == (ops, "console", "operator")
    assert entry.context == {"request_id": "router-0123456789", "address": "192.0.2.7"}
    assert sentence(entry) == "bob signed in"


def test_a_sign_out_is_audited_once(ops):
    client = Client()
    sign_in(client)
    for _ in range(2):
        client.post("/console/logout")
    assert audited()[1:] == [("console.operator.signed_out", "bob", "bob", {"operator": "bob"})]
    assert not OperatorSession.objects.exists()


def test_a_failed_sign_in_proves_nobody_and_names_whose_account_it_was(ops):
    sign_in(Client(), password="wrong")
    assert audited() == [
        ("console.operator.sign_in_failed", "anonymous", "bob", {"operator": "bob"})
    ]
    assert AuditEntry.objects.get().admin is None
    assert sentence(AuditEntry.objects.get()) == "anonymous failed to sign in as bob"


def test_a_deactivated_operators_try_is_a_failure(ops):
    User.objects.update(is_active=False)
    sign_in(Client())
    assert [row[0] for row in audited()] == ["console.operator.sign_in_failed"]


def test_whose_name_is_unknown_is_audited_without_the_name(declared):
    sign_in(Client(), TYPED)
    assert audited() == [
        ("console.operator.sign_in_failed", "anonymous", "(unknown name)", {"operator": None})
    ]


def test_the_failure_that_locks_is_audited_as_the_lock_and_tries_during_it_are_not(ops):
    for _ in range(9):
        sign_in(Client(), password="wrong")
    sign_in(Client())
    assert [row[0].rpartition(".")[2] for row in audited()] == [
        *["sign_in_failed"] * 4,
        "sign_in_locked",
    ]
    assert audited()[-1][1:] == ("anonymous", "bob", {"operator": "bob"})


def test_a_lock_of_an_unknown_name_keeps_no_name_either(declared):
    for _ in range(7):
        sign_in(Client(), TYPED)
    assert len(audited()) == 5
    assert TYPED not in str(audited())


@pytest.mark.parametrize("name", ["bob", TYPED, "bob\0", ""])
@pytest.mark.parametrize("password", [PASSWORD, "wrong-but-close-to-it"])
def test_no_log_line_holds_a_password_or_an_unknown_name(ops, caplog, name, password):
    for _ in range(7):
        sign_in(Client(), name, password)
    kept = [str(vars(record)) for record in caplog.records]
    assert kept
    for secret in (password, TYPED):
        assert not [line for line in kept if secret in line]
        assert secret not in json.dumps(list(AuditEntry.objects.values("payload", "context")))


@pytest.mark.parametrize(
    ("path", "fields", "enters"),
    [
        (LOGIN, {"username": "bob", "password": "wrong-secret"}, ["wrong-secret"]),
        ("/console/account/enrol", {"password": "wrong-secret"}, ["wrong-secret"]),
        (
            "/console/password_change/",
            {
                "old_password": "wrong-secret",
                "new_password1": "brand-new-secret",
                "new_password2": "brand-new-secret",
            },
            ["wrong-secret", "brand-new-secret"],
        ),
    ],
)
def test_the_throttles_own_table_keeps_no_password(ops, path, fields, enters):
    client = Client()
    sign_in(client)
    client.post(path, fields)
    kept = str(list(AccessAttempt.objects.values()))
    assert AccessAttempt.objects.count() == 1
    assert not [secret for secret in enters if secret in kept]


def test_each_sign_in_gets_a_new_session_key_even_of_who_is_signed_in_already(ops):
    client, keys = Client(), []
    for _ in range(3):
        sign_in(client)
        keys.append(key_of(client))
    assert len(set(keys)) == 3
    for dead in keys[:2]:
        other = Client()
        other.cookies[settings.SESSION_COOKIE_NAME] = dead
        assert other.get("/console/").status_code == 302
    assert OperatorSession.objects.count() == 1


def test_signing_in_as_someone_else_leaves_no_session_of_the_one_before(ops):
    make_user("carol")
    client = Client()
    sign_in(client)
    sign_in(client, "carol")
    assert [session.user.username for session in OperatorSession.objects.all()] == ["carol"]


def test_the_sessions_table_holds_no_key_that_could_be_used(ops):
    client = Client()
    sign_in(client)
    assert key_of(client) not in str(list(OperatorSession.objects.values()))


@pytest.mark.parametrize(
    ("debug", "prefix"), [("0", "__Host-"), ("1", "")], ids=["deployed", "debug"]
)
@pytest.mark.django_db
def test_the_deployments_own_settings_hash_with_argon2_and_name_the_cookies(debug, prefix):
    own = {"SECRET_KEY": "x" * 50, "ALLOWED_HOSTS": "localhost", "AUDIT_SIGNING_KEY": "y" * 50}
    with program(REAL, DEBUG=debug, **own) as process:
        told = process.communicate(timeout=60)[0].split()
    hasher = "django.contrib.auth.hashers.Argon2PasswordHasher"
    assert told == [hasher, f"{prefix}sessionid", f"{prefix}csrftoken"]


def test_signing_in_hashes_an_old_password_anew_with_argon2(ops, settings):
    settings.PASSWORD_HASHERS = [
        "django.contrib.auth.hashers.Argon2PasswordHasher",
        "django.contrib.auth.hashers.MD5PasswordHasher",
    ]
    sign_in(Client())
    assert User.objects.get(username="bob").password.startswith("argon2$argon2id$")


def test_who_has_the_password_but_may_not_come_in_has_failed_too(ops):
    ops.is_staff = False
    ops.save()
    client = Client()
    statuses = [
        client.post("/console/login", {"username": "bob", "password": PASSWORD}).status_code
        for _ in range(5)
    ]
    assert statuses == [200, 200, 200, 200, 429]
    acts = AuditEntry.objects.order_by("id").values_list("action", "target_id")
    failed = ("console.operator.sign_in_failed", "bob")
    assert list(acts) == [failed] * 4 + [("console.operator.sign_in_locked", "bob")]
