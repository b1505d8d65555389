"""Where a server is, and as whom to speak to it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from hint.errors import InputError


@dataclass(frozen=True)
class Address:
    """URL and token of a server.

    Attributes:
        url: Such as "http://127.0.0.1:8089", without a trailing slash.
        token: Token of a user, of either kind the server issues.
    """

    url: str
    token: str

    def __post_init__(self) -> None:
        if not _is_address(self.url):
            raise InputError(f"{_without_password(self.url)!r} is not a server address; use http://host:port")
        if not (self.token.isascii() and self.token.isprintable()):
            raise InputError("the token holds characters that no token has; copy it from Account & Settings again")

    @property
    def is_loopback(self) -> bool:
        """Whether the server is on this machine."""
        host = urlsplit(self.url).hostname or ""
        try:
            return ip_address(host).is_loopback
        except ValueError:
            return host == "localhost"


def _is_address(url: str) -> bool:
    """Tell whether a text is scheme, host, port and path; names and passwords would be shown in messages."""
    try:
        parts = urlsplit(url)
        known = parts.scheme in ("http", "https") and parts.port != 0  # ValueError if it is no port
    except ValueError:
        return False
    return known and bool(parts.hostname) and not (parts.username or parts.query or parts.fragment)


def _without_password(url: str) -> str:
    return re.sub(r"//[^/]*@", "//...@", url)
