"""Jobs for the tests of clusters, in a module that workers can import."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from hint.errors import InputError


@dataclass(frozen=True)
class Squares:
    """Squares numbers.

    Attributes:
        folder: Where each worker leaves a file per job it began: ``<job>-<process>``.
        seconds: What a job takes.
        deadly: A job that ends its worker as a crash would.
        refused: A job that raises InputError.
    """

    folder: Path
    seconds: float = 0.0
    deadly: int | None = None
    refused: int | None = None

    def __call__(self, device: str | None) -> Callable[[Iterable[int]], Iterator[int]]:
        """Load nothing."""
        return self._squares

    def lost(self, job: int, why: str) -> int:
        """Return what no square is."""
        return -job

    def _squares(self, jobs: Iterable[int]) -> Iterator[int]:
        for job in jobs:
            (self.folder / f"{job}-{os.getpid()}").touch()
            if job == self.deadly:
                os._exit(1)
            if job == self.refused:
                raise InputError(f"job {job} is refused")
            time.sleep(self.seconds)
            yield job * job
