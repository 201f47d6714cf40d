"""The keys that sign the chain and its checkpoints: AUDIT_SIGNING_KEY, and those before it."""

import hmac
from collections.abc import Mapping
from functools import cache

from django.conf import settings


def signing_key() -> tuple[str, bytes]:
    """The id and the bytes of the key that signs now."""
    return _with_id(settings.AUDIT_SIGNING_KEY)


def known_keys() -> Mapping[str, bytes]:
    """All keys that may have signed, by their id: the present one, and AUDIT_OLD_SIGNING_KEYS."""
    keys = (settings.AUDIT_SIGNING_KEY, *settings.AUDIT_OLD_SIGNING_KEYS)
    return dict(_with_id(key) for key in keys)


@cache
def _with_id(text: str) -> tuple[str, bytes]:
    key = text.encode()
    return hmac.digest(key, b"key id", "sha256").hex()[:16], key
