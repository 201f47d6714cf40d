"""Logs: one JSON object a line, each with the id of the request that it belongs to.

The same id is in the audit context and in the answer's X-Request-ID.
"""

import logging
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

from pythonjsonlogger.json import JsonFormatter

request_id: ContextVar[str] = ContextVar("request_id", default="")


def with_request_id(record: logging.LogRecord) -> bool:
    """A filter that keeps every record and notes the request's id on it.

    Django tells of refused and failed requests when the middleware has left them, and hands over
    the request itself.
    """
    request = record.__dict__.pop("request", None)
    record.request_id = request_id.get() or getattr(request, "request_id", "")
    return True


class Formatter(JsonFormatter):
    """Time (UTC), level, logger, request id, message, and whatever the call gave as `extra`."""

    def __init__(self) -> None:
        super().__init__(
            ["asctime", "levelname", "name", "request_id", "message"],
            rename_fields={"asctime": "time", "levelname": "level", "name": "logger"},
            timestamp=False,
        )

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802
        return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")


CONFIG: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"request_id": {"()": lambda: with_request_id}},
    "formatters": {"json": {"()": Formatter}},
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": "json",
            "filters": ["request_id"],
        }
    },
    "root": {"handlers": ["console"], "level": "INFO"},
    "loggers": {
        # They come through the root, like all others, and not in the words of their own handlers.
        "django": {"handlers": [], "level": "INFO", "propagate": True},
        "django.server": {"handlers": [], "level": "WARNING", "propagate": True},
        "gunicorn.error": {"handlers": [], "level": "INFO", "propagate": True},
        # Its lines would name whoever failed to sign in; the audit log has them, and knows whom to
        # leave out.
        "axes": {"handlers": [], "level": "ERROR", "propagate": True},
    },
}
