"""Taking a code: the throttle, and that a code is good once (runbook section 5).

Each attempt is counted as a failure in a committed transaction of its own *before* the code is
looked at. So nothing that fails afterwards can undo the count, and of codes that come at the same
instant one is looked at and the others are told to wait. A good code takes the count back.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts.models import RecoveryCode, User
from accounts.records import record_about
from accounts.spans import span
from accounts.totp import is_code, matching_step
from audit.actor import Actor
from audit.services import audited

# The wait doubles with each failure: 1 s, 2 s, 4 s … With 15 minutes between two tries of a
# million codes, three of them good at a time, guessing takes some years.
LONGEST_WAIT = 900


@dataclass(frozen=True, slots=True)
class Proof:
    """What was proved with: a TOTP device, or a recovery code and how many are left."""

    device: TOTPDevice | None
    recovery_code: RecoveryCode | None = None
    codes_left: int = 0

    @property
    def by(self) -> str:
        """What it was, in the words of the audit log."""
        return "recovery code" if self.recovery_code else "totp"


class ProofRefused(Exception):
    """The code was not taken. `status` is its HTTP answer, `wait` the seconds until the next try.

    `reason` is the word that the audit log keeps.
    """

    status = 403
    reason = "wrong code"

    def __init__(self, message: str, wait: int = 0) -> None:
        super().__init__(message)
        self.wait = wait

    @property
    def with_wait(self) -> str:
        """The message, and the wait in words: for where no clock counts it down."""
        return f"{self} Wait {span(self.wait)}, then try again." if self.wait else str(self)


class NotEnrolled(ProofRefused):
    """The person has no confirmed TOTP device."""

    reason = "not enrolled"


class MustWait(ProofRefused):
    """Too many failures: the code was not looked at, and is as good as before."""

    status = 429
    reason = "too soon"


class CodeSpent(ProofRefused):
    """A right code, used before."""

    reason = "code used before"


@contextmanager
def proven(
    user: User, code: str, *, actor: Actor, now: datetime, new_device: TOTPDevice | None = None
) -> Iterator[Proof]:
    """Take a TOTP or recovery code of `user`; the block runs in the transaction that spends it.

    If the block fails, the code is as good as before, but the attempt still counts. With
    `new_device`, not confirmed yet, a code of that one alone is taken. A refusal is audited.
    Raises ProofRefused. Must not run inside a transaction.
    """
    devices = [new_device] if new_device else confirmed_devices(user)
    what = "enrolment" if new_device else "elevation"
    try:
        carrier = _claim(devices, now)
        try:
            with audited():
                User.objects.hold(user)
                yield _spend(user, devices, code.strip(), carrier, now, recovery=not new_device)
        except CodeSpent:
            _give_back(carrier, now)
            raise
    except ProofRefused as refused:
        with audited():
            record_about(user, actor, f"{what}_refused", {"reason": refused.reason}, now=now)
        raise


def confirmed_devices(user: User) -> list[TOTPDevice]:
    """The person's TOTP devices, the oldest first."""
    return list(TOTPDevice.objects.filter(user=user, confirmed=True).order_by("pk"))


def wait_of(device: TOTPDevice, now: datetime) -> int:
    """Whole seconds, rounded up, until a code may be tried again; 0 for at once."""
    failures: int = device.throttling_failure_count
    last: datetime | None = device.throttling_failure_timestamp
    if not failures or last is None:
        return 0
    left = last + timedelta(seconds=_seconds_to_wait(failures)) - now
    return max(0, -(-left // timedelta(seconds=1)))


def _seconds_to_wait(failures: int) -> int:
    return min(1 << min(failures - 1, 20), LONGEST_WAIT)


def _claim(devices: list[TOTPDevice], now: datetime) -> TOTPDevice:
    """Count an attempt, on the oldest device: failures are counted per person, not per device."""
    if not devices:
        raise NotEnrolled("You have no TOTP device yet: enrol one first.")
    carrier = devices[0]
    wait = wait_of(carrier, now)
    if wait:
        raise MustWait("After a wrong code comes a wait. This one was not looked at.", wait)
    failures, last = carrier.throttling_failure_count, carrier.throttling_failure_timestamp
    with transaction.atomic(durable=True):
        counted = TOTPDevice.objects.filter(
            pk=carrier.pk, throttling_failure_count=failures, throttling_failure_timestamp=last
        ).update(throttling_failure_count=failures + 1, throttling_failure_timestamp=now)
    if not counted:
        raise MustWait("Another code was tried at this very moment. This one was not looked at.", 1)
    return carrier


def _give_back(carrier: TOTPDevice, now: datetime) -> None:
    """A code that was right once is no guess: it does not count as a failure."""
    TOTPDevice.objects.filter(pk=carrier.pk, throttling_failure_timestamp=now).update(
        throttling_failure_count=carrier.throttling_failure_count,
        throttling_failure_timestamp=carrier.throttling_failure_timestamp,
    )


def _spend(
    user: User,
    devices: list[TOTPDevice],
    code: str,
    carrier: TOTPDevice,
    now: datetime,
    *,
    recovery: bool,
) -> Proof:
    """Use the code up. Raises CodeSpent, or ProofRefused where it is wrong."""
    if is_code(code) or not recovery:
        proof = _spend_totp(devices, code, now)
    else:
        proof = _spend_recovery(user, code, now)
    if proof is None:
        wait = _seconds_to_wait(carrier.throttling_failure_count + 1)
        raise ProofRefused("That code is not right.", wait)
    TOTPDevice.objects.filter(pk=carrier.pk).update(
        throttling_failure_count=0, throttling_failure_timestamp=None
    )
    return proof


def _spend_totp(devices: list[TOTPDevice], code: str, now: datetime) -> Proof | None:
    spent = False
    for device in devices:
        step = matching_step(device, code, now)
        if step is None:
            continue
        # One row or someone else was first: a step is spent once, and never an older one after it.
        if TOTPDevice.objects.filter(pk=device.pk, last_t__lt=step).update(
            last_t=step, last_used_at=now
        ):
            return Proof(device)
        spent = True
    if spent:
        raise CodeSpent("That code was used already: wait for the next one in your app.")
    return None


def _spend_recovery(user: User, code: str, now: datetime) -> Proof | None:
    found = RecoveryCode.objects.filter(user=user, digest=RecoveryCode.digest_of(code)).first()
    if found is None:
        return None
    if not RecoveryCode.objects.filter(pk=found.pk, used_at=None).update(used_at=now):
        raise CodeSpent("That recovery code was used already: each is good once.")
    left = RecoveryCode.objects.filter(user=user, used_at=None).count()
    return Proof(None, found, left)
