"""The page of an outage, drawn without any database: pytest-django fails a test that asks it."""

import re
import uuid
from datetime import UTC, datetime
from html import unescape

import pytest
from django.core import signing
from django.test import RequestFactory

from audit.actor import Channel
from audit.commits import Acts, OutcomeUnknown
from audit.failures import Failure
from audit.models import AuditEntry
from flags import runtime
from flags.layers import Resolution, Source
from flags.store import Snapshot
from flags.testing import inline_store
from raxxconsole import outage, outage_page, outage_pass
from tests.flags.test_contract_database_away import is_503
from tests.pages import FLAGS, HIGH, HTMX, LOW, flip_url, text_of
from tests.raxxconsole.test_csp import Forbidden

AWAY, BUSY, READ_ONLY = Failure.AWAY, Failure.BUSY, Failure.READ_ONLY
FORM = {"to": "off", "env": "prod", "seen": "db::1"}
NOTHING = "No flag, promotion or operator was changed."
HOSTILE = '<script>alert("1")</script>'


@pytest.fixture(autouse=True)
def known():
    """What this process knows, for a test to change; two of the flags."""

    class Known:
        snapshot = Snapshot(
            {
                LOW: Resolution(True, Source.DB, True, None, False),
                "console_customer_notes": Resolution(False, Source.ENV, None, False, True),
            },
            12.5,
            True,
        )

    with inline_store() as store:
        store.snapshot = lambda: Known.snapshot  # type: ignore[method-assign]
        yield Known


def operators_pass(settings, name: str = "bob") -> dict[str, str]:
    return {settings.OUTAGE_COOKIE_NAME: signing.dumps(name, salt=outage_pass._SALT)}


@pytest.fixture
def page(settings):
    """The answer to a GET, or to a POST where there is a form."""

    def page(path=FLAGS, failure=AWAY, *, form=None, acts=None, bearer=True, **options):
        factory = RequestFactory()
        request = factory.get(path, **options) if form is None else factory.post(path, form)
        if form is not None:
            request = factory.post(path, form, **options)
        if bearer:
            request.COOKIES = operators_pass(settings)
        if acts is not None:
            request.acts = acts
        return outage_page.answer(request, failure)

    return page


def values_of(response) -> dict[str, tuple[str, str]]:
    drawn = r'data-flag="(\w+)" data-value="(\w+)" data-source="(\w+)"'
    return {key: (on, by) for key, on, by in re.findall(drawn, response.content.decode())}


def entry(target: str = LOW, change_id: uuid.UUID | None = None) -> AuditEntry:
    payload = {"flag": target, "env": "staging", "from": False, "to": True}
    return AuditEntry(
        pk=7,
        actor="bob",
        channel=Channel.CONSOLE,
        action="console.flag.flip",
        target_type="feature_flag",
        target_id=target,
        payload=payload,
        context={},
        change_id=change_id,
    )


def test_an_operator_sees_the_last_known_values_and_how_old_they_are(page):
    response = page()
    assert response.status_code == 503
    assert values_of(response) == {LOW: ("on", "db"), "console_customer_notes": ("off", "env")}
    assert "As this process last read them, 12 s ago" in text_of(response)


@pytest.mark.parametrize("path", [f"{FLAGS}/{LOW}", f"{FLAGS}?q=x"])
def test_so_on_each_of_the_flags_pages(page, path):
    assert set(values_of(page(path))) == {LOW, "console_customer_notes"}


@pytest.mark.parametrize("path", ["/console/", "/console/audit", "/console/promotions"])
def test_on_other_pages_there_is_the_way_to_them(page, path):
    response = page(path)
    assert values_of(response) == {}
    assert "The last known values of the flags" in text_of(response)


def test_nobody_else_sees_any_flag(page):
    for path in (FLAGS, "/console/"):
        response = page(path, bearer=False)
        assert LOW not in response.content.decode()
        assert "last known values of the flags" not in text_of(response)


