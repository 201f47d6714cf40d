"""TOTP in tests: devices, their codes, and a browser that has just given one."""

from datetime import datetime, timedelta

from django.http import HttpResponse
from django.test import Client
from django.utils import timezone
from django_otp.oath import TOTP
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts.models import User
from tests.conftest import client_of

ELEVATE = "/console/elevate"
DROP = "/console/elevate/drop"


def enrolled(user: User) -> TOTPDevice:
    """A confirmed device of this user."""
    return TOTPDevice.objects.create(user=user, name="authenticator", confirmed=True)


def code_of(device: TOTPDevice, *, at: datetime | None = None, ahead: int = 0) -> str:
    """What the device shows now, or at another moment, or this many steps ahead."""
    moment = (at or timezone.now()) + timedelta(seconds=ahead * device.step)
    clock = TOTP(device.bin_key, device.step, device.t0, device.digits)
    clock.time = moment.timestamp()
    return f"{clock.token():06d}"


def wrong_code(device: TOTPDevice) -> str:
    """Six digits that the device shows neither now nor within minutes."""
    near = {code_of(device, ahead=step) for step in range(-10, 11)}
    return next(code for code in map("{:06d}".format, range(100)) if code not in near)


def give(client: Client, code: str, **fields: str) -> HttpResponse:
    """Post a code to /console/elevate."""
    return client.post(ELEVATE, {"token": code, **fields})


def elevate(client: Client, device: TOTPDevice) -> Client:
    """Elevate the session of this browser, whatever codes were used before."""
    TOTPDevice.objects.filter(pk=device.pk).update(last_t=-1)
    assert give(client, code_of(device)).status_code == 303
    return client


def elevated_client(user: User, **options) -> Client:
    """A browser of this user with an elevated session."""
    device = TOTPDevice.objects.filter(user=user).first() or enrolled(user)
    return elevate(client_of(user, **options), device)


def is_elevated(client: Client) -> bool:
    """Whether the session counts as elevated: what the header of a page says."""
    return b"data-elevated-seconds" in client.get("/console/").content
