"""After a refused step every way on leads to a page: the step's own address takes no GET."""

import re

import pytest
from django.utils import timezone

from promotions.models import Promotion
from tests.codes import elevated_client
from tests.conftest import client_of, console_actor
from tests.pages import HTMX
from tests.promotions.conftest import HIGH, LOW, hours, marked


@pytest.fixture
def due(superadmin) -> Promotion:
    """Of high risk, and its soak is over."""
    actor = console_actor(superadmin, elevated=True)
    return marked(actor, HIGH, timezone.now() - hours(80))


def test_without_a_proof_the_way_to_a_code_comes_back_to_the_page(superadmin, due):
    page = f"/console/promotions/{due.pk}"
    refused = client_of(superadmin).post(f"{page}/reject", {"reason": " "})
    assert refused.status_code == 400
    html = refused.content.decode()
    assert re.findall(r"/console/elevate[?]next=([^\"]*)", html) == [f"{page}%23promote"]


def test_who_drops_the_elevation_there_comes_back_to_what_was_typed(superadmin, due):
    page = f"/console/promotions/{due.pk}"
    client = elevated_client(superadmin)
    refused = client.post(f"{page}/promote", {"confirm": "promote it"})
    assert refused.status_code == 409
    assert f'name="next" value="{page}"' in refused.content.decode()
    assert 'value="promote it"' in client.get(page).content.decode()


def test_who_drops_it_after_a_refusal_in_a_row_stays_on_that_page(superadmin, alice):
    marked(alice, LOW, timezone.now())
    client = elevated_client(superadmin)
    form = {"env": "staging", "next": "/console/flags?q=billing"}
    refused = client.post(f"/console/flags/{LOW}/mark-promote", form, headers=HTMX)
    assert refused.status_code == 409
    assert 'name="next" value="/console/flags?q=billing"' in refused.content.decode()
