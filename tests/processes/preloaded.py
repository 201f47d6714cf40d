"""A small WSGI application for gunicorn's --preload, which reads a flag before it is forked."""

import json
import os
import threading
from collections.abc import Callable, Iterable
from typing import Any

import django

django.setup()

import flags  # noqa: E402

KEY = "console_billing"
# The parent has a refresher and a connection of its own when it forks.
BEFORE_THE_FORK = flags.is_on(KEY)


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    said: dict[str, Any] = {"pid": os.getpid(), "value": flags.is_on(KEY)}
    said["refreshers"] = [thread.name for thread in threading.enumerate()].count("flags")
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(said).encode()]
