"""Which consoles a client talks to, and that its token is never shown."""

import pytest

from flags.client import FlagClient
from flags.client.address import PATH, parse
from tests.flags.client.fake_console import DECLARED, TOKEN


@pytest.mark.parametrize(
    ("url", "origin", "path"),
    [
        ("https://console.example.com", "https://console.example.com", ""),
        ("https://console.example.com/", "https://console.example.com", ""),
        ("https://console.example.com:443", "https://console.example.com", ""),
        ("https://console.example.com:8443/a/b/", "https://console.example.com:8443", "/a/b"),
        ("http://localhost:8000", "http://localhost:8000", ""),
        ("http://127.0.0.2", "http://127.0.0.2", ""),
        ("http://[::1]:8000", "http://[::1]:8000", ""),
    ],
)
def test_the_bulk_endpoint_of_the_console_at_a_url(url, origin, path):
    address = parse(url, TOKEN)
    assert (address.origin, address.path) == (origin, path + "/ofrep/v1/evaluate/flags")


@pytest.mark.parametrize(
    "url",
    [
        *("", "console.example.com", "ftp://console.example.com", "https://", "https:///path"),
        *("https://console.example.com:port", "https://console.example.com:70000"),
        *("https://console.example.com?x=1", "https://console.example.com#x", "https://[::1"),
        *("https://bob:secret@console.example.com", "https://cönsole.example.com"),
        *("https://console.example.com/a b", "https://console.example.com/ä"),
        *("https://console.example.com/ofrep/v1", f"https://console.example.com{PATH}/"),
    ],
)
def test_a_url_that_is_no_consoles_is_refused_at_once(url):
    with pytest.raises(ValueError) as refused:
        FlagClient(url, TOKEN, DECLARED)
    assert TOKEN not in str(refused.value)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("host", ["console.example.com", "10.0.0.7", "128.0.0.1", "localhost.evil"])
def test_the_token_goes_over_plain_http_to_this_machine_alone_unless_told(host):
    with pytest.raises(ValueError, match="unencrypted"):
        FlagClient(f"http://{host}", TOKEN, DECLARED)
    assert parse(f"http://{host}", TOKEN, plain_http=True).origin == f"http://{host}"


@pytest.mark.parametrize("token", ["", " ", "top secret", "top\r\nsecret", "secret\n", "sécret"])
def test_a_token_that_no_header_carries_is_refused_without_being_repeated(token):
    with pytest.raises(ValueError, match="token must be") as refused:
        FlagClient("https://console.example.com", token, DECLARED)
    assert "cret" not in str(refused.value)


def test_nothing_that_is_printed_has_the_token():
    client = FlagClient("https://console.example.com", TOKEN, DECLARED)
    shown = [repr(client), repr(client._address), str(client._address), repr(client._store.source)]
    assert "<FlagClient of https://console.example.com>" in shown
    assert not any(TOKEN in text for text in shown)


@pytest.mark.parametrize("max_age", [0, -1, 30.1, float("inf"), float("nan")])
def test_nobody_may_ask_for_values_older_than_30_seconds(max_age):
    with pytest.raises(ValueError, match="30 seconds"):
        FlagClient("https://console.example.com", TOKEN, DECLARED, max_age=max_age)
