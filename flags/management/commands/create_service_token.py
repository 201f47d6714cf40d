import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from accounts.cli import cli_actor, operator_named
from flags.cli import add_env
from flags.ofrep.cli import said_on_one_line
from flags.ofrep.tokens import create


class Command(BaseCommand):
    help = (
        "Make a token by which an app reads the flags of one environment over HTTP. Its secret is "
        "printed once, alone on standard output; all words go to standard error."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="what the token is called, such as raptor-reads-flags")
        add_env(parser, required=True)
        parser.add_argument("--app", help="who gets it, such as raptor-prod; without it, NAME")
        parser.add_argument("--as", dest="operator", help="the operator who acts")
        parser.add_argument("--json", action="store_true", help="a JSON object, for programs")

    def handle(
        self, *, name: str, env: str, app: str | None, operator: str | None, **options: Any
    ) -> None:
        with said_on_one_line(
            "No token was made.",
            in_doubt="A token that was made so has a secret that nobody was told: revoke it.",
        ):
            actor = cli_actor(None if operator is None else operator_named(operator))
            token, secret = create(name, env, name if app is None else app, actor=actor)
        told = {"name": token.name, "env": token.env, "app": token.app, "secret": secret}
        self.stdout.write(json.dumps(told) if options["json"] else secret)
        self.stderr.write(
            f"{token.name} reads the flags of {token.env} for {token.app}. The secret is shown "
            "this once and kept nowhere: lost, it is revoked and another one made.",
            self.style.SUCCESS,
        )
