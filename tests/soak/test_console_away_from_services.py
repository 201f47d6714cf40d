"""A service whose console restarts, and is away: for a minute, and as often as services ask, in the
long form."""

import time

import pytest

from audit.cli import shell_actor
from flags.client import FlagClient, Layer
from flags.ofrep.tokens import create
from tests.flags.test_store import eventually
from tests.processes import raw_sql
from tests.processes.server import free_port, web_server
from tests.sizes import size

pytestmark = pytest.mark.django_db(transaction=True)

ABSENCES = size((1.0,), (2.0, 60.0))
MAX_AGE = size(0.9, 30.0)
# What a change may take on machines that have other things to do, beside the promised time.
SLACK = size(1.5, 1.0)
KEY, OTHER = "raptor_cursor_paging", "console_billing"


def seen(flags: FlagClient, key: str, value: bool) -> float:
    """Seconds until the flag reads so, at most the promised time."""
    began = time.monotonic()
    assert eventually(lambda: flags.is_on(key) is value, seconds=MAX_AGE + SLACK)
    return time.monotonic() - began


def test_values_outlast_a_console_that_is_away_and_follow_it_when_it_is_back():
    port = free_port()
    token = create("raptor", "staging", "raptor", actor=shell_actor())[1]
    ttl = {"FLAGS_TTL_SECONDS": str(MAX_AGE)}
    took = []
    with FlagClient(f"http://127.0.0.1:{port}", token, max_age=MAX_AGE) as flags:
        # Before there is a console, the YAML answers.
        assert (flags.is_on(KEY), flags.explain(KEY).source) == (True, Layer.YAML)
        value = True
        for seconds in ABSENCES:
            with web_server(workers=1, port=port, **ttl):
                assert eventually(lambda: not flags.is_failing, seconds=MAX_AGE + SLACK)
                value = not value
                raw_sql.set_row(KEY, int(value))
                took.append(seen(flags, KEY, value))
            before = flags.is_on(OTHER)
            assert eventually(lambda: flags.is_failing, seconds=MAX_AGE + SLACK)
            raw_sql.set_row(OTHER, int(not before))
            time.sleep(seconds)
            assert (flags.is_on(KEY), flags.is_on(OTHER)) == (value, before)
            known = flags.explain(KEY)
            assert known.source is Layer.CONSOLE
            assert known.age > seconds
            with web_server(workers=1, port=port, **ttl):
                took.append(seen(flags, OTHER, not before))
                assert flags.is_on(KEY) is value
    print("a change was seen after", ", ".join(f"{each:.1f} s" for each in took))
