"""Somebody's open transaction on a flag's row stops neither the sealer nor the other promotions
(PostgreSQL: on SQLite a writing transaction holds the whole database)."""

from io import StringIO

import psycopg2
import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from accounts.roles import Role
from audit.models import AuditEntry, AuditLink
from promotions.models import Promotion, State
from tests.conftest import console_actor, make_user
from tests.processes import raw_sql
from tests.processes.server import database_url
from tests.promotions.conftest import hours, marked

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("declared")]
HELD, OTHER = "console_billing", "console_customer_notes"

if connection.vendor == "postgresql":

    def test_tick_goes_on_beside_an_open_transaction_on_stagings_row():
        actor = console_actor(make_user("alice", Role.SUPERADMIN))
        for key in (HELD, OTHER):
            marked(actor, key, timezone.now() - hours(24 + 168))
        raw_sql.set_row("console_order_search_v2", 1)
        holder = psycopg2.connect(database_url())
        try:
            holder.cursor().execute(
                "UPDATE console_feature_flags SET value=0 WHERE flag_key=%s AND env='staging'",
                [HELD],
            )
            call_command("tick", stdout=(said := StringIO()))
        finally:
            holder.rollback()
            holder.close()
        states = dict(Promotion.objects.values_list("flag_key", "state"))
        assert states == {HELD: State.PENDING, OTHER: State.EXPIRED}
        assert "left for the next run" in said.getvalue()
        assert AuditLink.objects.count() == AuditEntry.objects.count()
        call_command("tick", stdout=StringIO())
        assert Promotion.objects.get(flag_key=HELD).state == State.EXPIRED
