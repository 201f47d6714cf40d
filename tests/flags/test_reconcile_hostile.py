"""What whoever changes a flag outside the console, or reconciles it, writes is text."""

import uuid

import pytest
from django.utils import timezone

from audit.models import AuditEntry
from flags.models import FeatureFlag
from tests.conftest import client_of
from tests.flags.outside import is_marked, raw_insert, without_triggers
from tests.flags.test_reconcile_page import PAGE, post
from tests.pages import FLAGS, LOW
from tests.raxxconsole.test_hostile_text import HOSTILE, RLO, is_inert

pytestmark = pytest.mark.usefixtures("declared")
TEXTS = pytest.mark.parametrize("text", [text[:200] for text in HOSTILE.values()], ids=HOSTILE)


def changed_by(text: str) -> None:
    """A row that raw SQL made, its author's every name being `text` (on SQLite nobody has any)."""
    change_id = uuid.uuid4()
    AuditEntry(
        created_at=timezone.now(), actor=text, channel="sql", action="console.flag.flip",
        target_type="feature_flag", target_id=LOW, change_id=change_id,
        payload={"flag": LOW, "env": "staging", "from": None, "to": True},
        context=dict.fromkeys(("db_role", "set_role", "application", "address"), text),
    ).append()  # fmt: skip
    without_triggers(FeatureFlag(flag_key=LOW, env="staging", value=1, change_id=change_id).save)
    assert is_marked()


@TEXTS
def test_the_names_of_whoever_changed_it_are_text(ops, text):
    changed_by(text)
    client = client_of(ops)
    is_inert(client.get(FLAGS), f"{text} as {text}, {text}")
    is_inert(client.get(PAGE), text)
    is_inert(post(client, seen="db::1"), text, 409)


@TEXTS
def test_an_incident_and_a_reason_are_text(ops, text):
    raw_insert()
    client, kept = client_of(ops), " ".join(text.split())
    post(client, incident=text, reason=text)
    is_inert(client.get(PAGE), f"Reconciled: {kept}")
    is_inert(client.get(PAGE), f"— {kept} ({kept})")
    is_inert(client.get(FLAGS), f"reconciled ({kept})")


@pytest.mark.parametrize("page", [FLAGS, PAGE])
def test_marks_of_direction_do_not_turn_what_follows(ops, page):
    client, text = client_of(ops), f"{RLO}x"
    changed_by(text)
    html = client.get(f"{page}").content.decode()
    assert html.count(f"<bdi>{text} as {text}, {text}</bdi>") >= 1
    post(client, incident=text)
    client.get(FLAGS)
    html = client.get(page).content.decode()
    assert html.count(f"(<bdi>{text}</bdi>)") >= 1
