"""Django's PostgreSQL, whose host is looked up with a deadline, where waits for it have one."""

import os
from typing import Any

import psycopg2
from django.db.backends.postgresql import base

from audit.deadline import NoAnswer, look_up
from flags.names import Names
from flags.sources.addresses import hostaddr, names_of

_known: dict[str, Names] = {}
os.register_at_fork(after_in_child=_known.clear)


class DatabaseWrapper(base.DatabaseWrapper):
    """A name server that is silent is as a database that is: it holds nobody up for longer."""

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Raises `django.db.OperationalError`, caused by NoAnswer where it was silence."""
        try:
            return super().get_new_connection(conn_params | _where(conn_params))
        except NoAnswer:
            raise
        except psycopg2.OperationalError as error:
            if conn_params.get("host") and "connection to server" not in str(error):
                # Where psycopg2 waits by a function of ours, libpq leaves out where that was.
                raise psycopg2.OperationalError(f"{_address(conn_params)}: {error}") from error
            raise


def _address(params: dict[str, Any]) -> str:
    return ":".join(str(params[name]) for name in ("host", "port") if params.get(name))


def _where(params: dict[str, Any]) -> dict[str, str]:
    names = names_of(params)
    if names is None:
        return {}
    # One look-up for all threads: each has a connection of its own.
    names = _known.setdefault(params["host"], names)
    with look_up() as until:
        if until is None:
            return {}
        try:
            return hostaddr(params, names, until)
        except TimeoutError:
            raise
        except OSError as error:
            raise psycopg2.OperationalError(str(error)) from error
