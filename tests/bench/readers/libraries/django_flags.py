from libraries import django_orm
from loops import Question

TITLE = "django-flags"
PACKAGE = "django-flags"
SETUP = "`flag_enabled(k)` of flags whose state is in the database (SQLite); it reads all of them."
counting = django_orm.counting


def set_up(values: dict[str, bool], directory: str) -> Question:
    fill(values, directory)
    from flags.state import flag_enabled

    return Question("flag_enabled(k)", {"flag_enabled": flag_enabled})


def fill(values: dict[str, bool], directory: str) -> None:
    """Flags as settings declare them, their state in the database."""
    django_orm.configure(directory, "flags", FLAGS={key: [] for key in values})
    from flags.models import FlagState

    FlagState.objects.bulk_create(
        FlagState(name=key, condition="boolean", value=str(on)) for key, on in values.items()
    )
