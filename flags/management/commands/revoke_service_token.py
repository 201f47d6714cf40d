from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.cli import cli_actor, operator_named
from flags.cli import add_env
from flags.models import ServiceToken
from flags.ofrep.cli import said_on_one_line
from flags.ofrep.tokens import revoke


class Command(BaseCommand):
    help = (
        "Revoke the live service token of that name: within two seconds every web process that "
        "has the database refuses it."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="what the token is called")
        add_env(parser, required=True)
        parser.add_argument("--as", dest="operator", help="the operator who acts")

    def handle(self, *, name: str, env: str, operator: str | None, **options: Any) -> None:
        with said_on_one_line("Nothing was revoked: the token is as good as before."):
            actor = cli_actor(None if operator is None else operator_named(operator))
            token = ServiceToken.objects.filter(name=name, env=env, revoked_at=None).first()
            revoked = token is not None and revoke(token, actor=actor)
        if token is None or not revoked:
            raise CommandError(f"{env} has no live service token named {name}.")
        self.stdout.write(
            f"{name} is revoked: with it {token.app} reads no flags of {env} any more."
        )
