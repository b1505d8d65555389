"""An object store on this machine that speaks as S3 does."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

import fsspec

from hint.files import storage


@contextmanager
def object_store(bucket: str) -> Iterator[str]:
    """Serve a bucket, to this process and those it starts; give its URL."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # a line per request
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    client = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    try:
        with patch.dict(os.environ, client), _new_clients():
            fsspec.filesystem("s3").makedirs(bucket, exist_ok=True)
            yield f"s3://{bucket}"
    finally:
        server.stop()


@contextmanager
def _new_clients() -> Iterator[None]:
    """Forget clients that were made for another store, and afterwards those of this one."""
    _forget_clients()
    try:
        yield
    finally:
        _forget_clients()


def _forget_clients() -> None:
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    storage._system.cache_clear()
