"""Service tokens: made and revoked in one place, by whom, and what is kept of them."""

import hashlib
import json
import re

import pytest
from django.core import serializers
from django.db import IntegrityError, transaction

from accounts.refusals import NotNow, NotPermitted, ProofNeeded
from audit.cli import shell_actor
from audit.models import AuditEntry
from audit.sentences import sentence
from flags.models import ServiceToken
from flags.ofrep import tokens
from flags.ofrep.tokens import NotUnderstood, create, revoke, shown
from tests.conftest import console_actor
from tests.pages import nothing_changed

pytestmark = pytest.mark.django_db

TOLD = ("raptor-reads", "staging", "raptor-staging")


@pytest.fixture
def alice(superadmin):
    return console_actor(superadmin, elevated=True)


def test_a_token_is_made_with_its_audit_row_and_only_the_hash_of_its_secret_is_kept(alice):
    token, secret = create(*TOLD, actor=alice)

    assert re.fullmatch(r"raxx_st_[0-9a-f]{64}", secret)
    assert (token.secret_hash, token.hint) == (
        hashlib.sha256(secret.encode()).hexdigest(),
        secret[-4:],
    )
    entry = AuditEntry.objects.get()
    assert entry.action == "console.service_token.created"
    assert (entry.target_type, entry.target_id) == ("service_token", "raptor-reads")
    assert entry.payload == {
        "token": "raptor-reads",
        "env": "staging",
        "app": "raptor-staging",
    }
    assert entry.admin == alice.user and token.created_by == alice.user
    assert sentence(entry) == (
        "alice made the service token raptor-reads for raptor-staging in staging"
    )
    kept = serializers.serialize("json", [*ServiceToken.objects.all(), entry])
    assert secret not in kept and secret.removeprefix("raxx_st_") not in kept
    assert token.secret_hash not in serializers.serialize("json", [entry])


def test_no_two_secrets_are_alike(alice):
    made = {create(f"t{number}", *TOLD[1:], actor=alice)[1] for number in range(20)}
    assert len(made) == 20


def test_a_revoked_token_stays_and_its_name_is_free_again(alice):
    token, _ = create(*TOLD, actor=alice)
    assert revoke(token, actor=alice)
    with nothing_changed():
        assert not revoke(token, actor=alice), "once"
    again, _ = create(*TOLD, actor=alice)
    assert [each.pk for each in shown()] == [again.pk, token.pk]
    token.refresh_from_db()
    assert token.revoked_at and token.revoked_by == alice.user
    entry = AuditEntry.objects.filter(action="console.service_token.revoked").get()
    assert sentence(entry) == (
        "alice revoked the service token raptor-reads of raptor-staging in staging"
    )


@pytest.mark.parametrize(
    "told",
    [
        ("", *TOLD[1:]),
        ("-a", *TOLD[1:]),
        ("Raptor", *TOLD[1:]),
        ("a b", *TOLD[1:]),
        ("a\0", *TOLD[1:]),
        ("a\n", "dev", "x"),
        ("a" * 65, *TOLD[1:]),
        ("a", "dev", "x"),
        ("a", "", "x"),
        ("a", "staging", ""),
        ("a", "staging", "  \n "),
        ("a", "staging", "x\0y"),
        ("a", "staging", "x" * 101),
        ("a", "staging", "\ud800"),
        ("a", "staging", "raptor-\u202edorp"),
        ("a", "staging", "raptor\u200b"),
    ],
)
def test_what_cannot_be_kept_is_refused(alice, told):
    with nothing_changed(), pytest.raises(NotUnderstood):
        create(*told, actor=alice)


def test_a_character_that_cannot_be_seen_is_named_and_others_are_taken(alice):
    with pytest.raises(NotUnderstood, match=r"cannot be seen \(U\+202E\)"):
        create("a", "staging", "raptor\u202e", actor=alice)
    assert create("a", "staging", "Raptor é 鷹", actor=alice)[0].app == "Raptor é 鷹"


def test_a_name_is_taken_once_for_each_environment(alice):
    create(*TOLD, actor=alice)
    create("raptor-reads", "prod", "raptor-prod", actor=alice)
    with nothing_changed(), pytest.raises(NotNow, match="raptor-reads"):
        create(*TOLD, actor=alice)


def test_of_two_at_once_one_has_the_name(alice, monkeypatch):
    """The other one looked before the first one's COMMIT."""
    create(*TOLD, actor=alice)
    blind = ServiceToken.objects.none()
    monkeypatch.setattr(tokens.ServiceToken.objects, "filter", lambda **kwargs: blind)
    with pytest.raises(NotNow, match="raptor-reads"):
        create(*TOLD, actor=alice)
    monkeypatch.undo()
    assert ServiceToken.objects.count() == AuditEntry.objects.count() == 1


def test_the_database_itself_keeps_one_live_token_of_a_name(alice):
    token, _ = create(*TOLD, actor=alice)
    token.pk, token.secret_hash = None, "another"
    with pytest.raises(IntegrityError), transaction.atomic():
        token.save(force_insert=True)


@pytest.mark.parametrize("act", ["create", "revoke"])
@pytest.mark.parametrize(
    ("who", "elevated", "refusal"),
    [
        ("ops", True, NotPermitted),
        ("support", True, NotPermitted),
        ("superadmin", False, ProofNeeded),
        ("superuser", False, ProofNeeded),
    ],
)
def test_it_takes_a_superadmin_and_a_fresh_proof(request, act, who, elevated, refusal):
    token, _ = create(*TOLD, actor=shell_actor())
    actor = console_actor(request.getfixturevalue(who), elevated=elevated)
    with nothing_changed(), pytest.raises(refusal):
        if act == "create":
            create("other", *TOLD[1:], actor=actor)
        else:
            revoke(token, actor=actor)


def test_a_console_makes_and_revokes_for_its_own_environments_alone(alice, settings):
    token, _ = create("t", "prod", "raptor-prod", actor=alice)
    settings.CONSOLE_ENVIRONMENTS = ("staging",)
    with nothing_changed():
        with pytest.raises(NotNow, match="prod"):
            create("u", "prod", "raptor-prod", actor=alice)
        with pytest.raises(NotNow, match="prod"):
            revoke(token, actor=alice)
    assert not shown()


def test_the_audit_log_tells_nobody_what_could_be_used(alice):
    _, secret = create(*TOLD, actor=alice)
    entry = AuditEntry.objects.get()
    assert entry.context["hint"] == secret[-4:]
    assert not re.search(r"[0-9a-f]{16}", json.dumps([entry.payload, entry.context]))
