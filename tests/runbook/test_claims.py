"""What the pages say beside their commands is taken from the pages, and all of it is."""

import re

import pytest
from django.utils import timezone

from audit.actor import Channel
from flags.heroku.checklist import checklist
from flags.heroku.deprecation import Stage
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


@pytest.mark.parametrize(
    ("section", "known"), [("4", Channel), ("8", Stage)], ids=["channels", "states"]
)
def test_a_table_of_words_that_are_shown_has_all_of_them(section, known):
    text = document.prose(document.read("feature-flags"))[section]
    assert sorted(re.findall(r"(?m)^\| `([^`]+)` \|", text)) == sorted(each.value for each in known)


@pytest.mark.django_db
def test_the_sign_off_has_the_items_of_the_page():
    """Each word of an item that stands in backticks, in its order."""
    text = document.prose(document.read("feature-flags"))["9"]
    items = [line.partition(". ")[2] for line in text.splitlines() if line[:1].isdigit()]
    titles = [item.title for item in checklist(timezone.now())]
    assert len(items) == len(titles)
    for item, title in zip(items, titles, strict=True):
        assert all(word in title for word in re.findall(r"`([^`]+)`", item)), title


def test_words_that_are_gone_fail():
    claim = Claim("heroku", "Keys", re.compile("no such (words)"), lambda said: None)
    with pytest.raises(AssertionError, match="stands 0 times"):
        claims.prove(claim)
