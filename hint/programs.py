"""ffmpeg and ffprobe on PATH: which versions they are, and what they complain about."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from tempfile import TemporaryFile
from typing import IO, NamedTuple

from hint.errors import MissingRequirementError

INSTALL = "apt install ffmpeg, brew install ffmpeg or conda install -c conda-forge ffmpeg"

#: The oldest version that is supported, and the first that knows ``-fps_mode``, by the libavcodec they come with:
#: versions of the programs may be those of distributions, or hashes of commits.
OLDEST = "4.2"
_OLDEST_LIBRARY = (58, 54)
_FPS_MODE_LIBRARY = (59, 37)

_VERSION = re.compile(r"\w+ version (\S+)")
_LIBRARY = re.compile(r"libavcodec +(\d+)\. *(\d+)\.")

#: Lines of a log from which on pictures are not to be trusted. A lost slice is no error to a decoder that fills it in.
_COMPLAINT = re.compile(r"\[(error|fatal|panic)\] |\bcorrupt (decoded frame|input packet)|\bconcealing \d")
_LABEL = re.compile(r"\[[^\]]*\] ")

#: How a log must be asked for, so that complaints can be told from other lines and counted.
_LOG_LEVEL = "repeat+level+info"


class Program(NamedTuple):
    """A program that runs.

    Attributes:
        path: Where it is.
        version: Its own name of its version.
        library: Major and minor version of its libavcodec.
    """

    path: str
    version: str
    library: tuple[int, int]

    @property
    def is_too_old(self) -> bool:
        """Whether it is older than :data:`OLDEST`."""
        return self.library < _OLDEST_LIBRARY


class Output(NamedTuple):
    """What a program wrote.

    Attributes:
        content: Its standard output.
        complaints: As of :meth:`Running.complaints`.
    """

    content: bytes
    complaints: list[str]


class Running(NamedTuple):
    """A program at work.

    Attributes:
        process: The process.
        log: What it writes beside its output.
    """

    process: subprocess.Popen[bytes]
    log: IO[bytes]

    @property
    def output(self) -> IO[bytes]:
        """Its standard output."""
        assert self.process.stdout is not None
        return self.process.stdout

    def complaints(self, code: int = 0) -> list[str]:
        """Return the errors of reading or decoding, in order, once it has ended; its code if it says nothing else."""
        self.log.seek(0)
        lines = self.log.read().decode(errors="replace").splitlines()
        found = [_LABEL.sub("", line).strip() for line in lines if _COMPLAINT.search(line)]
        return found or ([f"it ended with code {code}"] if code else [])


def find_program(name: str) -> Program | None:
    """Find ffmpeg or ffprobe on PATH; None if it is absent.

    Raises:
        MissingRequirementError: If it does not run.
    """
    path = shutil.which(name)
    return _identify(path) if path else None


@lru_cache
def _identify(path: str) -> Program:
    try:
        done = subprocess.run([path, "-version"], capture_output=True, text=True, errors="replace", timeout=60)
        version, library = _VERSION.search(done.stdout), _LIBRARY.search(done.stdout)
        reason = next(iter(done.stderr.strip().splitlines()), f"it ended with code {done.returncode}")
    except (OSError, subprocess.TimeoutExpired) as error:
        version, library, reason = None, None, str(error)
    if not version or not library:
        raise MissingRequirementError(f"{path} does not tell its version ({reason}); install it again: {INSTALL}")
    return Program(path, version[1], (int(library[1]), int(library[2])))


def require_ffmpeg() -> None:
    """Raise unless ffmpeg and ffprobe are on PATH, new enough.

    Raises:
        MissingRequirementError: If one of them is absent, broken or too old.
    """
    found = {name: find_program(name) for name in ("ffmpeg", "ffprobe")}
    absent = [name for name, program in found.items() if program is None]
    if absent:
        raise MissingRequirementError(f"{' and '.join(absent)} not on PATH: {INSTALL}")
    for name, program in found.items():
        if program and program.is_too_old:
            raise MissingRequirementError(f"{too_old(name, program)}: {INSTALL}")


def too_old(name: str, program: Program) -> str:
    """Say that a program is too old."""
    return f"{name} {program.version} ({program.path}) is too old, {OLDEST} or newer is needed"


def passthrough() -> tuple[str, str]:
    """Return the option with which ffmpeg writes every picture once, whatever its time."""
    program = find_program("ffmpeg")
    is_new = program is None or program.library >= _FPS_MODE_LIBRARY
    return ("-fps_mode", "passthrough") if is_new else ("-vsync", "0")


def run_program(name: str, *arguments: str) -> Output:
    """Run ffmpeg or ffprobe to its end."""
    with start_program(name, *arguments) as running:
        content = running.output.read()
        return Output(content, running.complaints(running.process.wait()))


@contextmanager
def start_program(name: str, *arguments: str) -> Iterator[Running]:
    """Start ffmpeg or ffprobe, out of reach of Ctrl-C, which the caller handles; end it with the context."""
    command = [name, "-hide_banner", "-v", _LOG_LEVEL, *arguments]
    with TemporaryFile() as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, start_new_session=True
        )
        with process:
            try:
                yield Running(process, log)
            finally:
                process.kill()
