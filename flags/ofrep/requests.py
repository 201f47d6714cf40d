"""Who asks, and whether what they sent is understood: each refusal as the protocol has it."""

import json
import logging
from enum import Enum, auto
from typing import Any, NoReturn

from django.conf import settings
from django.http import HttpRequest, UnreadablePostError
from django.views.decorators.debug import sensitive_variables

from accounts.http import client_address
from flags.ofrep import process
from flags.ofrep.limits import REFUSALS_PER_MINUTE
from flags.ofrep.live import Live, TokensUnknown
from flags.ofrep.tokens import digest

logger = logging.getLogger("flags.ofrep")

MAX_BODY_BYTES = 65_536
UNKNOWN_RETRY_SECONDS = 2
"""When to ask again while tokens or flags are not known."""


class Code(Enum):
    """OpenFeature's error codes, by their names, as far as this protocol has a use for them."""

    PARSE_ERROR = auto()
    INVALID_CONTEXT = auto()
    FLAG_NOT_FOUND = auto()
    GENERAL = auto()


class Refused(Exception):
    """A request that is not answered with a flag: its status, code and words, and headers."""

    def __init__(self, status: int, code: Code, details: str, **headers: str) -> None:
        super().__init__(details)
        self.status, self.code, self.details = status, code, details
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


def check_method(request: HttpRequest) -> None:
    """Raises Refused (405)."""
    if request.method != "POST":
        raise Refused(405, Code.GENERAL, "This address takes POST only.", Allow="POST")


@sensitive_variables("secret")
def authenticate(request: HttpRequest) -> Live:
    """The token that came with the request, as `Authorization: Bearer` or `X-API-Key`.

    Raises Refused: 401 for none, an unknown or a revoked one; 429; 403 for another environment's;
    503 while tokens cannot be known.
    """
    secret = _secret(request)
    try:
        token = process.live_tokens.find(digest(secret)) if secret else None
    except TokensUnknown as error:
        raise unknown(str(error)) from error
    if token is None:
        _refuse(request, is_missing=not secret)
    wait = process.uses.wait(token.pk, settings.OFREP_REQUESTS_PER_MINUTE)
    if wait:
        _log_refusal(token, 429, "it asks too often")
        raise _too_many("This token asks too often", wait)
    if token.env != settings.CONSOLE_ENV:
        _log_refusal(token, 403, f"this console answers for {settings.CONSOLE_ENV}")
        raise Refused(
            403,
            Code.GENERAL,
            f"The token is one of {token.env}; this console answers for {settings.CONSOLE_ENV}.",
        )
    process.live_tokens.note_use(token)
    return token


def check_body(request: HttpRequest) -> None:
    """Raises Refused: 413; 400 PARSE_ERROR, or INVALID_CONTEXT. No body at all is no context."""
    length = request.META.get("CONTENT_LENGTH") or "0"
    if length.isdecimal() and int(length) > MAX_BODY_BYTES:
        raise Refused(413, Code.GENERAL, f"The body is longer than {MAX_BODY_BYTES} bytes.")
    try:
        body = request.body
    except UnreadablePostError as error:
        raise Refused(400, Code.PARSE_ERROR, "The body broke off.") from error
    if body:
        _check_context(_parsed(body))


def unknown(why: str) -> Refused:
    """503: tokens or flags cannot be known here, `why` is a sentence, and the client is to keep
    what it knows."""
    return Refused(
        503,
        Code.GENERAL,
        f"{why} Go on with the values that you know.",
        Retry_After=str(UNKNOWN_RETRY_SECONDS),
    )


def _secret(request: HttpRequest) -> str:
    scheme, _, secret = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    if scheme.lower() == "bearer":
        return str(secret.strip())
    return str(request.META.get("HTTP_X_API_KEY", "").strip())


def _refuse(request: HttpRequest, *, is_missing: bool) -> NoReturn:
    wait = process.refusals.wait(client_address(request), REFUSALS_PER_MINUTE)
    if wait:
        raise _too_many("This address was refused too often", wait)
    details = "The token is not known, or it is revoked."
    if is_missing:
        details = "Send a service token, as Authorization: Bearer or as X-API-Key."
    raise Refused(401, Code.GENERAL, details, WWW_Authenticate='Bearer realm="Raxx console"')


def _log_refusal(token: Live, status: int, why: str) -> None:
    """Tell operators whose token it was: once a minute for each token and status."""
    if process.refusals_logged.wait((token.pk, status), 1):
        return
    logger.warning(
        "refused with %d: service token %s of %s for %s (ends in %s): %s",
        status,
        token.name,
        token.env,
        token.app,
        token.hint,
        why,
    )


def _too_many(why: str, wait: int) -> Refused:
    return Refused(429, Code.GENERAL, f"{why}: try again in {wait} s.", Retry_After=str(wait))


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        # JSON or not, Python's reader refuses integers of thousands of digits (ValueError), and
        # brackets within brackets by the thousand (RecursionError).
        raise Refused(400, Code.PARSE_ERROR, "The body cannot be read as JSON.") from error


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _check_context(said: Any) -> None:
    if not isinstance(said, dict):
        raise Refused(400, Code.PARSE_ERROR, "The body is not a JSON object.")
    context = said.get("context", {})
    if not isinstance(context, dict):
        raise Refused(400, Code.INVALID_CONTEXT, "The context is not a JSON object.")
    if not isinstance(context.get("targetingKey", ""), str):
        raise Refused(400, Code.INVALID_CONTEXT, "The context's targetingKey is not a string.")
