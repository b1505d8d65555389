"""HTTP requests to one server in the name of one user."""

from __future__ import annotations

import time
from collections.abc import Generator

import httpx

#: Seconds for which an access token is used; the server accepts it for 300.
_FRESH = 240.0


class TokenAuth(httpx.Auth):
    """Signs requests with a token of either kind: a legacy token as it is, a personal one through access tokens."""

    requires_response_body = True

    def __init__(self, url: str, token: str) -> None:
        self.url = url
        self.token = token
        self.access = ""
        self.until = 0.0

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Sign a request; without an access token, the server's refusal to give one is the answer to the request."""
        if self.token.count(".") != 2:  # no JSON Web Token
            request.headers["Authorization"] = f"Token {self.token}"
            yield request
            return
        if time.monotonic() > self.until:
            answer = yield httpx.Request("POST", f"{self.url}/api/token/refresh/", json={"refresh": self.token})
            if not answer.is_success:
                return
            self.access, self.until = str(answer.json()["access"]), time.monotonic() + _FRESH
        request.headers["Authorization"] = f"Bearer {self.access}"
        yield request


def open_session(url: str, token: str, timeout: float, *, proxies: bool) -> httpx.Client:
    """Return a client whose requests are signed.

    Args:
        url: The server.
        token: Token of a user, of either kind.
        timeout: Seconds a response may take.
        proxies: Whether those of the environment are used.
    """
    auth = TokenAuth(url, token)
    return httpx.Client(base_url=url, auth=auth, timeout=timeout, follow_redirects=True, trust_env=proxies)
