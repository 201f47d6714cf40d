"""The four roles: groups, and the permissions that the apps give them (runbook section 5).

An app says which of its permissions a role has in its AppConfig, as
``role_permissions = {"ops": ["flip_low"]}``; this module gathers them and knows no app by name.
"""

from collections.abc import Iterator
from enum import StrEnum
from typing import Any

from django.apps import apps
from django.contrib.auth import get_permission_codename
from django.contrib.auth.models import Group, Permission
from django.db import DEFAULT_DB_ALIAS


class Role(StrEnum):
    READONLY = "readonly"
    SUPPORT = "support"
    OPS = "ops"
    SUPERADMIN = "superadmin"


def _declared() -> Iterator[tuple[Role, str, str]]:
    """(role, app label, codename) of every permission that some app gives to a role."""
    for config in apps.get_app_configs():
        given: dict[str, list[str]] = getattr(config, "role_permissions", {})
        for role, codenames in given.items():
            for codename in codenames:
                yield Role(role), config.label, codename


def _known_permissions() -> Iterator[tuple[str, str]]:
    """(app label, codename) of every permission that this release's models have."""
    for model in apps.get_models():
        options = model._meta
        for action in options.default_permissions:
            yield options.app_label, get_permission_codename(action, options)
        for codename, _ in options.permissions:
            yield options.app_label, codename


def sync_roles(using: str = DEFAULT_DB_ALIAS) -> list[str]:
    """Give each role's group exactly its permissions. Returns a line for each change.

    Idempotent. A permission whose app is not migrated yet is left for the next run. One that this
    release does not know is left alone: two releases may share the database, and the newer one
    gave it.
    """
    changes: list[str] = []
    known = set(_known_permissions())
    existing = {
        (permission.content_type.app_label, permission.codename): permission
        for permission in Permission.objects.using(using).select_related("content_type")
    }
    for role in Role:
        group, created = Group.objects.using(using).get_or_create(name=role.value)
        if created:
            changes.append(f"{role}: group made")
        wanted = {(app, codename) for which, app, codename in _declared() if which is role}
        has = set(group.permissions.values_list("content_type__app_label", "codename"))
        for key in sorted(wanted - has):
            if key in existing:
                group.permissions.add(existing[key])
                changes.append(f"{role}: {'.'.join(key)} given")
        for key in sorted(has - wanted):
            if key in known:
                group.permissions.remove(existing[key])
                changes.append(f"{role}: {'.'.join(key)} removed, it does not belong to the role")
            else:
                changes.append(f"{role}: {'.'.join(key)} left, this release does not know it")
    return changes


def after_migrate(sender: Any, using: str = DEFAULT_DB_ALIAS, **kwargs: Any) -> None:
    """After a fresh `migrate`, Permission rows appear only in `post_migrate`, app by app."""
    if hasattr(sender, "role_permissions"):
        sync_roles(using)
