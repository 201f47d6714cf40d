"""Where the console is, and what is shown to it. Plain Python."""

import ipaddress
import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

PATH = "/ofrep/v1/evaluate/flags"
"""The bulk endpoint of OFREP 0.3."""

_TOKEN = re.compile(r"[!-~]{1,512}")


@dataclass(frozen=True, slots=True)
class Address:
    """A console and the token for it, which neither `repr()` nor an error shows."""

    host: str
    port: int
    is_tls: bool
    path: str
    token: str = field(repr=False)

    def __str__(self) -> str:
        return self.origin

    @property
    def origin(self) -> str:
        return f"{'https' if self.is_tls else 'http'}://{self.authority}"

    @property
    def authority(self) -> str:
        """What the header `Host` says."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        is_usual = self.port == (443 if self.is_tls else 80)
        return host if is_usual else f"{host}:{self.port}"


def parse(url: str, token: str, *, plain_http: bool = False) -> Address:
    """The address of the console at `url`, which may have a path before ``/ofrep``.

    Raises ValueError, never with the token in it: for a URL that is no plain http(s) address, for
    http to another machine unless `plain_http`, and for a token that no header can carry.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise ValueError(f"the console's url is no address: {error}") from None
    if "@" in parts.netloc:
        # A password may stand there: nothing of it is repeated.
        raise ValueError("the console's url must not have a name or a password in it")
    if parts.scheme not in ("http", "https") or not _is_host(host) or parts.query or parts.fragment:
        raise ValueError(f"the console's url must be https://HOST[:PORT][/PATH], not {url!r}")
    if parts.scheme == "http" and not (plain_http or _is_loopback(host)):
        raise ValueError(
            f"{url!r} would send the token unencrypted: use https, or plain_http=True on a network "
            "that nobody else can read"
        )
    if not _TOKEN.fullmatch(token):
        raise ValueError("the token must be 1 to 512 visible ASCII characters, without a space")
    path = parts.path.rstrip("/")
    if path.endswith(("/ofrep/v1", PATH)):
        raise ValueError("the console's url is its own address: leave /ofrep/v1 out of it")
    if not all("!" <= char <= "~" for char in path):
        raise ValueError(f"the path of the console's url must be plain ASCII, not {path!r}")
    is_tls = parts.scheme == "https"
    return Address(host, port or (443 if is_tls else 80), is_tls, path + PATH, token)


def _is_host(host: str) -> bool:
    return bool(host) and all("!" <= char <= "~" for char in host)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
