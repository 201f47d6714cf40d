import threading

from libraries import django_orm
from loops import Question

TITLE = "ours"
SETUP = (
    "`from flags import is_on`, then `is_on(k)`, in a process of this console's production"
    " settings; every flag has its row in a migrated SQLite file, the refresher is at work."
)
counting = django_orm.counting

_ROW = "INSERT INTO console_feature_flags (flag_key, env, value) VALUES (%s, 'staging', %s)"


def set_up(values: dict[str, bool], directory: str) -> Question:
    fill(values)
    from flags import is_on

    return Question("is_on(k)", {"is_on": is_on})


def fill(values: dict[str, bool]) -> None:
    """Set up this console, and give each flag its row, as anybody's SQL may."""
    import django

    django.setup()
    from django.db import connection, transaction

    with transaction.atomic(), connection.cursor() as cursor:
        rows = [(key, int(on)) for key, on in values.items()]
        cursor.executemany(f"{_ROW} ON CONFLICT DO NOTHING", rows)


def check_at_the_end() -> None:
    """What was measured is a process whose flags stay fresh."""
    import flags

    if flags.explain("flag_0").source != "db":
        raise RuntimeError("flag_0 does not come from the database")
    if not any(thread.name.startswith("flags") for thread in threading.enumerate()):
        raise RuntimeError("there is no refresher at work")
