"""An entry as a sentence, as text and as HTML."""

import pytest
from django.utils.safestring import SafeString

from audit.models import AuditEntry
from audit.sentences import FLIP, KNOWN_ACTIONS, sentence, sentence_html

FLAG, PROD = {"flag": "billing"}, {"flag": "billing", "env": "prod"}


def entry(action=FLIP, payload=None, *, by="alice", channel="console", target="billing", **context):
    return AuditEntry(
        action=action, payload=payload or {}, context=context, actor=by, channel=channel,
        target_type="feature_flag", target_id=target,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("before", "after", "channel", "by", "said"),
    [
        (False, True, "console", "alice", "alice turned billing on in prod from the console"),
        (True, False, "cli", "bob", "bob turned billing off in prod from the command line"),
        (True, True, "console", "alice", "alice pinned billing on in prod from the console"),
        (False, True, "promotion", "alice", "alice turned billing on in prod by promotion"),
        (False, True, "sql", "postgres", "postgres turned billing on in prod by SQL"),
        (None, True, "sql", "postgres", "postgres set billing on in prod by SQL"),
        (None, False, "sql", "postgres", "postgres set billing off in prod by SQL"),
        (True, None, "sql", "postgres", "postgres removed the row of billing in prod by SQL"),
        (None, None, "sql", "postgres", "postgres removed the row of billing in prod by SQL"),
    ],
)
def test_a_flip(before, after, channel, by, said):
    flipped = entry(payload={**PROD, "from": before, "to": after}, by=by, channel=channel)
    assert sentence(flipped) == said


def test_a_flip_without_a_proof_says_so():
    payload = {**PROD, "from": False, "to": True}
    assert sentence(entry(payload=payload, channel="cli", break_glass=True)).endswith(
        "from the command line, by break-glass"
    )


@pytest.mark.parametrize(
    ("action", "payload", "said"),
    [
        ("flag.reconciled", {**PROD, "value": True}, "alice reconciled billing on in prod"),
        (
            "flag.reconciled",
            {**PROD, "value": None},
            "alice reconciled billing in prod: its row was removed",
        ),
        ("flag.mark_promote", {**FLAG, "value": True}, "alice marked billing on for prod"),
        ("flag.promoted", {**FLAG, "value": False}, "alice promoted billing off to prod"),
        (
            "flag.rejected",
            {**FLAG, "value": True, "reason": "too soon"},
            "alice rejected billing on for prod: too soon",
        ),
        (
            "audit.exported",
            {"up_to": 12, "filter": {"env": "prod", "action": FLIP}},
            f"alice exported the audit log up to link 12 (filter: env prod, action {FLIP})",
        ),
        (
            "audit.exported",
            {"up_to": 12, "filter": {}},
            "alice exported the audit log up to link 12 (filter: none)",
        ),
        (
            "audit.adopted",
            {"through": 9, "rows": 8},
            "alice vouched for 8 entries without links, up to #9",
        ),
        (
            "operator.role_changed",
            {"from": ["ops"], "to": []},
            "alice changed the role of billing from ops to none",
        ),
        ("no.such_act", {}, "alice: console.no.such_act billing"),
    ],
)
def test_other_acts(action, payload, said):
    assert sentence(entry(f"console.{action}", payload)) == said


@pytest.mark.parametrize("action", KNOWN_ACTIONS)
@pytest.mark.parametrize("payload", [{}, {"flag": None, "to": 1, "from": {}, "value": []}])
def test_an_entry_of_another_release_is_told_as_far_as_it_can_be(action, payload):
    """And the HTML says what the text says."""
    told = entry(action, payload)
    html = sentence_html(told)
    for tag in ("strong", "bdi"):
        html = html.replace(f"<{tag}>", "").replace(f"</{tag}>", "")
    assert html == sentence(told)


def test_value_and_environment_are_emphasised():
    html = sentence_html(entry(payload={**PROD, "from": False, "to": True}))
    assert html == (
        "<bdi>alice</bdi> turned <bdi>billing</bdi> <strong>on</strong> in <strong>prod</strong>"
        " from the console"
    )
    assert isinstance(html, SafeString)


@pytest.mark.parametrize("place", ["by", "channel", "target", "flag", "env", "to", "reason"])
def test_every_value_is_escaped(place):
    hostile = "<b onclick='x'>{actor}&amp;"
    outside = {place: hostile} if place in ("by", "channel", "target") else {}
    payload = {**PROD, "from": False, "to": True, "value": True, "reason": "x"}
    payload = {name: hostile if name == place else value for name, value in payload.items()}
    for action in (*KNOWN_ACTIONS, "console.unknown", hostile):
        html = sentence_html(entry(action, payload, **outside))
        assert "<b " not in html
        assert "&amp;amp;" in html or hostile not in sentence(entry(action, payload, **outside))
