"""What makes and changes operators."""

from django.contrib.auth.models import Group
from django.contrib.auth.password_validation import validate_password
from django.db import transaction
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts.models import User
from accounts.roles import Role
from audit.actor import Actor
from audit.services import record


def create_operator(
    name: str, password: str, role: Role, *, actor: Actor, totp: bool = False
) -> tuple[User, TOTPDevice | None]:
    """Make an operator with one role, and with `totp` a confirmed TOTP device. Audited.

    Raises ValidationError for a name that is not acceptable or is taken, and for a weak password;
    Group.DoesNotExist before the first `migrate` or `sync_roles`.
    """
    user = User(username=name, is_staff=True)
    user.set_password(password)
    user.full_clean(exclude=["password"])
    validate_password(password, user)
    with transaction.atomic():
        user.save()
        user.groups.set([Group.objects.get(name=role.value)])
        device = TOTPDevice.objects.create(user=user, name="authenticator") if totp else None
        record(
            actor,
            "console.operator.created",
            target_type="operator",
            target_id=name,
            payload={"operator": name, "role": role.value, "totp": totp},
        )
    return user, device
