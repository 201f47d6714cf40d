"""What makes and changes operators: each act with its policy and its audit row."""

from dataclasses import replace

from django.contrib.auth.models import Group
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts import policy, sessions
from accounts.models import OperatorSession, User
from accounts.records import record_about
from accounts.refusals import LastSuperadmin
from accounts.roles import Role
from audit.actor import Actor
from audit.services import audited


def create_operator(
    name: str, password: str, role: Role, *, actor: Actor, totp: bool = False
) -> tuple[User, TOTPDevice | None]:
    """Make an operator with one role, and with `totp` a confirmed TOTP device. Audited.

    Raises ValidationError for a name that is not acceptable or is taken, and for a weak password;
    Group.DoesNotExist before the first `migrate` or `sync_roles`.
    """
    if name and not name.strip("."):
        # A browser takes them for steps in the address of the operator's page.
        raise ValidationError("A name of dots alone is not acceptable.")
    if User.objects.filter(username__iexact=name).exists():
        # "Alice" beside "alice" would be taken for her.
        raise ValidationError("An operator with that name already exists.")
    user = User(username=name, is_staff=True)
    user.set_password(password)
    user.full_clean(exclude=["password"])
    validate_password(password, user)
    with audited():
        user.save()
        user.groups.set([Group.objects.get(name=role.value)])
        device = TOTPDevice.objects.create(user=user, name="authenticator") if totp else None
        record_about(user, actor, "created", {"role": role.value, "totp": totp})
    return user, device


def change_role(operator: User, role: Role, *, actor: Actor) -> bool:
    """Give `operator` this one role and no more, and drop their elevations. False where it was so.

    Groups that are no roles stay. Raises NotPermitted, OwnAccount, ProofNeeded, LastSuperadmin.
    """
    with audited():
        superadmins = _lock(operator, actor)
        now = User.objects.get(pk=operator.pk)
        if now.roles == (role.value,) and not now.is_superuser:
            return False
        if role is not Role.SUPERADMIN:
            _check_not_the_last(operator, superadmins)
        before = [*now.roles, *(["superuser"] if now.is_superuser else [])]
        operator.groups.remove(*Group.objects.filter(name__in=[other.value for other in Role]))
        operator.groups.add(Group.objects.get(name=role.value))
        # Django's superuser may do everything, whatever the role: it goes with the old one.
        User.objects.filter(pk=operator.pk).update(is_superuser=False)
        sessions.drop_elevations(operator)
        record_about(operator, actor, "role_changed", {"from": before, "to": role.value})
    return True


def set_active(operator: User, active: bool, *, actor: Actor) -> bool:
    """Let `operator` in again, or deactivate them and end their sessions. False where it was so.

    Raises NotPermitted, OwnAccount, ProofNeeded, LastSuperadmin.
    """
    with audited():
        superadmins = _lock(operator, actor)
        if not active:
            _check_not_the_last(operator, superadmins)
        changed = User.objects.filter(pk=operator.pk, is_active=not active).update(is_active=active)
        if not changed:
            return False
        ended = 0 if active else sessions.end_all(operator)
        what = "reactivated" if active else "deactivated"
        record_about(operator, actor, what, {} if active else {"sessions": ended})
    return True


def end_sessions(operator: User, *, actor: Actor, but: OperatorSession | None = None) -> int:
    """End the sessions of `operator`, but for one; how many there were. One's own, or as a manager.

    Raises NotPermitted, ProofNeeded.
    """
    with audited():
        if actor.user != operator:
            policy.check_may_manage(_afresh(actor), operator)
        ended = sessions.end_all(operator, but=but)
        record_about(operator, actor, "sessions_ended", {"sessions": ended})
    return ended


def change_password(user: User, *, actor: Actor, but: OperatorSession | None = None) -> None:
    """Save a new password that was set on `user`; ends the other sessions, drops elevations."""
    with audited():
        user.save(update_fields=["password"])
        ended = sessions.end_all(user, but=but)
        sessions.drop_elevations(user)
        record_about(user, actor, "password_changed", {"sessions": ended})


def _lock(operator: User, actor: Actor) -> set[int]:
    """The keys of all active superadmins, nobody else's to change until the transaction ends.

    Two superadmins who demote each other at the same moment would else both find the other one
    left; so the actor's own right is asked behind the lock, too. The lock is on the group's row.
    (SQLite has one writer at a time anyway.)
    """
    group = Group.objects.select_for_update().get(name=Role.SUPERADMIN.value)
    policy.check_may_manage(_afresh(actor), operator)
    active = User.objects.filter(groups=group, is_active=True, is_staff=True)
    return set(active.values_list("pk", flat=True))


def _afresh(actor: Actor) -> Actor:
    """The actor with the rights of this moment: a user remembers those of its first question."""
    user = actor.user and User.objects.get(pk=actor.user.pk)
    return replace(actor, user=user)


def _check_not_the_last(operator: User, superadmins: set[int]) -> None:
    if superadmins == {operator.pk}:
        raise LastSuperadmin(
            f"{operator.get_username()} is the last active superadmin: make another one first."
        )
