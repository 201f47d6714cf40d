"""The two endpoints of OFREP 0.3. They know neither session nor operator, and ask no database."""

import functools
import json
import logging
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from flags.client.source import AGE
from flags.declarations import DeclarationsError
from flags.ofrep.answers import Answers, FlagsUnknown, answers, is_known_as
from flags.ofrep.requests import Code, Refused, authenticate, check_body, check_method, unknown

logger = logging.getLogger(__name__)
JSON = "application/json"


def _endpoint(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Answers in JSON whatever happens. No form leads here, so no CSRF token is asked for."""

    @csrf_exempt
    @functools.wraps(view)
    def inner(request: HttpRequest, **named: str) -> HttpResponse:
        key = named.get("key")
        try:
            check_method(request)
            authenticate(request)
            check_body(request)
            return view(_answers(), request, **named)
        except Refused as refused:
            return refusal(refused, key)
        except Exception:  # JSON for this one, too
            logger.exception("%s failed", request.path)
            return refusal(Refused(500, Code.GENERAL, "The console failed while it answered."), key)

    return inner


@_endpoint
def evaluate(found: Answers, request: HttpRequest, key: str) -> HttpResponse:
    """POST /ofrep/v1/evaluate/flags/<key>: one flag of this deployment's environment."""
    body = found.written.one.get(key)
    if body is None:
        raise Refused(404, Code.FLAG_NOT_FOUND, "No such flag is declared here.")
    return HttpResponse(body, content_type=JSON, headers=_headers(found))


@_endpoint
def evaluate_all(found: Answers, request: HttpRequest) -> HttpResponse:
    """POST /ofrep/v1/evaluate/flags: all flags of this deployment's environment, with an ETag."""
    headers = {"ETag": found.written.etag, **_headers(found)}
    if is_known_as(request.META.get("HTTP_IF_NONE_MATCH", ""), found.written.etag):
        response = HttpResponse(status=304, headers=headers)
        del response["Content-Type"]
        return response
    return HttpResponse(found.written.bulk, content_type=JSON, headers=headers)


@csrf_exempt
def nowhere(request: HttpRequest) -> HttpResponse:
    """404 for any other address below /ofrep/."""
    return refusal(Refused(404, Code.GENERAL, "There is nothing at this address."))


def refusal(refused: Refused, key: str | None = None) -> HttpResponse:
    """The answer to a refused request; where it asked for one flag, with its key."""
    said = {"errorCode": refused.code.name, "errorDetails": refused.details}
    if key is not None:
        said = {"key": key, **said}
    headers = {"Cache-Control": "no-store", **refused.headers}
    return HttpResponse(json.dumps(said), JSON, status=refused.status, headers=headers)


def _answers() -> Answers:
    try:
        return answers()
    except FlagsUnknown as error:
        raise unknown(str(error)) from error
    except DeclarationsError as error:
        logger.error("the flags file is no good: %s", error)
        raise Refused(500, Code.GENERAL, "The console's flags file cannot be read.") from error


def _headers(found: Answers) -> dict[str, str]:
    headers = {"Cache-Control": "private, no-cache"}
    if found.age is not None:
        headers[AGE] = str(int(found.age))
    return headers
