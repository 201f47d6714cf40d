"""TOTP devices and recovery codes of an operator: enrolled, renewed, removed, reset."""

import base64
import itertools
import secrets
from datetime import datetime

from django.db import transaction
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts import policy, sessions
from accounts.models import RecoveryCode, User
from accounts.proofs import confirmed_devices, proven
from accounts.records import record_about
from accounts.refusals import NotNow
from audit.actor import Actor
from audit.services import audited

RECOVERY_CODES = 10


def check_may_enrol(user: User, actor: Actor) -> None:
    """The first device takes the password alone, a second one elevation. Raises ProofNeeded."""
    if confirmed_devices(user):
        policy.check_fresh_proof(actor)


def begin(user: User, *, actor: Actor) -> TOTPDevice:
    """A new device with a secret of its own, not confirmed; an earlier one that was not is gone.

    Raises ProofNeeded.
    """
    check_may_enrol(user, actor)
    with transaction.atomic():
        User.objects.hold(user)
        TOTPDevice.objects.filter(user=user, confirmed=False).delete()
        name = _free_name({device.name for device in confirmed_devices(user)})
        return TOTPDevice.objects.create(user=user, name=name, confirmed=False)


def confirm(device: TOTPDevice, code: str, *, actor: Actor, now: datetime) -> list[str]:
    """Confirm a device by one of its codes. Returns new recovery codes, to be shown this once.

    With a first device the codes are made; a further one leaves those that there are, and returns
    none. Raises ProofRefused, ProofNeeded, NotNow.
    """
    user = device.user
    check_may_enrol(user, actor)
    with proven(user, code, actor=actor, now=now, new_device=device):
        check_may_enrol(user, actor)
        is_first = not confirmed_devices(user)
        if not TOTPDevice.objects.filter(pk=device.pk, confirmed=False).update(confirmed=True):
            raise NotNow("This device was enrolled or given up meanwhile.")
        codes = _replace_codes(user, now) if is_first else []
        record_about(user, actor, "enrolled", {"device": device.pk})
    return codes


def codes_made(user: User) -> str:
    """When the person's unused recovery codes were made, as a token; "" where there are none."""
    newest = RecoveryCode.objects.filter(user=user, used_at=None).order_by("-created_at").first()
    return newest.created_at.isoformat() if newest else ""


def renew_codes(user: User, *, actor: Actor, now: datetime, seen: str | None = None) -> list[str]:
    """Ten new recovery codes, to be shown this once; the old ones are worth nothing from now on.

    `seen` is the `codes_made` of the page that asked: a page loaded again must not take away codes
    that somebody has just written down. Raises ProofNeeded, NotNow.
    """
    policy.check_fresh_proof(actor)
    with audited():
        User.objects.hold(user)
        if seen is not None and seen != codes_made(user):
            raise NotNow("New codes were made since this page was drawn: these stand.")
        codes = _replace_codes(user, now)
        record_about(user, actor, "recovery_codes_renewed")
    return codes


def remove_device(user: User, pk: int, *, actor: Actor) -> None:
    """Remove one of several devices. Raises ProofNeeded; NotNow for the last one, or none of his.

    An elevation that the device gave ends with it.
    """
    policy.check_fresh_proof(actor)
    with audited():
        User.objects.hold(user)
        devices = confirmed_devices(user)
        device = next((device for device in devices if device.pk == pk), None)
        if device is None:
            raise NotNow("You have no such device.")
        if len(devices) == 1:
            raise NotNow("This is your last device: enrol the new one first.")
        device.delete()
        record_about(user, actor, "device_removed", {"device": pk})


def reset_totp(user: User, *, actor: Actor) -> tuple[int, int]:
    """Remove all devices and recovery codes of `user` and end all their sessions (recovery).

    Returns how many devices and sessions there were.
    """
    with audited():
        User.objects.hold(user)
        devices = TOTPDevice.objects.filter(user=user)
        removed = devices.count()
        ended = sessions.end_all(user)
        devices.delete()
        RecoveryCode.objects.filter(user=user).delete()
        record_about(user, actor, "totp_reset", {"devices": removed, "sessions": ended})
    return removed, ended


def secret_of(device: TOTPDevice) -> str:
    """The device's secret as authenticator apps take it by hand: Base32 in groups of four."""
    return _in_fours(base64.b32encode(device.bin_key).decode())


def _free_name(taken: set[str]) -> str:
    """ "authenticator", "authenticator 2" …: the first that none of the person's devices has."""
    names = itertools.chain(["authenticator"], (f"authenticator {n}" for n in itertools.count(2)))
    return next(name for name in names if name not in taken)


def _replace_codes(user: User, now: datetime) -> list[str]:
    # A used one stays: the elevation that it gave hangs on it.
    RecoveryCode.objects.filter(user=user, used_at=None).delete()
    codes = [
        _in_fours(base64.b32encode(secrets.token_bytes(10)).decode(), "-")
        for _ in range(RECOVERY_CODES)
    ]
    RecoveryCode.objects.bulk_create(
        RecoveryCode(user=user, digest=RecoveryCode.digest_of(code), created_at=now)
        for code in codes
    )
    return codes


def _in_fours(text: str, between: str = " ") -> str:
    return between.join(text[start : start + 4] for start in range(0, len(text), 4))
