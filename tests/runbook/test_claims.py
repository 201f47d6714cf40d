"""What the pages say beside their commands is taken from the pages, and all of it is."""

import re

import pytest

from tests.runbook import claims, document, table, whole
from tests.runbook.claims import Claim


def test_the_claims_belong_to_commands_that_are_run():
    assert set(claims.BESIDE) <= set(table.EXPECTED)
    assert all((page, section) in whole.SECTIONS for page, section, _ in claims.BESIDE)


@pytest.mark.parametrize("page", document.PAGES)
def test_every_outcome_that_a_page_names_is_a_claim(page):
    assert claims.unclaimed(page, document.read(page)) == []


@pytest.mark.parametrize(
    "more", ["It must say `INSERT 1`.", "It exits with 7.", "It answers 418.", 'It says "Hello".']
)
def test_one_that_nobody_took_up_is_found(more):
    text = document.read("heroku").replace("## Keys\n", f"## Keys\n\n{more}\n")
    [found] = claims.unclaimed("heroku", text)
    assert found.startswith("Keys: ")


@pytest.mark.parametrize("claim", claims.ALONE, ids=lambda claim: claim.words.pattern)
def test_a_claim_of_what_no_command_shows(claim):
    claims.prove(claim)


@pytest.mark.parametrize("claim", claims.every(), ids=lambda claim: claim.words.pattern)
def test_a_broken_page_differs_in_that_place_alone(claim):
    text = document.read(claim.page)
    other = claim.broken(text)
    assert claim.said(other) != claim.said(text)
    lines = zip(text.splitlines(), other.splitlines(), strict=True)
    assert sum(one != another for one, another in lines) == 1


def test_a_claim_that_would_hold_whatever_the_page_says_fails():
    claim = Claim("heroku", "A new console", re.compile(r"since (\w+) starts"), lambda said: None)
    with pytest.raises(AssertionError, match="it may as well say eachx"):
        claims.prove(claim)


def test_words_that_are_gone_fail():
    claim = Claim("heroku", "Keys", re.compile("no such (words)"), lambda said: None)
    with pytest.raises(AssertionError, match="stands 0 times"):
        claims.prove(claim)
