"""Several processes that train together, on one machine."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from dataclasses import replace

from hint.errors import HintError, InputError
from hint.training.request import Request


def launch(request: Request) -> int:
    """Train with ``request.processes`` processes, and wait for them.

    Returns:
        The exit code of the one that failed first, 0 where none did.

    Raises:
        InputError: If they cannot share the batch evenly.
    """
    if request.preset.batch_size % request.processes:
        raise InputError(
            f"{request.processes} processes cannot share a batch of {request.preset.batch_size}; take a divisor"
        )
    common = os.environ | {
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(_free_port()),
        "WORLD_SIZE": str(request.processes),
    }
    if request.device == "cpu":
        common |= {"ACCELERATE_USE_CPU": "true"}
    command = [sys.executable, "-m", "hint.training.worker", replace(request, processes=1).as_json()]
    # Ctrl-C reaches every process of the terminal; the workers finish their step, and this one waits for them.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        workers = [
            subprocess.Popen(command, env=common | {"RANK": str(k), "LOCAL_RANK": str(k)})
            for k in range(request.processes)
        ]
        return _wait(workers)
    finally:
        signal.signal(signal.SIGINT, before)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _wait(workers: list[subprocess.Popen[bytes]]) -> int:
    """Wait for all; once one has failed, the others would wait for it forever."""
    running, failed = list(workers), 0
    while running:
        for worker in list(running):
            try:
                code = worker.wait(timeout=0.2)
            except subprocess.TimeoutExpired:
                continue
            running.remove(worker)
            if code and not failed:
                failed = code if code > 0 else HintError.exit_code
                _give_time(running)
                for other in running:
                    other.kill()
    return failed


def _give_time(workers: list[subprocess.Popen[bytes]], seconds: float = 5.0) -> None:
    """Let the others end by themselves: they mostly fail for the same reason, or were asked to stop as well."""
    for worker in workers:
        try:
            worker.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            continue
