from typing import Any

from django.core.management.base import BaseCommand
from django.db import Error as DBError

from accounts.roles import sync_roles
from audit.cli import database_failed


class Command(BaseCommand):
    help = "Give each role exactly its permissions, and say what was given and what was removed."

    def handle(self, **options: Any) -> None:
        try:
            changes = sync_roles()
        except DBError as error:
            raise database_failed(error) from error
        for change in changes:
            self.stdout.write(change)
        if not changes:
            self.stdout.write("All roles have exactly their permissions.")
