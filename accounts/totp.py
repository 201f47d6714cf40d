"""The codes themselves: RFC 6238 on a device of django-otp. No database, no throttle."""

import re
from datetime import datetime

from django_otp.oath import TOTP
from django_otp.plugins.otp_totp.models import TOTPDevice

# Six ASCII digits: int() would take "+12345", "1_2345" and digits of any script.
_CODE = re.compile(r"[0-9]{6}", re.ASCII)


def is_code(text: str) -> bool:
    """Whether `text` has the form of a TOTP code."""
    return _CODE.fullmatch(text) is not None


def matching_step(device: TOTPDevice, code: str, now: datetime) -> int | None:
    """The latest time step within the device's tolerance whose code this is, or None.

    A step that was spent already (`device.last_t`) is returned too: the caller tells it from a
    wrong code. Source: RFC 6238, sections 4 and 5.2.
    """
    if not is_code(code):
        return None
    clock = TOTP(device.bin_key, device.step, device.t0, device.digits, device.drift)
    clock.time = now.timestamp()
    middle = clock.t()
    for step in range(middle + device.tolerance, middle - device.tolerance - 1, -1):
        clock.drift = device.drift + step - middle
        if step >= 0 and clock.token() == int(code):
            return step
    return None
