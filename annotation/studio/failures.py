"""What goes wrong between hint and Label Studio, each in one line."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from hint.errors import HintError, InputError
from hint.files.json_file import parse_json

_STRANGE = "did not answer like Label Studio 1.23; is the address correct?"


class StudioError(HintError):
    """The server or its content is not as expected."""


class UnreachableError(StudioError):
    """No response, or a temporary failure: worth another try."""


class DroppedError(UnreachableError):
    """The server closed the connection in the middle of a response."""


@contextmanager
def translated_errors(url: str) -> Iterator[None]:
    """Turn errors of HTTP and of the SDK, and answers that are not as expected, into ours.

    Raises:
        UnreachableError: If another try may help.
        InputError: If the token is rejected.
        StudioError: If the server refused, or did not answer like Label Studio.
    """
    import httpx
    from label_studio_sdk.core.api_error import ApiError
    from label_studio_sdk.core.parse_error import ParsingError

    try:
        yield
    except ApiError as error:
        raise failure(url, error.status_code or 0, _as_bytes(error.body)) from error
    except httpx.TimeoutException as error:
        raise UnreachableError(f"{url} did not answer in time; is it busy? --timeout allows more time") from error
    except (httpx.TransportError, httpx.StreamError) as error:
        reason = str(error).rstrip(".") or type(error).__name__
        kind = UnreachableError if isinstance(error, httpx.ConnectError) else DroppedError
        raise kind(f"no answer from {url} ({reason}); is the server running? hint studio serve starts one") from error
    except (ParsingError, LookupError, TypeError, ValueError) as error:
        raise StudioError(f"{url} {_STRANGE}") from error


def failure(url: str, status: int, body: bytes) -> HintError:
    """Return the error that an answer means which is not a success, or no JSON."""
    if status in (401, 403):
        return InputError(f"{url} rejected the token ({status}); copy one from Account & Settings")
    if status >= 500 or status in (408, 409, 429):
        return UnreachableError(f"{url} failed ({status}: {_short(body)}); see the log of the server")
    if is_page(body):
        return StudioError(f"{url} answered with a web page ({status}), not JSON; is this the address of Label Studio?")
    if status < 400:
        return StudioError(f"{url} {_STRANGE}")
    if status == 404:
        return StudioError(f"{url}: a project or task no longer exists ({_short(body)}); was it deleted?")
    return StudioError(f"{url} refused ({status}): {_short(body)}")


def _as_bytes(body: Any) -> bytes:
    """Return the body of an answer that the SDK may have read."""
    return (body if isinstance(body, str) else json.dumps(body, default=str)).encode()


def is_page(body: bytes) -> bool:
    """Tell whether an answer is a web page."""
    return body[:200].lstrip().startswith(b"<")


def _short(body: bytes) -> str:
    """Return the reason in an answer, in one line."""
    if is_page(body):
        return "a web page"
    reason: Any = body.decode(errors="replace")
    with suppress(ValueError):
        reason = parse_json(body)
    if isinstance(reason, Mapping):
        reason = reason.get("validation_errors") or reason.get("detail") or reason
    return " ".join(str(reason).split())[:200]