# A signature has the time in it: two workers must name a test alike.
@pytest.mark.parametrize(
    "text",
    ["", "bob", "bob:1:x", signing.dumps("bob", salt="another"), signing.dumps("bob")],
    ids=["empty", "no signature", "garbage", "another salt", "no salt"],
)
def test_a_pass_that_we_did_not_give_is_none(page, settings, text):
    response = page(bearer=False, headers={"cookie": f"{settings.OUTAGE_COOKIE_NAME}={text}"})
    assert values_of(response) == {}


def test_a_pass_ends_when_an_unused_session_would(page, settings, time_machine):
    time_machine.move_to("2026-01-05 09:00:00Z", tick=False)
    cookies = operators_pass(settings)
    header = "; ".join(f"{name}={value}" for name, value in cookies.items())
    time_machine.shift(settings.SESSION_IDLE_SECONDS - 1)
    assert values_of(page(bearer=False, headers={"cookie": header}))
    time_machine.shift(2)
    assert not values_of(page(bearer=False, headers={"cookie": header}))


def test_there_is_nothing_to_flip_with_and_nothing_that_the_policy_forbids(page):
    html = page().content.decode()
    for word in ("<form", "<button", "<script", "hx-", "style="):
        assert word not in html
    assert Forbidden(html).found == []


def test_a_process_that_has_read_nothing_says_so(page, known):
    known.snapshot = Snapshot(known.snapshot.values, None, True)
    assert "has not read the database since its start" in text_of(page())
    known.snapshot = Snapshot(known.snapshot.values, None, False)
    assert "The database layer is off" in text_of(page())


def test_while_the_flag_pages_are_closed_they_are_closed_here_too(page, known):
    gate = {"console_flag_mgmt": Resolution(False, Source.DB, False, None, True)}
    known.snapshot = Snapshot({**known.snapshot.values, **gate}, 1.0, True)
    assert values_of(page()) == {}


@pytest.mark.parametrize("env", ["staging", "prod"])
def test_the_environment_of_the_console_is_in_sight(page, settings, env):
    settings.CONSOLE_ENV = env
    html = page(bearer=False).content.decode()
    assert f'<div id="env-banner" data-env="{env}"' in html
    assert f"<title>[{env}]" in html


@pytest.mark.parametrize(
    ("failure", "says", "heals"),
    [
        (AWAY, "does not answer", "once the database answers."),
        (BUSY, "left open", "once nobody holds what it waits for."),
        (READ_ONLY, "is read-only", "once the database takes changes again."),
    ],
)
def test_what_is_wrong_is_said_and_what_works_meanwhile(page, failure, says, heals):
    words = text_of(page(failure=failure))
    assert says in words
    assert f"The console heals by itself {heals}" in words
    assert "is_on() keeps the last known values" in words
    assert "python manage.py flag_status" in words


def test_the_time_is_told_as_that_of_noticing_and_not_as_that_of_the_last_answer(page, monkeypatch):
    noticed = datetime(2026, 1, 5, 0, 16, 47, tzinfo=UTC)
    monkeypatch.setattr(outage._known, "since", noticed)
    words = text_of(page())
    assert "First noticed at 00:16:47 UTC by the web process that drew this page" in words
    assert "the database may have gone before that" in words
    for failure in (BUSY, READ_ONLY):
        assert "noticed" not in text_of(page(failure=failure))


@pytest.mark.parametrize("env", ["staging", "prod"])
@pytest.mark.parametrize("form", [None, {"env": "prod", "next": FLAGS}], ids=["get", "post"])
def test_a_page_that_does_not_know_the_active_environment_names_none_in_its_command(
    page, settings, env, form
):
    settings.CONSOLE_ENV = env
    words = unescape(text_of(page("/console/env" if form else FLAGS, form=form)))
    assert 'python manage.py heroku_commands "<key>" "<on|off>" --env "<env>" prints' in words
    assert "--env prod" not in words
    assert "--env staging" not in words


