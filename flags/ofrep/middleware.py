"""Below /ofrep/ nothing but JSON: programs read it."""

import json
from collections.abc import Callable
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse

PREFIX = "/ofrep/"
_JSON = "application/json"


def speaks_json(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Have what other middleware says below /ofrep/ said in JSON, its status and headers kept: a
    host that is not ours, the way to HTTPS, a failure before the endpoint was reached."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if not request.path_info.startswith(PREFIX):
            return response
        if response.status_code == HTTPStatus.NOT_MODIFIED:
            # CommonMiddleware's 0 would be the length of the 200 that was spared (RFC 9110, 8.6).
            del response["Content-Length"]
        elif response.get("Content-Type") != _JSON:
            words = HTTPStatus(response.status_code).phrase
            response.content = json.dumps({"errorCode": "GENERAL", "errorDetails": words})
            response["Content-Type"] = _JSON
            response["Content-Length"] = str(len(response.content))
        return response

    return middleware
