"""The console's addresses, and a view beside them that returns a constant: what Django costs.

It stands below /ofrep/, so it goes through the same middleware and has the same short cuts.
"""

from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from raxxconsole.urls import urlpatterns as console


@csrf_exempt
def constant(request: HttpRequest) -> HttpResponse:
    return HttpResponse(b'{"constant":true}', content_type="application/json")


urlpatterns = [path("ofrep/constant", constant), *console]