@pytest.mark.parametrize("headers", [HTMX, {}], ids=["htmx", "plain"])
@pytest.mark.parametrize("failure", [AWAY, READ_ONLY])
def test_a_flip_that_was_not_made_says_so_and_names_the_way_left(page, failure, headers):
    response = page(flip_url(), failure, form=FORM, headers=headers)
    words = text_of(response)
    assert "Not flipped: " in words
    assert NOTHING in words
    assert f"python manage.py heroku_commands {LOW} off --env prod" in words
    if failure is AWAY:
        is_503(response, headers)


@pytest.mark.parametrize("headers", [HTMX, {}], ids=["htmx", "plain"])
@pytest.mark.parametrize(("key", "proof"), [(LOW, ""), (HIGH, ' --as "<name>" --totp')])
def test_behind_a_lock_a_flip_waits_for_it_and_the_runbook_says_who_holds_it(
    page, settings, key, proof, headers
):
    words = unescape(text_of(page(flip_url(key), BUSY, form=FORM, headers=headers)))
    assert "Not flipped: " in words
    assert NOTHING in words
    assert "section 6.2, Busy, of the runbook, docs/ops/runbooks/feature-flags.md" in words
    runbook = (settings.BASE_DIR / "docs/ops/runbooks/feature-flags.md").read_text()
    assert "**Busy**" in runbook.partition("\n### 6.2 ")[2].partition("\n### 6.3 ")[0]
    assert f'python manage.py flag_flip {key} off --env prod --reason "<why>"{proof}' in words
    assert "without the database" not in words
    assert "heroku_commands" not in words


def test_another_act_was_not_done(page):
    assert f"Not done: the console's database does not answer. {NOTHING}" in text_of(
        page("/console/env", form={"env": "prod"})
    )


@pytest.mark.parametrize("failure", [AWAY, BUSY, READ_ONLY])
def test_whoever_could_not_log_out_is_told_that_they_are_still_signed_in(page, failure):
    still = "You are still signed in on this browser"
    words = text_of(page("/console/logout", failure, form={}))
    assert "Not done: " in words
    assert still in words
    assert still not in text_of(page("/console/env", failure, form={"env": "prod"}))
    signed_out = Acts(done=[entry()])
    assert still not in text_of(page("/console/logout", failure, form={}, acts=signed_out))


def test_what_was_typed_is_not_made_a_command_of(page):
    form = {"to": "on; rm -rf", "env": HOSTILE}
    words = text_of(page(f"{FLAGS}/no_such_flag/flip", form=form))
    assert '"<key>" "<on|off>" --env "<env>"' in unescape(words)
    assert "rm -rf" not in words


@pytest.mark.parametrize("headers", [HTMX, {}], ids=["htmx", "plain"])
def test_what_was_done_before_is_told_as_done(page, headers):
    acts = Acts(done=[entry(HOSTILE)])
    response = page(flip_url(), form=FORM, acts=acts, headers=headers)
    words = unescape(text_of(response))
    assert f"Done before that: bob turned {HOSTILE} on in staging from the console." in words
    assert "was changed" not in words
    assert "<script" not in response.content.decode()


@pytest.mark.parametrize("headers", [HTMX, {}], ids=["htmx", "plain"])
def test_what_nobody_knows_is_not_told_as_done_nor_as_not_done(page, headers):
    change_id = uuid.uuid4()
    acts = Acts(done=[entry("earlier")], unknown=[OutcomeUnknown(entry(LOW, change_id))])
    words = text_of(page(flip_url(), form=FORM, acts=acts, headers=headers))
    assert "It is not known whether this was done" in words
    assert f"change_id = '{change_id}'" in words
    assert "bob turned earlier on" in words
    assert "was changed" not in words
    assert "Not flipped" not in words


def test_a_bad_flags_file_does_not_take_the_page_away(page, settings):
    before = runtime.replace_store(None)
    settings.FEATURE_FLAGS_FILE = settings.BASE_DIR / "no-such-file.yaml"
    try:
        assert page().status_code == 503
        assert page(flip_url(), form=FORM).status_code == 503
    finally:
        runtime.replace_store(before)
