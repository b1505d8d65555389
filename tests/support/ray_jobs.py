"""Jobs for the tests of clusters, in a module that workers can import."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hint.errors import InputError
from hint.types import Hand, Image, MethodCard, Predictions

#: Hands that a worker predicts before its disk is full.
_BEFORE_FULL = 40


@dataclass(frozen=True)
class Squares:
    """Squares numbers.

    Attributes:
        folder: Where each worker leaves a file per job it began: ``<job>-<process>``.
        seconds: What a job takes.
        workers: Workers that must have begun before any job ends.
        deadly: A job that ends its worker as a crash would.
        refused: A job that raises InputError.
    """

    folder: Path
    seconds: float = 0.0
    workers: int = 1
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
            while len(workers_in(self.folder)) < self.workers:
                time.sleep(0.1)
            yield job * job


def workers_in(folder: Path) -> set[str]:
    """Return the processes that began jobs."""
    return {path.name.partition("-")[2] for path in folder.iterdir()}


@dataclass(frozen=True)
class Brightness:
    """Loads a method whose keypoints follow from the pixels of a picture.

    Attributes:
        seconds: What a hand takes.
        full: A file that the first worker that has predicted some hands removes; its files may not become larger than
            1 KiB from then on, which is what a full disk looks like.
    """

    seconds: float = 0.0
    full: Path | None = None

    def load(self, device: str | None) -> BrightnessMethod:
        """Load the method."""
        return BrightnessMethod(self.seconds, self.full)


class BrightnessMethod:
    """Puts every joint where the pixels say."""

    card = MethodCard("brightness", "Brightness", "Mean of the picture.")

    def __init__(self, seconds: float, full: Path | None) -> None:
        self._seconds, self._full, self._done = seconds, full, 0
        self.fingerprint: dict[str, Any] = {"version": 1}

    def prepare(self, hand: Hand, image: Image | None) -> Any:
        """Return a number."""
        return np.float32(np.asarray(image, np.float64).mean())

    def infer(self, hands: Sequence[Hand], prepared: Sequence[Any]) -> Predictions:
        """Return keypoints."""
        time.sleep(self._seconds * len(hands))
        self._done += len(hands)
        if self._full is not None and self._done > _BEFORE_FULL:
            with suppress(FileNotFoundError):
                self._full.unlink()
                resource.setrlimit(resource.RLIMIT_FSIZE, (1024, resource.RLIM_INFINITY))
        points = np.arange(42, dtype=np.float32).reshape(21, 2)
        return Predictions(np.array([hand.hand_id for hand in hands]), np.stack([points * value for value in prepared]))
