from typing import Any

from django.core.management.base import BaseCommand

from accounts.roles import sync_roles


class Command(BaseCommand):
    help = "Give each role exactly its permissions, and say what was given and what was removed."

    def handle(self, **options: Any) -> None:
        changes = sync_roles()
        for change in changes:
            self.stdout.write(change)
        if not changes:
            self.stdout.write("All roles have exactly their permissions.")
