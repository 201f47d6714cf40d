"""Where PostgreSQL's host is, looked up for libpq. Plain Python.

libpq would look a name up itself, and nothing ends its wait for a silent name server; an
asynchronous connection of psycopg2 keeps Python's lock meanwhile, and stops every thread.
"""

import os
from collections.abc import Mapping
from typing import Any

from flags.names import Names


def names_of(params: Mapping[str, Any]) -> Names | None:
    """Who looks up the host in libpq's parameters. None where there is no name to look up, or
    several hosts: libpq goes through those; or where libpq is told an address elsewhere."""
    host = str(params.get("host") or "")
    if not host or host.startswith(("/", "@")) or "," in host:
        return None
    if "hostaddr" in params or "service" in params or "PGHOSTADDR" in os.environ:
        return None
    return Names(host, None)


def hostaddr(params: Mapping[str, Any], names: Names, deadline: float) -> dict[str, str]:
    """The parameters that tell libpq the addresses. `deadline`: monotonic. Raises OSError, of which
    TimeoutError is one."""
    found = list(dict.fromkeys(entry[4][0] for entry in names.find(deadline)))
    # The name stays: it is what a certificate and a password file are for.
    return {"hostaddr": ",".join(found), "host": ",".join([params["host"]] * len(found))}
