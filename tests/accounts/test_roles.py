"""Roles: four groups, each with exactly what the apps give it."""

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.management import call_command

from accounts.roles import Role, sync_roles

pytestmark = pytest.mark.django_db

GIVEN = {
    "readonly": set(),
    "support": set(),
    "ops": {
        "audit.view_auditentry",
        "flags.view_declaredflag",
        "flags.flip_low",
        "promotions.view_promotion",
    },
    "superadmin": {
        "accounts.view_user",
        "accounts.manage_operators",
        "audit.view_auditentry",
        "flags.view_declaredflag",
        "flags.flip_low",
        "flags.flip_medium",
        "flags.flip_high",
        "flags.acknowledge_breakglass",
        "flags.manage_service_tokens",
        "promotions.view_promotion",
        *(f"promotions.{verb}_promotion" for verb in ("mark", "approve", "promote", "reject")),
    },
}


def _permissions(role: str) -> set[str]:
    found = Group.objects.get(name=role).permissions.values_list(
        "content_type__app_label", "codename"
    )
    return {".".join(names) for names in found}


def _all() -> dict[str, set[str]]:
    return {group.name: _permissions(group.name) for group in Group.objects.all()}


def test_after_a_fresh_migrate_each_role_has_exactly_its_permissions():
    assert _all() == GIVEN


def test_a_second_sync_changes_nothing_and_says_so(capsys):
    assert sync_roles() == []
    call_command("sync_roles")
    assert capsys.readouterr().out == "All roles have exactly their permissions.\n"
    assert _all() == GIVEN


@pytest.mark.parametrize("role", Role)
def test_what_does_not_belong_to_a_role_is_removed_and_told(role, capsys):
    stray = Permission.objects.get(codename="delete_user")
    Group.objects.get(name=role.value).permissions.add(stray)
    call_command("sync_roles")
    out = capsys.readouterr().out
    assert out == f"{role}: accounts.delete_user removed, it does not belong to the role\n"
    assert _all() == GIVEN


def test_what_is_missing_is_given_and_told(capsys):
    Group.objects.get(name="ops").permissions.clear()
    call_command("sync_roles")
    assert capsys.readouterr().out.splitlines() == [
        "ops: audit.view_auditentry given",
        "ops: flags.flip_low given",
        "ops: flags.view_declaredflag given",
        "ops: promotions.view_promotion given",
    ]
    assert _all() == GIVEN


def test_a_permission_of_a_higher_role_is_taken_from_a_lower_one():
    Group.objects.get(name="ops").permissions.add(Permission.objects.get(codename="flip_high"))
    assert sync_roles() == ["ops: flags.flip_high removed, it does not belong to the role"]


def test_a_group_that_was_deleted_is_made_again():
    Group.objects.get(name="support").delete()
    assert sync_roles() == ["support: group made"]
    assert _all() == GIVEN


def test_a_group_that_is_no_role_is_left_alone():
    Group.objects.create(name="guests").permissions.add(
        Permission.objects.get(codename="delete_user")
    )
    assert sync_roles() == []
    assert _permissions("guests") == {"accounts.delete_user"}


def test_a_later_migrate_syncs_the_roles_too():
    Group.objects.get(name="superadmin").permissions.clear()
    call_command("migrate", verbosity=0)
    assert _all() == GIVEN


def test_what_a_newer_release_gave_is_left_alone_and_told(capsys):
    """Two releases share the database: staging's may know permissions that prod's does not yet."""
    newer = Permission.objects.create(
        codename="promote", name="Can promote", content_type=Permission.objects.first().content_type
    )
    Group.objects.get(name="superadmin").permissions.add(newer)
    label = f"{newer.content_type.app_label}.promote"
    assert sync_roles() == [f"superadmin: {label} left, this release does not know it"]
    assert label in _permissions("superadmin")
