"""What the endpoints answer of the flags, and at what cost."""

import json
import threading

import pytest

from flags import runtime
from flags.ofrep import answers
from tests.flags.ofrep.asking import EMPTY, Rows, ask, new_token, reading
from tests.pages import HIGH, LOW

pytestmark = pytest.mark.django_db


def test_one_flag_is_answered_with_value_variant_and_where_it_comes_from(secret, monkeypatch):
    assert ask(secret, LOW).json() == {
        "key": LOW,
        "value": True,
        "reason": "STATIC",
        "variant": "on",
        "metadata": {"source": "db", "risk": "low"},
    }
    assert ask(secret, HIGH).json() == {
        "key": HIGH,
        "value": False,
        "reason": "STATIC",
        "variant": "off",
        "metadata": {"source": "yaml", "risk": "high"},
    }


def test_all_flags_are_answered_in_one_list_each_as_alone(secret):
    flags = ask(secret).json()["flags"]
    assert [each["key"] for each in flags] == sorted(runtime.declared())
    assert flags == [ask(secret, each["key"]).json() for each in flags]


@pytest.mark.parametrize("body", ["", "{}", EMPTY, '{"context": {"targetingKey": "u", "x": [1]}}'])
def test_a_context_is_taken_and_changes_nothing(secret, body):
    assert ask(secret, LOW, body).json()["value"] is True


def test_an_api_key_is_as_good_as_a_bearer(secret):
    assert ask(None, LOW, **{"X-API-Key": secret}).status_code == 200
    assert ask(None, LOW, Authorization=f"bearer  {secret}").status_code == 200
    basic = {"Authorization": "Basic eDp5", "X-API-Key": secret}
    assert ask(None, LOW, **basic).status_code == 200


def test_an_unchanged_list_is_304_by_every_way_to_name_its_etag(secret):
    etag = ask(secret)["ETag"]
    assert etag.startswith('"') and etag == ask(secret)["ETag"]
    for told in (etag, f"W/{etag}", f'"x", {etag}', f'"x",W/{etag} , "y"', "*"):
        answer = ask(secret, **{"If-None-Match": told})
        assert (answer.status_code, answer["ETag"]) == (304, etag)
        assert "Content-Length" not in answer
        assert "Content-Type" not in answer
    for told in ('"x"', etag.strip('"'), 'W/"x", "y"', ""):
        assert ask(secret, **{"If-None-Match": told}).status_code == 200


def test_a_flip_changes_the_list_and_its_etag(console, secret, rows):
    before = ask(secret)
    rows.rows = {LOW: False}
    console.invalidate()
    after = ask(secret, **{"If-None-Match": before["ETag"]})
    assert after.status_code == 200 and after["ETag"] != before["ETag"]
    assert ask(secret, LOW).json()["value"] is False
    rows.rows = {LOW: True}
    console.invalidate()
    assert ask(secret)["ETag"] == before["ETag"], "the same flags have the same ETag anywhere"


def test_no_answer_asks_the_database_or_writes_the_list_anew(
    secret, monkeypatch, django_assert_num_queries
):
    ask(secret)
    monkeypatch.setattr("flags.ofrep.live.FRESH_SECONDS", 60)
    monkeypatch.setattr(answers, "_write", None)
    with django_assert_num_queries(0):
        for _ in range(20):
            assert ask(secret).status_code == ask(secret, LOW).status_code == 200
            assert ask(secret, "no_such_flag").status_code == 404


def test_the_age_of_the_rows_is_told_and_grows_while_the_database_is_away(
    console, secret, rows, monkeypatch
):
    assert int(ask(secret)["X-Flags-Age"]) < 60
    rows.error = OSError("away")
    console.invalidate(timeout=0.2)
    monkeypatch.setattr(console._table, "read_at", console._table.read_at - 90)
    answer = ask(secret, LOW)
    assert answer.json()["value"] is True, "the last known value"
    assert int(answer["X-Flags-Age"]) >= 90


def test_before_the_rows_were_ever_read_it_is_503_and_no_value(db):
    away = Rows({})
    away.error = OSError("away")
    with reading(away) as store:
        secret = new_token()
        for key in (None, LOW):
            answer = ask(secret, key)
            assert (answer.status_code, answer["Retry-After"]) == (503, "2")
            assert answer.json().get("key") == key
            assert "The flags were not read from the database" in answer.json()["errorDetails"]
        away.error = None
        store.invalidate()
        assert ask(secret, LOW).json()["metadata"]["source"] == "yaml"


def test_a_fresh_process_waits_for_its_first_load(db):
    class Slow(Rows):
        def load(self):
            began.set()
            assert go_on.wait(10)
            return super().load()

    began, go_on, said = threading.Event(), threading.Event(), []
    with reading(Slow({LOW: True})):
        asking = threading.Thread(target=lambda: said.append(answers.answers()))
        asking.start()
        assert began.wait(10)
        assert not said
        go_on.set()
        asking.join(10)
    [found] = said
    assert json.loads(found.written.one[LOW])["metadata"]["source"] == "db"


def test_without_a_database_layer_config_vars_and_yaml_answer(db, monkeypatch):
    with reading(None):
        secret = new_token()
        answer = ask(secret, LOW)
        monkeypatch.setattr(answers, "_write", None)
        assert ask(secret, LOW).json() == answer.json(), "written once, too"
    assert answer.json()["metadata"]["source"] == "yaml"
    assert "X-Flags-Age" not in answer
