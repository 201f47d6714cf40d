"""Operators who sign in on a real server."""

from django.test import override_settings

from accounts.cli import cli_actor
from accounts.roles import Role
from accounts.services import create_operator
from tests.conftest import PASSWORD

# Tests hash passwords in a way that no server knows.
_HASHER = "tests.hashers.QuickArgon2"


def make_operator(name: str, role: str, *, totp: bool = False) -> None:
    with override_settings(PASSWORD_HASHERS=[_HASHER]):
        create_operator(name, PASSWORD, Role(role), actor=cli_actor(), totp=totp)
