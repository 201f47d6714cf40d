"""What the libraries share that keep their flags in Django's database."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path


def configure(directory: str, app: str, **settings: object) -> None:
    """A Django of production settings, with this app and a migrated SQLite file of its own."""
    import django
    from django.conf import settings as django_settings
    from django.core.management import call_command

    name = str(Path(directory) / "library.sqlite3")
    django_settings.configure(
        DEBUG=False,
        INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", app],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": name}},
        DEFAULT_AUTO_FIELD="django.db.models.AutoField",
        USE_TZ=True,
        **settings,
    )
    django.setup()
    call_command("migrate", verbosity=0)


@contextmanager
def counting(count: list[int]) -> Iterator[None]:
    """Add this thread's queries to `count[0]`."""
    from django.db import connections

    def counted(execute, *arguments):
        count[0] += 1
        return execute(*arguments)

    with ExitStack() as stack:
        for connection in connections.all():
            stack.enter_context(connection.execute_wrapper(counted))
        yield
