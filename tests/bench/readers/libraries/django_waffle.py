from libraries import django_orm
from loops import Question

TITLE = "django-waffle"
PACKAGE = "django-waffle"
SETUP = (
    "`switch_is_active(k)`: a switch is what waffle calls a flag for everyone;"
    " switches in SQLite, the cache Django's local memory, large enough to hold them all."
)
counting = django_orm.counting


def set_up(values: dict[str, bool], directory: str) -> Question:
    cache = {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        # As it comes, it holds 300 entries and drops the others.
        "OPTIONS": {"MAX_ENTRIES": 10_000},
    }
    django_orm.configure(directory, "waffle", CACHES={"default": cache})
    from waffle import switch_is_active
    from waffle.models import Switch

    Switch.objects.bulk_create(Switch(name=key, active=on) for key, on in values.items())
    return Question("switch_is_active(k)", {"switch_is_active": switch_is_active})
