"""Several processes that train together, on one machine."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryFile

from hint.errors import HintError, InputError
from hint.training.request import TrainingRequest
from hint.training.run import TrainingResult


def run_processes(request: TrainingRequest) -> TrainingResult:
    """Train with ``request.processes`` processes.

    Returns:
        What the first process returned.

    Raises:
        InputError: If they cannot share the batch evenly.
        HintError: If a process failed, with its exit code.
        KeyboardInterrupt: If they were stopped by Ctrl-C.
    """
    n = request.processes
    if request.preset.batch_size % n:
        raise InputError(f"{n} processes cannot share a batch of {request.preset.batch_size}; choose a divisor of it")
    command = [sys.executable, "-m", "hint.training.worker", replace(request, processes=1).as_json()]
    with TemporaryFile() as report, ExitStack() as stack:
        workers: list[subprocess.Popen[bytes]] = []
        for environment in _environments(request):
            workers.append(subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL if workers else report))
            stack.callback(workers[-1].kill)
        # Ctrl-C in a terminal reaches every process; the workers finish their step, and this process waits for them.
        stack.callback(signal.signal, signal.SIGINT, signal.signal(signal.SIGINT, signal.SIG_IGN))
        code = _wait(workers)
        report.seek(0)
        lines = report.read().decode().splitlines()
    if code == 130:
        raise KeyboardInterrupt
    return _result(code, json.loads(lines[-1]) if lines else {})


def _environments(request: TrainingRequest) -> list[dict[str, str]]:
    """Return the environment of each process."""
    common = os.environ | {
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(_free_port()),
        "WORLD_SIZE": str(request.processes),
        "LOCAL_WORLD_SIZE": str(request.processes),
    }
    if request.device == "cpu":
        common |= {"ACCELERATE_USE_CPU": "true"}
    return [common | {"RANK": str(k), "LOCAL_RANK": str(k)} for k in range(request.processes)]


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _result(code: int, report: dict[str, object]) -> TrainingResult:
    """Read what the first process reported."""
    if code == 0:
        return TrainingResult(**{**report, "weights": Path(str(report["weights"]))})  # type: ignore[arg-type]
    error = HintError(str(report.get("error", f"a training process ended with exit code {code}")))
    error.exit_code = code
    raise error


def _wait(workers: list[subprocess.Popen[bytes]]) -> int:
    """Wait for all processes; return the exit code of the first that failed, else 0.

    After a failure the others would wait for it for ever, so they are killed.
    """
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
    """Let the others end by themselves: most fail for the same reason, or were stopped as well."""
    for worker in workers:
        try:
            worker.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            continue
