"""Run the program in processes that are forked from one which has imported the large packages and done nothing else.

Starting it anew would spend most of its time on imports, and most kills would hit those.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import NoReturn

#: Imported once.
_LARGE = ("hint.cli", "numpy", "pydantic", "rich.table", "cv2", "torch", "matplotlib.pyplot", "pandas", "scipy.sparse")
#: Seconds that processes may live on after the one that started them was killed.
_GRACE = 10.0
#: Seconds a command may take.
_PATIENCE = 900.0


def import_large_packages() -> None:
    """Import what most commands need."""
    os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
    for name in _LARGE:
        import_module(name)


@dataclass(frozen=True)
class Ended:
    """How a command ended.

    Attributes:
        code: Exit code; minus the signal that killed it.
        text: What it printed on both streams.
        seconds: How long it ran.
    """

    code: int
    text: str
    seconds: float

    def complaint(self, *codes: int) -> str:
        """Return what is wrong with it where one of these exit codes was expected, "" for nothing."""
        if "Traceback" in self.text:
            return f"a traceback: {self.text.strip().splitlines()[-1]}"
        if self.code not in codes:
            return f"exit code {self.code}: {' '.join(self.text.split())[-300:]}"
        return ""


@dataclass
class Running:
    """A command in a session of its own.

    Attributes:
        pid: Its first process; the number of its session, too.
        log: File that holds what it prints.
        started: When it was started, s.
    """

    pid: int
    log: Path
    started: float = field(default_factory=time.monotonic)

    def wait(self) -> Ended:
        """Wait until it has ended by itself.

        Raises:
            TimeoutError: If it does not.
        """
        while True:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                seconds = time.monotonic() - self.started
                return Ended(os.waitstatus_to_exitcode(status), self.log.read_text(errors="replace"), seconds)
            if time.monotonic() - self.started > _PATIENCE:
                self.kill(whole=True)
                raise TimeoutError(f"does not end: {self.log.read_text(errors='replace')[-500:]}")
            time.sleep(0.002)

    def kill(self, whole: bool) -> None:
        """Kill all its processes, or only the first."""
        with suppress(ProcessLookupError):
            (os.killpg if whole else os.kill)(self.pid, signal.SIGKILL)

    def orphans(self) -> list[int]:
        """Return processes of its session that are still there when they have had the time to notice; kill them."""
        deadline = time.monotonic() + _GRACE
        while (left := _session(self.pid)) and time.monotonic() < deadline:
            time.sleep(0.02)
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return left


def start(arguments: Sequence[str], folder: Path, log: Path, before: Callable[[], None] = lambda: None) -> Running:
    """Start a command.

    Args:
        arguments: Of the command.
        folder: Folder to run in.
        log: File for what it prints.
        before: Called in its process before anything else.
    """
    pid = os.fork()
    if pid == 0:
        _become(arguments, folder, log, before)
    return Running(pid, log)


def _become(arguments: Sequence[str], folder: Path, log: Path, before: Callable[[], None]) -> NoReturn:
    """Run a command in this process, and end it."""
    os.setsid()
    stream = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for number in (1, 2):
        os.dup2(stream, number)
    os.chdir(folder)
    sys.stdout, sys.stderr = (os.fdopen(number, "w", buffering=1) for number in (1, 2))
    code = 70
    try:
        before()
        from hint.cli import main

        sys.modules["__main__"] = ModuleType("__main__")  # its own processes need none of this script
        main(arguments)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _session(number: int) -> list[int]:
    """Return the living processes of a session."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                state, _, _, session = (entry / "stat").read_text().rpartition(")")[2].split()[:4]
                if int(session) == number and state != "Z":
                    found.append(int(entry.name))
    return found
