"""A Ray cluster of two nodes on this machine, with a core each, that leaves nothing behind."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from typing import Any
from unittest.mock import patch

import psutil

#: A node: one core, little memory for objects.
NODE = {"num_cpus": 1, "object_store_memory": 80 * 2**20}
#: The head finds out within seconds that a node is lost.
_HEAD = {
    "include_dashboard": False,
    "_system_config": {
        "health_check_initial_delay_ms": 0,
        "health_check_period_ms": 1000,
        "health_check_failure_threshold": 10,
    },
}
#: Seconds until all processes must have ended.
_PATIENCE = 20


@contextmanager
def ray_cluster() -> Iterator[Any]:
    """Start a cluster, to which ``RAY_ADDRESS`` leads; afterwards check that its processes and its files are gone."""
    folder = tempfile.mkdtemp(prefix="ray-")  # a short name: it is that of sockets
    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": token_hex(32)}  # nobody else may send it work
    variables = {"RAY_TMPDIR": folder, "RAY_USAGE_STATS_ENABLED": "0", "RAY_BACKEND_LOG_LEVEL": "fatal", **token}
    Path(folder, "ray").mkdir()
    with patch.dict(os.environ, variables):
        from ray.cluster_utils import Cluster

        cluster = Cluster(initialize_head=True, head_node_args=NODE | _HEAD)
        try:
            cluster.add_node(**NODE)
            with patch.dict(os.environ, {"RAY_ADDRESS": cluster.address}):
                yield cluster
        finally:
            started = [p for p in psutil.Process().children(recursive=True) if {"ray", "gcs"} & {p.name()[:3]}]
            cluster.shutdown()
            left = _left(started)
            shutil.rmtree(folder)
    assert not left, f"still running: {left}"


def _left(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Return what runs on for too long, and kill it."""
    left: list[psutil.Process] = psutil.wait_procs(processes, _PATIENCE)[1]
    for process in left:
        process.kill()
    return left
