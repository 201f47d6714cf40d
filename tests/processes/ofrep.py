"""A service elsewhere: the official OpenFeature provider, and a bare client for the list."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import requests
from openfeature import api
from openfeature.client import OpenFeatureClient
from openfeature.contrib.provider.ofrep import OFREPProvider

from audit.cli import shell_actor
from flags.models import ServiceToken
from flags.ofrep.tokens import create, revoke

ALL = "/ofrep/v1/evaluate/flags"


def new_token(name: str, env: str = "staging") -> str:
    """The secret of a new token."""
    return create(name, env, f"raptor-{env}", actor=shell_actor())[1]


def revoke_token(name: str) -> None:
    assert revoke(ServiceToken.objects.get(name=name, revoked_at=None), actor=shell_actor())


@contextmanager
def provider(base: str, secret: str, *, header: str = "Authorization") -> Iterator[OFREPProvider]:
    """The official provider, its connection closed in the end."""
    value = f"Bearer {secret}" if header == "Authorization" else secret
    found = OFREPProvider(base, headers_factory=lambda: {header: value}, timeout=20.0)
    try:
        yield found
    finally:
        found.session.close()


@contextmanager
def client_of(found: OFREPProvider) -> Iterator[OpenFeatureClient]:
    """An OpenFeature client of that provider."""
    api.set_provider(found, "raptor")
    try:
        yield api.get_client("raptor")
    finally:
        api.clear_providers()


def ask_all(base: str, secret: str, **headers: str) -> requests.Response:
    headers["Authorization"] = f"Bearer {secret}"
    return requests.post(f"{base}{ALL}", json={"context": {}}, headers=headers, timeout=20)


def values_of(answer: requests.Response) -> dict[str, bool]:
    return {each["key"]: each["value"] for each in answer.json()["flags"]}


def seconds_until(status: int, base: str, secret: str, *, within: float) -> float:
    """How long until the list is answered with this status."""
    began = time.monotonic()
    while time.monotonic() - began < within:
        if ask_all(base, secret).status_code == status:
            return time.monotonic() - began
        time.sleep(0.02)
    raise AssertionError(f"not {status} within {within} s")
