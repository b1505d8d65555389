"""Run a backend until Ctrl-C, and connect projects to it."""

from __future__ import annotations

import secrets
import socket
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Thread

import uvicorn

from annotation.studio.backend.app import make_app
from annotation.studio.backend.connection import Connection, close_quietly
from annotation.studio.backend.predictor import Predictor
from annotation.studio.server import interrupted_by_sigterm
from hint.errors import InputError

HOST = "127.0.0.1"
#: Seconds the backend has to start listening, and to finish what it is predicting.
_START, _STOP = 30.0, 10


@dataclass(frozen=True)
class Place:
    """Where a backend listens.

    Attributes:
        host: Address to listen on.
        port: Port to listen on.
        url: Address at which the server of Label Studio reaches it.
    """

    host: str
    port: int
    url: str


def serve_predictor(
    predictor: Predictor,
    place: Place,
    connections: Sequence[Connection],
    on_ready: Callable[[], None],
    on_note: Callable[[str], None],
) -> None:
    """Serve until Ctrl-C or SIGTERM.

    Args:
        predictor: What predicts.
        place: Where to listen.
        connections: Projects to connect; they are disconnected at the end.
        on_ready: Called once all are connected.
        on_note: Called with messages for the user.

    Raises:
        InputError: If the port is in use.
        StudioError: If the server does not reach the backend.
    """
    password = secrets.token_urlsafe(24)
    listener = _listen(place)
    config = uvicorn.Config(
        make_app(predictor, password), log_level="warning", access_log=False, timeout_graceful_shutdown=_STOP
    )
    server = uvicorn.Server(config)
    thread = Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    opened: list[Connection] = []
    try:
        with interrupted_by_sigterm():
            _wait_for(server)
            for connection in connections:
                opened.append(connection)
                connection.open(place.url, password)
            on_ready()
            while thread.is_alive():  # a join without limit would not hear Ctrl-C everywhere
                thread.join(1.0)
    finally:
        close_quietly(opened, on_note)
        server.should_exit = True
        thread.join(_STOP + 1)
        listener.close()


def _listen(place: Place) -> socket.socket:
    listener = socket.socket()
    if sys.platform != "win32":  # there it would share a port that is in use
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((place.host, place.port))
    except OSError as error:
        listener.close()
        raise InputError(
            f"{place.host}:{place.port} cannot be used ({error.strerror}); choose another --port"
        ) from error
    return listener


def _wait_for(server: uvicorn.Server) -> None:
    end = time.monotonic() + _START
    while not server.started and time.monotonic() < end:
        time.sleep(0.05)
