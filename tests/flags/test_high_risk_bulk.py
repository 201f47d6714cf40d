"""High risk in bulk: the plan tells it, the application asks again."""

import pytest
import time_machine
from django.utils import timezone

from audit.models import AuditEntry
from tests.codes import DROP, elevate, elevated_client, enrolled
from tests.conftest import client_of, make_user
from tests.flags.test_bulk import form_of, pick, plan_of, values
from tests.flags.test_flags_page_bulk_refused import apply, packed
from tests.pages import FLAGS, HIGH, LOW, MEDIUM, client_as, nothing_written, text_of

ALSO_HIGH = "console_bulk_refunds"
MANY = (LOW, MEDIUM, HIGH, ALSO_HIGH)
pytestmark = pytest.mark.usefixtures("declared")


def flips() -> int:
    return AuditEntry.objects.filter(action="console.flag.flip").count()


@pytest.mark.parametrize("who", ["superadmin", "superuser"])
@pytest.mark.parametrize("action", ["flip_on", "flip_off"])
def test_without_a_proof_the_plan_leaves_high_risk_out_and_says_how_to_elevate(who, action):
    page = pick(client_as(who), *MANY, action=action)
    plan = plan_of(page)
    assert plan["Will change"] == [LOW, MEDIUM]
    assert plan["Cannot be flipped"] == [HIGH, ALSO_HIGH]
    assert 'href="/console/elevate?next=%2Fconsole%2Fflags"' in page.content.decode()
    assert HIGH not in form_of(page)["plan"]


def test_elevated_the_plan_has_it_and_the_application_makes_it(superadmin):
    client = elevated_client(superadmin)
    page = pick(client, *MANY)
    assert sorted(plan_of(page)["Will change"]) == sorted(MANY)
    assert "elevate" not in form_of(page)
    client.post(FLAGS, form_of(page))
    assert values() == dict.fromkeys(MANY, 1)


def test_a_superuser_with_a_proof_flips_it_too(superuser):
    client = elevated_client(superuser)
    client.post(FLAGS, form_of(pick(client, HIGH)))
    assert values() == {HIGH: 1}


def dropped(client) -> None:
    client.post(DROP)


def other_browser(client) -> None:
    client.cookies = client_of(make_user("eve", is_superuser=True)).cookies


@pytest.mark.parametrize("lose", [dropped, other_browser])
def test_an_elevation_lost_between_plan_and_application_keeps_high_risk_as_it_was(superadmin, lose):
    client = elevated_client(superadmin)
    form = form_of(pick(client, *MANY))
    lose(client)
    page = client.post(FLAGS, form, follow=True)
    assert values() == {LOW: 1, MEDIUM: 1}
    assert flips() == 2
    said = text_of(page)
    assert "2 flags are on in staging now." in said
    for key in (HIGH, ALSO_HIGH):
        assert f"{key}: Flags of high risk need elevation" in said


def test_an_elevation_that_expired_between_them_does_so_too(superadmin, settings):
    began = timezone.now()
    with time_machine.travel(began, tick=False) as clock:
        client = elevated_client(superadmin)
        form = form_of(pick(client, *MANY))
        clock.shift(settings.ELEVATION_SECONDS)
        client.post(FLAGS, form)
    assert values() == {LOW: 1, MEDIUM: 1}


def test_an_elevation_gained_between_them_adds_nothing_to_the_plan(superadmin):
    device = enrolled(superadmin)
    client = client_of(superadmin)
    form = form_of(pick(client, *MANY))
    elevate(client, device)
    client.post(FLAGS, form)
    assert values() == {LOW: 1, MEDIUM: 1}


@pytest.mark.parametrize("who", ["superadmin", "superuser", "ops"])
@pytest.mark.parametrize("value", [True, False])
def test_a_forged_plan_flips_no_high_risk_without_a_proof(who, value):
    client = client_as(who)
    plan = packed((HIGH, "yaml::0"), (ALSO_HIGH, "yaml::0"), value=value)
    with nothing_written():
        page = apply(client, plan, "flip_on" if value else "flip_off", follow=True)
    need = "need the role superadmin" if who == "ops" else "need elevation"
    assert text_of(page).count(need) == 2


def test_ops_are_refused_by_role_with_a_proof_too_and_sent_to_no_code(ops):
    page = pick(elevated_client(ops), *MANY)
    assert plan_of(page)["Will change"] == [LOW]
    assert "/console/elevate?next" not in page.content.decode()
    assert "need elevation" not in text_of(page)


@pytest.mark.parametrize("who", ["support", "readonly"])
def test_who_sees_no_flags_applies_no_plan(who):
    client = client_as(who)
    with nothing_written():
        assert apply(client, packed((HIGH, "yaml::0"))).status_code == 403
