"""An operator's session over real HTTP: cookies, CSRF tokens, and no browser."""

import re
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from urllib.parse import urlencode

_TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')
_DRAWN = r'<tr id="flag-{key}"[^>]*>'
_DATA = re.compile(r'data-(\w+)="([^"]*)"')


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    text: str


def drawn_row(page: str, key: str) -> dict[str, str]:
    """The `data-` attributes of a flag's row on a page."""
    found = re.search(_DRAWN.format(key=key), page)
    if found is None:
        raise LookupError(f"{key} is not on the page")
    return dict(_DATA.findall(found[0]))


class Session:
    """Signed in at `base`, a server's URL. `through` are the headers that a router before it sets
    in each request: the browser speaks TLS with it, so that `Secure` cookies come back to it."""

    def __init__(
        self, base: str, name: str, password: str, *, through: Mapping[str, str] | None = None
    ) -> None:
        self.base = base
        self._through = through or {}
        secure = ("https", "http") if through else ("https",)
        self.cookies = CookieJar(DefaultCookiePolicy(secure_protocols=secure))
        self._opener = urllib.request.build_opener(
            urllib.request.HTTPCookieProcessor(self.cookies),
            # A proxy of the developer's has no business on loopback.
            urllib.request.ProxyHandler({}),
        )
        self.token = self.token_on("/console/login")
        signed_in = self.post("/console/login", username=name, password=password)
        if signed_in.status != 200 or "/console/logout" not in signed_in.text:
            raise RuntimeError(f"{name} could not sign in: {signed_in.status}")
        # Signing in rotates it.
        self.token = self.token_on("/console/flags")

    def get(self, path: str, **headers: str) -> Answer:
        return self._send(urllib.request.Request(self.base + path, headers=headers))

    def post(self, path: str, headers: dict[str, str] | None = None, **fields: str) -> Answer:
        form = urlencode({"csrfmiddlewaretoken": self.token, **fields}).encode()
        return self._send(urllib.request.Request(self.base + path, form, headers or {}))

    def row(self, key: str) -> dict[str, str]:
        """A flag's row as /console/flags draws it now."""
        return drawn_row(self.get("/console/flags").text, key)

    def flip(self, key: str, to: str, seen: str) -> Answer:
        """What a click sends: the row's form, by HTMX."""
        return self.post(
            f"/console/flags/{key}/flip",
            {"HX-Request": "true"},
            to=to,
            env="staging",
            seen=seen,
        )

    def token_on(self, path: str) -> str:
        found = _TOKEN.search(self.get(path).text)
        if found is None:
            raise LookupError(f"no CSRF token on {path}")
        return found[1]

    def _send(self, request: urllib.request.Request) -> Answer:
        for name, value in self._through.items():
            request.add_header(name, value)
        try:
            with self._opener.open(request, timeout=30) as response:
                return Answer(response.status, response.read().decode())
        except urllib.error.HTTPError as refused:
            with refused:
                return Answer(refused.code, refused.read().decode())
