from libraries import django_flags, django_orm
from loops import Question

TITLE = "django-flags, in one request"
PACKAGE = "django-flags"
SETUP = "`flag_enabled(k, request=request)`: the request keeps what its first question read."
counting = django_orm.counting


def set_up(values: dict[str, bool], directory: str) -> Question:
    django_flags.fill(values, directory)
    from django.http import HttpRequest

    from flags.state import flag_enabled

    names = {"flag_enabled": flag_enabled, "request": HttpRequest()}
    return Question("flag_enabled(k, request=request)", names)
