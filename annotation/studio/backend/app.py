"""The routes that Label Studio asks of a machine-learning backend, behind a name and a password.

It sends tasks with their data, and expects one prediction for each. Where an annotator draws a box with the smart tool,
it sends one task and the box (``params.context``), and shows what comes back instead of the points with the same ids.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Awaitable, Callable, Mapping
from secrets import compare_digest
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from annotation.studio.backend.predictor import Predictor
from annotation.studio.config import require_same_meaning
from hint.box import Box
from hint.errors import InputError
from hint.files.json_file import parse_json

#: The name in requests; the password is what protects.
USER = "hint"
_RECTANGLES = ("rectangle", "rectanglelabels")
#: Bytes of a request; a task with all its points takes some ten thousand.
_LARGEST = 50_000_000

Endpoint = Callable[[Request], Awaitable[Response]]


def make_app(predictor: Predictor, password: str) -> Starlette:
    """Return the application.

    Args:
        predictor: What predicts.
        password: Asked for on every route, with the name :data:`USER`.
    """

    async def health(_request: Request) -> Response:
        return JSONResponse({"status": "UP", "model_class": predictor.version})

    async def setup(request: Request) -> Response:
        content = await _json(request)
        require_same_meaning(str(content.get("schema", "")), str(content.get("project", "")))
        return JSONResponse({"model_version": predictor.version})

    async def versions(_request: Request) -> Response:
        return JSONResponse({"versions": [predictor.version]})

    async def predict(request: Request) -> Response:
        content = await _json(request)
        tasks = content.get("tasks")
        if not isinstance(tasks, list) or not all(isinstance(task, dict) for task in tasks):
            raise InputError("expected tasks")
        params = content.get("params")
        context = params.get("context") if isinstance(params, dict) else None
        found = await run_in_threadpool(predictor.predict, tasks, drawn_box(context) if context else None)
        return JSONResponse({"results": [_prediction(one, predictor.version) for one in found]})

    async def ignored(_request: Request) -> Response:
        """Answer what the server tells about work done, from which nothing is learned here."""
        return JSONResponse({})

    routes = [
        ("/", health, "GET"),
        ("/health", health, "GET"),
        ("/setup", setup, "POST"),
        ("/versions", versions, "GET"),
        ("/predict", predict, "POST"),
        ("/webhook", ignored, "POST"),
        ("/train", ignored, "POST"),
    ]
    return Starlette(
        routes=[Route(path, _guarded(endpoint, password), methods=[method]) for path, endpoint, method in routes]
    )


def _guarded(endpoint: Endpoint, password: str) -> Endpoint:
    """Ask for the password, and turn what cannot be used into an answer of one line."""

    async def answer(request: Request) -> Response:
        if not _is_allowed(request.headers.get("authorization", ""), password):
            return JSONResponse({"error": "wrong password"}, 401, {"WWW-Authenticate": 'Basic realm="hint"'})
        try:
            return await endpoint(request)
        except InputError as error:
            return JSONResponse({"error": str(error)}, 400)

    return answer


def _is_allowed(header: str, password: str) -> bool:
    scheme, _, value = header.partition(" ")
    try:
        given = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return False
    return scheme.lower() == "basic" and compare_digest(given, f"{USER}:{password}".encode())


async def _body(request: Request) -> bytes:
    """Return the content of a request; more than a server ever sends is not kept."""
    content = bytearray()
    async for part in request.stream():
        content += part
        if len(content) > _LARGEST:
            raise InputError(f"more than {_LARGEST} bytes")
    return bytes(content)


async def _json(request: Request) -> dict[str, Any]:
    try:
        content = parse_json(await _body(request))
    except ValueError as error:
        raise InputError("not JSON") from error
    if not isinstance(content, dict):
        raise InputError("expected a JSON object")
    return content


def drawn_box(context: Any) -> Box:
    """Return the last box an annotator drew, percent of the shown picture: x1, y1, x2, y2.

    Raises:
        InputError: If there is none.
    """
    drawn = context.get("result") if isinstance(context, Mapping) else None
    for one in reversed(drawn if isinstance(drawn, list) else []):
        if isinstance(one, Mapping) and one.get("type") in _RECTANGLES:
            return _corners(one.get("value"))
    raise InputError("no box was drawn")


def _corners(value: Any) -> Box:
    try:
        x, y, width, height = (float(value[key]) for key in ("x", "y", "width", "height"))
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise InputError("a box without x, y, width and height") from error
    if not (width > 0 and height > 0 and all(abs(one) <= 1000 for one in (x, y, width, height))):
        raise InputError("a box without area")
    return x, y, x + width, y + height


def _prediction(found: list[dict[str, Any]] | None, version: str) -> dict[str, Any] | list[Any]:
    """Return a prediction, an empty list where there is none: the server then stores nothing."""
    return [] if found is None else {"result": found, "model_version": version}
