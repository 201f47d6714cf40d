"""A log damaged by somebody who owns the database: triggers off, and without the key."""

from contextlib import contextmanager

from django.db import connection

from audit import triggers
from audit.canonical import FIELDS
from audit.damage import Kind
from audit.keys import signing_key
from audit.models import AuditEntry, AuditLink
from audit.verification import Verification
from tests.audit.test_record import write

ROWS = 9


def sealed_rows(count: int = ROWS) -> list[int]:
    """Write this many rows through `record()`; their ids, in the chain's order."""
    return [write(payload={"thing": number}).pk for number in range(count)]


@contextmanager
def triggers_off():
    triggers.uninstall(connection)
    try:
        yield
    finally:
        # PostgreSQL changes no table that has checks waiting.
        connection.check_constraints()
        triggers.install(connection)


def sql(statement: str, *params) -> None:
    with triggers_off(), connection.cursor() as cursor:
        cursor.execute(statement, params)


def links() -> list[dict]:
    return list(AuditLink.objects.order_by("seq").values())


def rewrite_chain(changed: list[dict]) -> None:
    """Put other links in place of all that there are."""
    with triggers_off(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM console_audit_chain")
        for link in changed:
            names = ", ".join(link)
            marks = ", ".join(["%s"] * len(link))
            cursor.execute(
                f"INSERT INTO console_audit_chain ({names}) VALUES ({marks})", [*link.values()]
            )


def renumbered(kept: list[dict]) -> list[dict]:
    return [{**link, "seq": number} for number, link in enumerate(kept, 1)]


def forge_row(**fields) -> int:
    """An audit row that the console did not write; nothing but an INSERT, triggers in place."""
    row = AuditEntry(
        actor="alice",
        channel="console",
        action="console.flag.flip",
        target_type="feature_flag",
        target_id="console_billing",
        payload={"flag": "console_billing", "env": "prod", "from": True, "to": False},
        context={},
    )
    for name, value in fields.items():
        setattr(row, name, value)
    row.append()
    return row.pk


def found(**options) -> dict[str, list]:
    """The places of each kind of damage that a verification finds."""
    run = Verification(**options)
    for _ in run.run():
        pass
    return {kind.value: found.places for kind, found in run.report.found.items()}


def first(kind: Kind, **options) -> tuple[int | None, int | None]:
    """Link number and audit id of the first place, where this is the one kind that is found."""
    places = found(**options)
    assert list(places) == [kind.value], places
    place = places[kind.value][0]
    return place.seq, place.audit_id


def hash_without_key(prev_hash: str, audit_id: int) -> str:
    """What somebody who knows all but the key can make: the right formula under another key."""
    from audit.canonical import canonical, row_hash

    with connection.cursor() as cursor:
        names = ", ".join(FIELDS)
        cursor.execute(f"SELECT {names} FROM console_audit_log WHERE id = %s", [audit_id])
        return row_hash(b"a guess", prev_hash, canonical(cursor.fetchone()))


def key_id() -> str:
    return signing_key()[0]
