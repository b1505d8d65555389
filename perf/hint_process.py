"""Run a command of ``hint`` in a process of its own, and measure what it takes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

#: Runs the command line and writes down the peak of its memory; that of ``wait4`` is at least that of the script.
_LAUNCH = """
import atexit, sys
from pathlib import Path
def write_peak():
    from hint.provenance import peak_memory_bytes
    place.write_text(str(peak_memory_bytes()))
place = Path(sys.argv.pop(1))
atexit.register(write_peak)
from hint.cli import main
main()
"""


class Used(NamedTuple):
    """What a command took."""

    seconds: float
    core_seconds: float
    peak_mib: float


def run_hint(arguments: Sequence[str], folder: Path, allowed: Sequence[int] = (0,)) -> Used:
    """Run a command in a folder, with a cache of its own: nothing was computed before.

    Args:
        arguments: Those of ``hint``.
        folder: Where it runs; its output stays there as ``<command>.txt``.
        allowed: Exit codes.

    Raises:
        SystemExit: If it ends with another one.
    """
    peak, output = folder / "peak.txt", folder / f"{arguments[0]}.txt"
    command = [sys.executable, "-c", _LAUNCH, str(peak), *arguments]
    environment = {**os.environ, "HINT_CACHE": str(folder / "cache")}
    with output.open("wb") as stream:
        start = time.perf_counter()
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=stream, stderr=subprocess.STDOUT)
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
    if os.waitstatus_to_exitcode(status) not in allowed:
        raise SystemExit(f"hint {arguments[0]} failed:\n{output.read_text()[-2000:]}")
    return Used(seconds, used.ru_utime + used.ru_stime, int(peak.read_text()) / 2**20)
