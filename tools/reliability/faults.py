"""What is done to a command, and whether the same command then gives what an undisturbed run gives."""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from .commands import Command
from .process import Ended, Running, start
from .trees import differences, halves, tree

#: A run is killed at most so often before it may end.
_KILLS_IN_A_ROW = 5
#: Kilobytes that are enough for everything; a recording wants 64 MB to stay free.
_ROOM = 200_000
#: What a full disk is called.
_FULL = re.compile("No space left|disk full|is full|must stay free")


@dataclass
class Tried:
    """What was tried of one kind.

    Attributes:
        times: How often.
        problems: What went wrong.
    """

    times: int = 0
    problems: list[str] = field(default_factory=list)


class Bench:
    """One command, an undisturbed run of it, and trials.

    Args:
        command: The command.
        inputs: Folder that it runs in.
        work: Folder for everything it writes.
        seed: Of the moments.
    """

    def __init__(self, command: Command, inputs: Path, work: Path, seed: int) -> None:
        self._command, self._inputs, self._work = command, inputs, work
        self._disk, self._log = work / "disk", work / "log"
        self._out = self._disk / "out"
        self._random = random.Random(f"{seed} {command.name}")
        self._varying: set[str] = set()
        first = self._undisturbed()
        self._code, self._expected = first.code, tree(self._disk)
        time.sleep(1)  # so that files that tell the second of a run differ
        second = self._undisturbed()
        self._seconds = max(first.seconds, second.seconds)
        self._varying = {name for name, digest in tree(self._disk).items() if self._expected.get(name) != digest}

    @property
    def varying(self) -> list[str]:
        """Files that differ between two undisturbed runs, of which only the names are compared."""
        return sorted(self._varying)

    def kills(self, times: int, seconds: float) -> Tried:
        """Kill the command at random moments, often several times in a row, and run it again; stop after a while."""
        tried, end = Tried(), time.monotonic() + seconds
        while tried.times < times and time.monotonic() < end:
            self._clear()
            for turn in range(self._random.randint(1, _KILLS_IN_A_ROW)):
                running = self._start(is_first=turn == 0)
                time.sleep(self._random.uniform(0, self._seconds))
                whole = self._random.random() < 0.5
                running.kill(whole)
                ended = running.wait()
                tried.times += ended.code < 0
                if left := running.orphans():
                    tried.problems.append(f"{len(left)} processes live on")
                tried.problems += halves(self._disk, self._expected)
            tried.problems += self._again()
        return tried

    def full_disk(self, sizes: int = 8) -> Tried:
        """Run it on disks that are too small, then give them room."""
        tried, needed = Tried(), self._needed()
        for share in range(sizes):
            self._clear()
            with _mounted(self._disk, max(1, needed * share // sizes)):
                ended = self._run()
                tried.times += 1
                problem = ended.complaint(0, 1, 2)
                if not problem and ended.code and not _FULL.search(ended.text):
                    problem = f"does not say that the disk is full: {' '.join(ended.text.split())[-200:]}"
                tried.problems += [problem] * bool(problem) + halves(self._disk, self._expected)
                subprocess.run(["mount", "-o", f"remount,size={needed + _ROOM}k", str(self._disk)], check=True)
                tried.problems += self._again()
        return tried

    def read_only(self) -> Tried:
        """Run it on a disk that takes no writes, then allow them."""
        self._clear()
        with _mounted(self._disk, _ROOM):
            subprocess.run(["mount", "-o", "remount,ro", str(self._disk)], check=True)
            ended = self._run()
            subprocess.run(["mount", "-o", "remount,rw", str(self._disk)], check=True)
            problem = ended.complaint(1, 2)
            return Tried(1, [problem] * bool(problem) + self._again())

    def two_at_once(self, times: int = 4) -> Tried:
        """Run it twice into one folder at the same time."""
        tried = Tried()
        for _ in range(times):
            self._clear()
            first = self._start()
            time.sleep(self._random.uniform(0, self._seconds / 2))
            second = start(self._command.into(self._out), self._inputs, self._work / "log2")
            ends = [first.wait(), second.wait()]
            tried.times += 1
            tried.problems += [problem for ended in ends if (problem := ended.complaint(self._code, 2))]
            if all(ended.code != self._code for ended in ends):
                tried.problems.append(f"neither came through: {ends[0].text[-150:]} / {ends[1].text[-150:]}")
            tried.problems += self._again()
        return tried

    def clock(self) -> Tried:
        """Run it while the clock jumps back and forth by a day."""
        self._clear()
        ended = self._run(before=_jumping_clock)
        problem = ended.complaint(self._code)
        return Tried(1, [problem] * bool(problem) + self._unlike())

    def changing_input(self, times: int = 6) -> Tried:
        """Run it while one of its inputs is cut and restored all the time; afterwards the same command, undisturbed."""
        tried = Tried()
        if not self._command.changes:
            return tried
        for _ in range(times):
            self._clear()
            with _changing(self._inputs / self._command.changes, self._random.random()):
                ended = self._run()
            tried.times += 1
            problem = ended.complaint(0, 1, 2)
            tried.problems += [problem] * bool(problem)
            tried.problems += self._again()
        return tried

    def _undisturbed(self) -> Ended:
        self._clear()
        ended = self._run()
        if ended.code not in (0, 1):
            raise RuntimeError(f"{self._command.name}: {ended.text}")
        return ended

    def _start(self, is_first: bool = True, before: Callable[[], None] = lambda: None) -> Running:
        return start(self._command.into(self._out, is_first), self._inputs, self._log, before)

    def _run(self, before: Callable[[], None] = lambda: None) -> Ended:
        return self._start(before=before).wait()

    def _again(self) -> list[str]:
        """Run the command once more; return what is wrong with it, and with what is there then."""
        ended = self._start(is_first=False).wait()
        unlike = self._unlike()
        if ended.code == 2 and "Traceback" not in ended.text and not unlike:
            return []  # some commands refuse to replace what is whole
        problem = ended.complaint(self._code)
        return [problem] * bool(problem) + unlike

    def _unlike(self) -> list[str]:
        return differences(tree(self._disk), self._expected, self._varying)

    def _needed(self) -> int:
        """Return the kilobytes of an undisturbed run."""
        self._undisturbed()
        return sum(4 * -(-path.stat().st_size // 4096) for path in self._disk.rglob("*") if path.is_file())

    def _clear(self) -> None:
        shutil.rmtree(self._disk, ignore_errors=True)
        self._disk.mkdir()


@contextmanager
def _mounted(place: Path, kilobytes: int) -> Iterator[None]:
    """Mount a disk of some size."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(place)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


@contextmanager
def _changing(path: Path, share: float) -> Iterator[None]:
    """Cut a file and restore it, over and over; it is whole afterwards, with the time it had."""
    content, times = path.read_bytes(), path.stat()
    stop = threading.Event()

    def change() -> None:
        while not stop.wait(0.003):
            path.write_bytes(content[: int(share * len(content))])
            stop.wait(0.003)
            path.write_bytes(content)

    worker = threading.Thread(target=change)
    worker.start()
    try:
        yield
    finally:
        stop.set()
        worker.join()
        path.write_bytes(content)
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def _jumping_clock() -> None:
    """Let every second look at the clock be a day back."""
    true, turns = time.time, [0]

    def jumping() -> float:
        turns[0] += 1
        return true() - 86_400.0 * (turns[0] % 2)

    time.time = jumping
