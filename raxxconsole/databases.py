"""How the console talks to its database, of either kind."""

from typing import Any


def configured(database: dict[str, Any]) -> dict[str, Any]:
    """The entry of DATABASES with what the console needs of a connection."""
    options = database.get("OPTIONS", {})
    if database["ENGINE"] == "django.db.backends.sqlite3":
        # DEFERRED gave 99.9 % "database is locked" with eight writers, IMMEDIATE none.
        ours = {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
        }
        return {**database, "OPTIONS": {**options, **ours}}
    # A server that is gone without a word must not hold a web thread for ever.
    ours = {
        "connect_timeout": 5,
        "tcp_user_timeout": 10_000,
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 2,
    }
    kept = {"CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True}
    engine = "raxxconsole.postgresql"
    return {**database, **kept, "ENGINE": engine, "OPTIONS": {**ours, **options}}
