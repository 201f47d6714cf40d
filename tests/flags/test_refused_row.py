"""What comes along with a refused flip for HTMX: the header as it is now, for the page behind."""

from accounts.models import OperatorSession
from tests.codes import elevated_client
from tests.pages import HIGH, HTMX, LOW, flip_form, flip_url


def test_a_refused_row_brings_the_header_of_this_moment(superadmin):
    client = elevated_client(superadmin)
    OperatorSession.objects.update(elevated_at=None)
    answer = client.post(flip_url(HIGH), flip_form(HIGH), headers=HTMX).content.decode()
    assert answer.startswith(f'<tr id="flag-{HIGH}"')
    header = answer.partition("<template>")[2].partition("</template>")[0]
    assert '<div id="elevation" hx-swap-oob="true">' in header
    assert "data-elevated-seconds" not in header


def test_a_flip_that_is_done_brings_its_row_alone(superadmin):
    client = elevated_client(superadmin)
    answer = client.post(flip_url(LOW), flip_form(), headers=HTMX).content.decode()
    assert "<template>" not in answer


def test_an_offer_that_is_out_of_date_brings_the_row_of_this_moment(superadmin):
    client = elevated_client(superadmin)
    form = flip_form(HIGH)
    client.post(flip_url(HIGH), form)
    offer = client.get(f"/console/flags/{HIGH}/offer", form, headers=HTMX).content.decode()
    row = offer.partition("<template>")[2].partition("</template>")[0]
    assert f'<tr id="flag-{HIGH}" hx-swap-oob="true"' in row
    assert 'data-value="on"' in row


def test_an_offer_that_stands_leaves_the_row_as_it_is(superadmin):
    client = elevated_client(superadmin)
    offer = client.get(f"/console/flags/{HIGH}/offer", flip_form(HIGH), headers=HTMX)
    assert b"<template>" not in offer.content
