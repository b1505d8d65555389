"""What a reader may do with a file that is not as it should be.

It returns a value, or raises an error of :mod:`hint.errors` that is one line. It raises nothing else, ends within
:data:`LONGEST` seconds of the processor, takes at most :data:`MOST_MEMORY`, and whatever the file says it runs no
program, opens no connection, looks nothing up by the names in a pickle, and writes nowhere else.
"""

from __future__ import annotations

import gc
import os
import pickle
import shutil
import signal
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from fuzzing.target import Prepared
from hint.errors import HintError
from hint.settings import CACHE_VARIABLE, HOME_VARIABLE

#: Seconds of the processor a reader may take.
LONGEST = 5.0
#: Bytes of memory it may take; files here have at most a few hundred kilobytes.
MOST_MEMORY = 512 << 20
#: What no reader ever does, as the interpreter calls it.
_NEVER = (
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.fork",
    "subprocess.Popen",
    "socket.connect",
    "pickle.find_class",
)
#: Packages of the project, for the place of an error.
_OURS = ("hint", "annotation", "benchmark", "leaderboard")
_ROOT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class Finding:
    """A reader that did what it may not.

    Attributes:
        kind: The type of the error, "hang", "memory", "several lines", or what it did.
        place: File and line of the project nearest to it.
        message: What it said.
    """

    kind: str
    place: str
    message: str

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from other findings."""
        return self.kind, self.place


class HangError(BaseException):
    """A reader took too long; no reader catches it, as it is no ``Exception``."""


def judge(prepared: Prepared, content: bytes) -> Finding | None:
    """Let a reader read, and return what it did that it may not."""
    prepared.write(content)
    shutil.rmtree(prepared.out, ignore_errors=True)
    before = _memory("VmRSS")
    _reset_peak()
    with at_home(prepared.out / "home"), _watched(prepared.folder) as done:
        found = _read(prepared)
    if done:
        return Finding(*done[0])
    if (taken := _memory("VmHWM") - before) > MOST_MEMORY:
        gc.collect()
        return Finding("memory", prepared.target.name, f"{taken >> 20} MiB")
    return found


def _read(prepared: Prepared) -> Finding | None:
    try:
        with _limited():
            prepared.target.read(prepared.folder)
    except HintError as error:
        return _told(error)
    except (Exception, HangError) as error:
        kind = "hang" if isinstance(error, HangError) else type(error).__name__
        return Finding(kind, _place(error), str(error)[:200])
    return None


def _told(error: HintError) -> Finding | None:
    """Look at the message of an error: one line, which can be shown."""
    try:
        lines = str(error).splitlines()
        "".join(lines).encode()
    except Exception as other:
        return Finding(f"a message that cannot be shown: {type(other).__name__}", _place(error), str(other)[:200])
    return None if len(lines) == 1 else Finding("several lines", _place(error), str(error)[:500])


def _place(error: BaseException) -> str:
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_ours(frame.filename)]
    return f"{Path(frames[-1].filename).relative_to(_ROOT)}:{frames[-1].lineno}" if frames else "outside"


def _is_ours(file: str) -> bool:
    path = Path(file)
    return path.is_relative_to(_ROOT) and path.relative_to(_ROOT).parts[0] in _OURS


@contextmanager
def at_home(folder: Path) -> Iterator[None]:
    """Make a folder the home of the toolkit for a while, and its cache."""
    earlier = {name: os.environ.get(name) for name in (HOME_VARIABLE, CACHE_VARIABLE)}
    os.environ.update(dict.fromkeys(earlier, str(folder)))
    try:
        yield
    finally:
        for name, value in earlier.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def _limited() -> Iterator[None]:
    """Raise :class:`HangError` after too many seconds of the processor."""

    def stop(number: int, frame: FrameType | None) -> None:
        del number, frame
        raise HangError(f"over {LONGEST:g} s")

    earlier = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, LONGEST)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, earlier)


class _Watch:
    """Listens to the interpreter while a reader reads; hooks cannot be removed, so there is one per process."""

    def __init__(self) -> None:
        self.folder: str | None = None
        self.done: list[tuple[str, str, str]] = []
        sys.addaudithook(self._heard)

    def _heard(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.folder is None:
            return
        if event in _NEVER and arguments[0] != "git":  # what made a result is asked of git
            self.done.append((event, self._caller(), str(arguments)[:200]))
        elif event == "open" and self._writes_elsewhere(arguments):
            self.done.append(("writes elsewhere", self._caller(), str(arguments[0])[:200]))

    def _writes_elsewhere(self, arguments: tuple[Any, ...]) -> bool:
        path, _, flags = arguments
        writes = isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        if not writes or not isinstance(path, str | bytes | os.PathLike):
            return False
        place = os.path.realpath(os.fsdecode(path))
        return not place.startswith((str(self.folder), "/dev/", "/proc/")) and "__pycache__" not in place

    @staticmethod
    def _caller() -> str:
        frames = [frame for frame in traceback.extract_stack() if _is_ours(frame.filename)]
        return f"{Path(frames[-1].filename).relative_to(_ROOT)}:{frames[-1].lineno}" if frames else "outside"


_watch: list[_Watch] = []


@contextmanager
def _watched(folder: Path) -> Iterator[list[tuple[str, str, str]]]:
    """Collect what must never happen."""
    if not _watch:
        _watch.append(_Watch())
    watch = _watch[0]
    watch.folder, watch.done = os.path.realpath(folder), []
    try:
        yield watch.done
    finally:
        watch.folder = None


def _memory(name: str) -> int:
    """Return "VmRSS" or "VmHWM" of this process, bytes; 0 where the system does not say."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith(f"{name}:")), 0)


def _reset_peak() -> None:
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return


def trap(*_: object) -> None:
    """Stand for what a hostile pickle calls; that it was looked up at all is what counts."""
    raise AssertionError("a pickle was run")


class Hostile:
    """An object whose pickle calls :func:`trap`."""

    def __reduce__(self) -> Any:
        return trap, ("x",)


#: A pickle that asks for a function of ours, in an old and a new protocol.
HOSTILE_PICKLES = tuple(pickle.dumps(Hostile(), protocol) for protocol in (0, 2, 4))
