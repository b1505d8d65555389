"""How web servers are read: none may keep us waiting, or send without end."""

from __future__ import annotations

from typing import Any

from aiohttp import ClientResponse, ClientTimeout

#: Bytes that an answer may have: a picture, a part, a list of files.
LARGEST = 1 << 29

#: Seconds to wait for a connection, for the next bytes, and for all.
_TIMEOUT = ClientTimeout(sock_connect=30, sock_read=60, total=600)


class BoundedResponse(ClientResponse):
    """An answer of a web server that is refused when it is too large."""

    async def read(self) -> bytes:
        """Return all of it.

        Raises:
            ValueError: If it is larger than :data:`LARGEST`.
        """
        if self._body is None:
            body = bytearray()
            async for piece in self.content.iter_any():
                body += piece
                if len(body) > LARGEST:
                    self.close()
                    raise ValueError(f"the server sends more than {LARGEST:,} bytes")
            self._body = bytes(body)
        return self._body


def client_options() -> dict[str, Any]:
    """Return what fsspec passes to its client."""
    return {"client_kwargs": {"timeout": _TIMEOUT, "response_class": BoundedResponse}}
