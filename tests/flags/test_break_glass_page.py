"""The warning of a break-glass flip: on the flags page until a superadmin acknowledges it."""

import re
import uuid
from datetime import timedelta
from html import unescape

import pytest
from django.conf import settings as django_settings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from audit.models import AuditEntry
from flags.models import BreakGlass
from tests.conftest import client_of
from tests.flags.test_break_glass import GLASS, run
from tests.pages import (
    FLAGS,
    HIGH,
    LOW,
    SEE_FLAGS,
    SEE_NO_FLAGS,
    SIGNED_OUT,
    client_as,
    nothing_written,
    text_of,
)

pytestmark = pytest.mark.usefixtures("declared")


def note(user, **fields) -> BreakGlass:
    known = {"flag_key": HIGH, "env": "staging", "value": True, "incident": "INC-7"}
    fields = known | {"change_id": uuid.uuid4(), "at": timezone.now()} | fields
    return BreakGlass.objects.create(claimed_by=user, **fields)


def warnings_of(response) -> dict[int, str]:
    """The words of each warning by its primary key, in the page's order."""
    html = response.content.decode()
    found = re.findall(r'<div [^>]*data-break-glass="(\d+)">(.*?)</div>', html, re.DOTALL)
    return {
        int(pk): " ".join(unescape(re.sub(r"<[^>]*>", " ", body)).split()) for pk, body in found
    }


def acknowledge(client, pk: int, method: str = "post", **options):
    return getattr(client, method)(f"/console/break-glass/{pk}/acknowledge", **options)


@pytest.mark.parametrize("who", SEE_FLAGS)
def test_whoever_sees_flags_sees_the_warning(superadmin, who):
    run(*GLASS)
    entry = BreakGlass.objects.get()
    page = client_as(who).get(FLAGS)
    words = warnings_of(page)[entry.pk]
    assert f"Break-glass : {HIGH} was turned on in staging without a TOTP proof" in words
    assert "Claimed by alice, incident INC-7 ." in words
    assert ("Acknowledge" in words) is (who != "ops")
    assert ("A superadmin acknowledges it here." in words) is (who == "ops")
    assert entry.at.strftime("%Y-%m-%d %H:%M:%S UTC") in page.content.decode()


@pytest.mark.parametrize("who", ["superadmin", "superuser"])
def test_acknowledged_it_is_gone_for_everyone_and_in_the_log(superadmin, who):
    run(*GLASS)
    entry, client = BreakGlass.objects.get(), client_as(who)
    answer = acknowledge(client, entry.pk)
    assert (answer.status_code, answer["Location"]) == (303, FLAGS)
    page = client.get(FLAGS)
    assert f"Acknowledged: {HIGH} in staging." in text_of(page)
    assert warnings_of(page) == warnings_of(client_as("ops").get(FLAGS)) == {}
    entry.refresh_from_db()
    assert entry.acknowledged_by.get_username() == f"the-{who}"
    assert entry.acknowledged_at

    told = AuditEntry.objects.latest("id")
    assert told.action == "console.break_glass.acknowledged"
    assert (told.target_type, told.target_id, told.channel) == ("feature_flag", HIGH, "console")
    assert told.actor == f"the-{who}"
    assert told.payload == {"flag": HIGH, "env": "staging", "claimed_by": "alice"}
    assert told.context["incident"] == "INC-7"
    assert told.context["acknowledged_change"] == entry.change_id.hex
    assert told.context["request_id"]
    assert told.change_id is None


def test_the_log_and_the_history_tell_of_it_in_words(superadmin):
    run(*GLASS)
    client = client_of(superadmin)
    acknowledge(client, BreakGlass.objects.get().pk)
    told = f"alice acknowledged the break-glass flip of {HIGH} in staging (claimed by alice)"
    assert told in text_of(client.get("/console/audit"))
    assert told in text_of(client.get(f"{FLAGS}/{HIGH}"))


def test_the_second_who_acknowledges_is_told_and_writes_nothing(superadmin):
    entry, client = note(superadmin), client_of(superadmin)
    acknowledge(client, entry.pk)
    with nothing_written():
        page = acknowledge(client, entry.pk, follow=True)
    assert "Somebody acknowledged it already." in text_of(page)


