import base64
import binascii
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts.cli import cli_actor
from accounts.models import User
from accounts.roles import Role
from accounts.services import create_operator

# Known to everyone who reads this file: the command refuses to run outside DEBUG.
DEMO = {
    "alice": (Role.SUPERADMIN, "correct-horse-alice"),
    "bob": (Role.OPS, "correct-horse-bob"),
    "carol": (Role.SUPPORT, "correct-horse-carol"),
    "dave": (Role.READONLY, "correct-horse-dave"),
}


class Command(BaseCommand):
    help = "Make one demo operator per role and print how to sign in. Under DEBUG only."

    def handle(self, **options: Any) -> None:
        if not settings.DEBUG:
            raise CommandError("Demo operators have public passwords: refused outside DEBUG.")
        self.stdout.write(f"{'name':<8}{'role':<12}{'password':<24}TOTP secret")
        for name, (role, password) in DEMO.items():
            user = User.objects.filter(username=name).first()
            if user is None:
                user, _ = create_operator(name, password, role, actor=cli_actor(), totp=True)
            shown = password if user.check_password(password) else "(changed since)"
            self.stdout.write(f"{name:<8}{role:<12}{shown:<24}{self._secret(user)}")

    def _secret(self, user: User) -> str:
        device = TOTPDevice.objects.filter(user=user, confirmed=True).first()
        if device is None:
            return "(none)"
        return base64.b32encode(binascii.unhexlify(device.key)).decode()
