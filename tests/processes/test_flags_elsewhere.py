"""Services elsewhere read their flags of a real console, the example service among them."""

import logging
import time

import pytest

from audit.cli import shell_actor
from flags.client import FlagClient
from flags.models import ServiceToken
from flags.ofrep.tokens import create, revoke
from tests.flags.test_store import eventually
from tests.processes import raw_sql
from tests.processes.raptor import raptor
from tests.processes.server import free_port, web_server
from tests.timed import in_time

pytestmark = pytest.mark.django_db(transaction=True)

KEY = "raptor_cursor_paging"
# Of both: the console's own rows, and what services ask for.
QUICK = 0.9
# A refresh that nobody hurries comes after 10 s: less than that shows as much on a busy machine.
SLACK = 3.0


def test_a_flip_reaches_services_and_one_without_a_good_token_keeps_what_it_knows(caplog):
    tokens = {
        env: create("raptor", env, f"raptor-{env}", actor=shell_actor())[1]
        for env in ("staging", "prod")
    }
    ttl = {"FLAGS_TTL_SECONDS": str(QUICK)}
    with (
        web_server(workers=1, **ttl) as console,
        raptor(console, tokens["staging"], **ttl) as service,
        FlagClient(console, tokens["staging"], max_age=QUICK) as flags,
        FlagClient(console, tokens["prod"], max_age=QUICK) as misled,
    ):
        assert service.paging() == "cursor"
        # The console's first answer may take longer than a start waits for it.
        assert eventually(lambda: service.get("/health")["flags"]["console"] == "answers")
        told = service.get("/health")["flags"]
        assert told["sources"] == {KEY: "console", "raptor_rate_limits": "console"}
        assert eventually(lambda: flags.age is not None)
        known = flags.explain(KEY)
        assert (known.value, known.console_source, known.risk) == (True, "yaml", "low")

        raw_sql.set_row(KEY, 0)
        began = time.monotonic()
        assert eventually(lambda: service.paging() == "none")
        assert eventually(lambda: not flags.is_on(KEY))
        took = time.monotonic() - began
        assert flags.explain(KEY).console_source == "db"
        assert misled.is_on(KEY) is True
        assert misled.age is None

        revoke(ServiceToken.objects.get(env="staging"), actor=shell_actor())
        # A web process believes in a token for two seconds after it was revoked.
        assert eventually(lambda: flags.is_failing, seconds=10)
        raw_sql.set_row(KEY, 1)
        time.sleep(QUICK)
        assert flags.is_on(KEY) is False
        assert service.paging() == "none"
    errors = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert len(errors) == 2
    assert "another environment" in errors[0]
    assert "create_service_token" in errors[1]
    assert not any(token in caplog.text for token in tokens.values())
    with in_time():
        assert took < 2 * QUICK + SLACK


def test_the_example_service_starts_and_works_without_a_console():
    nowhere = f"http://127.0.0.1:{free_port()}"
    with raptor(nowhere, "token", FLAG_RAPTOR_RATE_LIMITS="on") as service:
        assert service.paging() == "cursor"
        told = service.get("/health")["flags"]
        assert (told["age"], told["console"]) == (None, "failing")
        assert told["sources"] == {KEY: "yaml", "raptor_rate_limits": "env"}