@pytest.mark.parametrize("pk", [0, 4_000_000_000, 2**63, 10**30])
def test_one_that_there_is_not_writes_nothing(superadmin, pk):
    note(superadmin)
    with nothing_written():
        assert acknowledge(client_of(superadmin), pk).status_code in (303, 404)
    assert BreakGlass.objects.filter(acknowledged_at=None).count() == 1


@pytest.mark.parametrize(
    ("who", "status"),
    [(who, 302) for who in SIGNED_OUT] + [(who, 403) for who in ("ops", *SEE_NO_FLAGS)],
)
def test_who_is_no_superadmin_acknowledges_nothing(superadmin, who, status):
    entry, client = note(superadmin), client_as(who)
    with nothing_written():
        answer = acknowledge(client, entry.pk)
    assert answer.status_code == status
    entry.refresh_from_db()
    assert entry.acknowledged_at is None
    if status == 302:
        assert answer["Location"] == f"/console/login?next={FLAGS}"


@pytest.mark.parametrize("method", ["get", "head", "put", "patch", "delete"])
def test_every_method_but_post_is_405(superadmin, method):
    entry = note(superadmin)
    with nothing_written():
        answer = acknowledge(client_of(superadmin), entry.pk, method)
    assert (answer.status_code, answer["Allow"]) == (405, "POST")
    entry.refresh_from_db()
    assert entry.acknowledged_at is None


def test_without_a_csrf_token_nothing_is_acknowledged(superadmin):
    entry = note(superadmin)
    client = client_of(superadmin, enforce_csrf_checks=True)
    assert acknowledge(client, entry.pk).status_code == 403
    client.get(FLAGS)
    token = client.cookies[django_settings.CSRF_COOKIE_NAME].value
    assert acknowledge(client, entry.pk, headers={"X-CSRFToken": token}).status_code == 303


def test_both_environments_warn_whichever_is_the_active_one(superadmin):
    here, there = note(superadmin), note(superadmin, env="prod")
    client = client_of(superadmin)
    for env in ("staging", "prod"):
        client.post("/console/env", {"env": env})
        assert set(warnings_of(client.get(FLAGS))) == {here.pk, there.pk}


def test_an_environment_that_this_console_does_not_show_warns_not_and_is_not_acknowledged(
    superadmin, settings
):
    settings.CONSOLE_ENVIRONMENTS = ("staging",)
    elsewhere = note(superadmin, env="prod")
    client = client_of(superadmin)
    assert warnings_of(client.get(FLAGS)) == {}
    with nothing_written():
        acknowledge(client, elsewhere.pk)
    elsewhere.refresh_from_db()
    assert elsewhere.acknowledged_at is None


def test_several_stand_there_the_latest_first_and_go_one_by_one(superadmin):
    first = note(superadmin, at=timezone.now() - timedelta(hours=1))
    latest = note(superadmin, flag_key=LOW, value=False)
    client = client_of(superadmin)
    assert list(warnings_of(client.get(FLAGS))) == [latest.pk, first.pk]
    assert f"{LOW} was turned off" in warnings_of(client.get(FLAGS))[latest.pk]
    acknowledge(client, latest.pk)
    assert list(warnings_of(client.get(FLAGS))) == [first.pk]


def test_the_page_makes_as_many_queries_however_many_warn(superadmin, ops):
    client = client_of(ops)

    def queries_with(count: int) -> int:
        for _ in range(count):
            note(superadmin)
        with CaptureQueriesContext(connection) as queries:
            assert len(warnings_of(client.get(FLAGS))) == BreakGlass.objects.count()
        return len(queries)

    assert len({queries_with(count) for count in (0, 1, 60)}) == 1


def test_a_flag_that_is_declared_no_more_still_warns(superadmin):
    entry = note(superadmin, flag_key="long_gone")
    assert "long_gone was turned on" in warnings_of(client_of(superadmin).get(FLAGS))[entry.pk]


def test_a_flip_with_a_proof_or_of_low_risk_warns_of_nothing(superadmin):
    run(key=LOW)
    assert warnings_of(client_of(superadmin).get(FLAGS)) == {}
