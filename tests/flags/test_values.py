"""The table behind `flags.is_on()`: a look-up, and what happens where it finds nothing."""

import sys
import threading

import pytest

from flags.values import Values


@pytest.fixture
def asked():
    return []


@pytest.fixture
def values(asked):
    def miss(key: str) -> bool:
        asked.append(key)
        return True

    return Values(miss)


def test_what_it_holds_is_answered_and_the_rest_is_asked_for_and_not_kept(values, asked):
    is_on = values.__getitem__
    values.fill({"a": False})
    assert [is_on("a"), is_on("b"), is_on("b")] == [False, True, True]
    assert asked == ["b", "b"]
    assert values == {"a": False}


def test_a_function_that_was_taken_before_a_change_answers_with_the_change(values):
    is_on = values.__getitem__
    for value in (True, False, True):
        values.fill({"a": value})
        assert is_on("a") is value


def test_it_holds_the_very_keys_that_literals_are(values):
    """What came from a file is equal to them; to compare them costs time."""
    literal = sys.intern("key_of_a_flag")
    read_from_a_file = "_".join(["key", "of", "a", "flag"])
    assert read_from_a_file is not literal
    values.fill({read_from_a_file: True})
    (held,) = values
    assert held is literal


def test_keys_that_are_kept_out_are_asked_for_until_they_are_let_in_again(values, asked):
    values.fill({"a": False, "b": False})
    values.keep_out({"a"})
    values.fill({"a": False, "b": False})
    assert [values["a"], values["b"]] == [True, False]
    values.keep_out(())
    assert values["a"] is True
    values.fill({"a": False})
    assert values["a"] is False
    assert asked == ["a", "a"]


def test_a_reader_never_finds_a_key_gone_while_the_table_is_filled(values, asked):
    keys = [f"flag_{n}" for n in range(200)]
    values.fill(dict.fromkeys(keys, False))
    over = threading.Event()

    def fill() -> None:
        value = False
        while not over.is_set():
            value = not value
            values.fill(dict.fromkeys(keys, value))

    filling = threading.Thread(target=fill)
    filling.start()
    for _ in range(200):
        assert {values[key] for key in keys} <= {True, False}
    over.set()
    filling.join()
    assert asked == []
