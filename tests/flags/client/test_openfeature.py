"""The client as a provider of the OpenFeature SDK, through the SDK."""

import asyncio
from collections.abc import Iterator

import pytest
from openfeature import api
from openfeature.client import OpenFeatureClient
from openfeature.event import EventDetails, ProviderEvent
from openfeature.exception import ErrorCode, GeneralError
from openfeature.flag_evaluation import Reason
from openfeature.provider import ProviderStatus

from flags.client.openfeature import FlagClientProvider
from tests.flags.client.fake_console import client_of, console, response
from tests.flags.test_store import eventually


@pytest.fixture
def server():
    with console() as running:
        yield running


@pytest.fixture
def provided(server) -> Iterator[OpenFeatureClient]:
    """The SDK's client on a console that says a=on, b=off and does not know c."""
    server.says(a=True, b=False)
    with client_of(server) as flags:
        api.set_provider_and_wait(FlagClientProvider(flags))
        yield api.get_client()
        api.clear_providers()


def status_turns(client: OpenFeatureClient, status: ProviderStatus) -> bool:
    return eventually(lambda: client.get_provider_status() is status)


def test_a_boolean_comes_with_variant_reason_and_metadata(provided):
    details = provided.get_boolean_details("a", False)
    assert (details.value, details.variant, details.reason) == (True, "on", Reason.STATIC)
    assert details.flag_metadata == {"source": "console", "risk": "high", "console_source": "db"}
    assert details.error_code is None
    details = provided.get_boolean_details("b", True)
    assert (details.value, details.variant, details.reason) == (False, "off", Reason.STATIC)


def test_what_the_console_does_not_know_comes_from_the_yaml(provided):
    details = provided.get_boolean_details("c", True)
    assert (details.value, details.variant, details.reason) == (False, "off", Reason.DEFAULT)
    assert details.flag_metadata == {"source": "yaml", "risk": "low"}


def test_an_undeclared_key_is_not_found_and_gives_the_default(provided):
    for default in (True, False):
        details = provided.get_boolean_details("elsewhere", default)
        assert (details.value, details.reason) == (default, Reason.ERROR)
        assert details.error_code == ErrorCode.FLAG_NOT_FOUND
    assert provided.get_string_details("elsewhere", "x").error_code == ErrorCode.FLAG_NOT_FOUND


@pytest.mark.parametrize(
    ("kind", "default"),
    [("string", "x"), ("integer", 7), ("float", 7.5), ("object", {"x": 1})],
)
def test_other_types_are_a_mismatch_and_give_the_default(provided, kind, default):
    details = getattr(provided, f"get_{kind}_details")("a", default)
    assert (details.value, details.error_code) == (default, ErrorCode.TYPE_MISMATCH)


def test_asynchronous_evaluation_is_the_same(provided):
    assert asyncio.run(provided.get_boolean_value_async("a", False)) is True


def test_no_evaluation_asks_over_http(server, provided):
    before = len(server.requests)
    for _ in range(500):
        provided.get_boolean_value("a", False)
    assert len(server.requests) - before < 20


def test_a_console_that_goes_and_comes_back_is_stale_and_ready_and_changes_are_told(
    server, provided
):
    heard: list[tuple[str, list[str] | None]] = []

    def hear(name: str):
        def handler(details: EventDetails) -> None:
            heard.append((name, details.flags_changed))

        return handler

    provided.add_handler(ProviderEvent.PROVIDER_STALE, hear("stale"))
    provided.add_handler(ProviderEvent.PROVIDER_CONFIGURATION_CHANGED, hear("changed"))
    assert provided.get_provider_status() is ProviderStatus.READY
    server.answer = response(500)
    assert status_turns(provided, ProviderStatus.STALE)
    details = provided.get_boolean_details("a", False)
    assert (details.value, details.reason) == (True, Reason.STALE)
    provided.add_handler(ProviderEvent.PROVIDER_READY, hear("ready"))
    server.says(a=False, b=False)
    assert status_turns(provided, ProviderStatus.READY)
    assert provided.get_boolean_details("a", True).value is False
    assert eventually(lambda: len(heard) == 3)
    # The SDK runs handlers in threads: in any order.
    assert sorted(heard, key=str) == [("changed", ["a"]), ("ready", None), ("stale", None)]


def test_a_console_that_never_answered_is_an_error_and_values_come_all_the_same(
    server, monkeypatch
):
    monkeypatch.setenv("FLAG_A", "on")
    with client_of(server) as flags:
        with pytest.raises(GeneralError):
            api.set_provider_and_wait(FlagClientProvider(flags))
        client = api.get_client()
        assert client.get_provider_status() is ProviderStatus.ERROR
        details = client.get_boolean_details("a", False)
        assert (details.value, details.reason) == (True, Reason.DEFAULT)
        server.says(a=False)
        assert status_turns(client, ProviderStatus.READY)
        assert client.get_boolean_value("a", True) is False
        api.clear_providers()


def test_a_shutdown_closes_the_client(server, provided):
    api.shutdown()
    asked = len(server.requests)
    server.says(a=False)
    assert not eventually(lambda: len(server.requests) > asked + 1, seconds=0.5)
