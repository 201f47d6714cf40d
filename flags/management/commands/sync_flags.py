from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error as DBError

from accounts.cli import cli_actor
from audit.cli import LOOK_FIRST, ONLY_READS, database_failed
from flags import config_vars, declarations
from flags.declarations import Declarations, DeclarationsError
from flags.heroku.reports import take
from flags.sync import SyncPlan, plan_sync, sync_flags


class Command(BaseCommand):
    help = (
        "Write what this deployment declares (the flags YAML file) into the database, and which "
        "FLAG_* config vars of declared flags are set in it: names and booleans, nothing else."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--env",
            action="append",
            choices=settings.ENVIRONMENTS,
            help="default: this deployment's own; another one only under DEBUG; may be repeated",
        )
        parser.add_argument(
            "--check", action="store_true", help="write nothing; fail if something is out of step"
        )

    def handle(self, *, env: list[str] | None, check: bool, **options: Any) -> None:
        try:
            declared = declarations.load(settings.FEATURE_FLAGS_FILE)
        except DeclarationsError as error:
            raise CommandError(f"The flags file is refused:\n{error}") from error
        names = list(dict.fromkeys(env or [settings.CONSOLE_ENV]))
        others = [name for name in names if name != settings.CONSOLE_ENV]
        if others and not settings.DEBUG:
            raise CommandError(
                f"This deployment runs in {settings.CONSOLE_ENV} and speaks for it alone: "
                f"run sync_flags where {', '.join(others)} runs."
            )
        try:
            out_of_step = [name for name in names if self._sync(declared, name, check=check)]
            if not check and settings.CONSOLE_ENV in names:
                self._report(declared)
        except DBError as error:
            raise database_failed(error, so=ONLY_READS if check else LOOK_FIRST) from error
        if check and out_of_step:
            raise CommandError("The database is out of step with the flags file.")

    def _report(self, declared: Declarations) -> None:
        """This deployment's own config vars, which it alone can see."""
        if settings.APP_NAME == "-":
            self.stderr.write(
                "This app's name is not known, so its config vars were not reported: "
                "heroku labs:enable runtime-dyno-metadata --app <app>, then release again."
            )
            return
        strays = config_vars.strays(declared)
        done = take(
            settings.APP_NAME,
            settings.CONSOLE_ENV,
            config_vars.reported(declared),
            still_set=config_vars.keys_of(strays),
            actor=cli_actor(),
        )
        self.stdout.write(f"config vars of {settings.APP_NAME} ({settings.CONSOLE_ENV}): {done}")
        for name in strays:
            self.stdout.write(f"stray: {name} is set, and no flag is declared under that name.")

    def _sync(self, declared: Declarations, name: str, *, check: bool) -> SyncPlan:
        """Bring `name` in step, or only look; say what differed."""
        if check:
            plan = plan_sync(declared, name)
        else:
            plan = sync_flags(declared, name, release=settings.RELEASE, actor=cli_actor())
        self.stdout.write(f"{name}: {plan or f'{len(declared)} flags, nothing to change'}")
        return plan
