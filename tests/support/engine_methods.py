"""Methods that processes of their own load: cheap ones, of which some do not come back."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from hint.detection import Detection, Picture
from hint.types import Hand, Image, MethodCard, Predictions

CARD = MethodCard("brightness", "Brightness", "Mean of the picture.")


@dataclass
class Brightness:
    """Predicts the corner of the box plus the mean of the picture, so that pixels matter."""

    version: int = 1
    stop_after: int = 10**9
    batches: list[int] = field(default_factory=list)
    card: MethodCard = CARD

    @property
    def fingerprint(self) -> dict[str, Any]:
        return {"version": self.version}

    def prepare(self, hand: Hand, image: Image | None) -> float:
        assert image is not None
        return float(image.mean())

    def infer(self, hands: Sequence[Hand], prepared: Sequence[float]) -> Predictions:
        if sum(self.batches) >= self.stop_after:
            raise KeyboardInterrupt
        self.batches.append(len(hands))
        points = np.array([[h.box_xyxy[:2]] * 21 for h in hands]) + np.array(prepared)[:, None, None]
        return Predictions(np.array([h.hand_id for h in hands]), points)


class Middle:
    """A detector that takes the middle of every picture for a right hand."""

    identity = "middle"

    def detect(self, picture: Picture, image: Image) -> list[Detection]:
        height, width = image.shape[:2]
        return [Detection((width / 4, height / 4, width * 3 / 4, height * 3 / 4), True, 0.5)]


class Deadly(Brightness):
    """Kills its process at some hands, always or the first time.

    Args:
        always: Hands that kill.
        once: Hand that kills once; a file beside this path says that it has.
    """

    def __init__(self, always: Sequence[str], once: Path) -> None:
        super().__init__()
        self._always, self._once = always, once

    def prepare(self, hand: Hand, image: Image | None) -> float:
        if hand.hand_id == self._once.stem and not self._once.exists():
            self._once.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        if hand.hand_id in self._always:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().prepare(hand, image)


@dataclass(frozen=True)
class DeadlyRecipe:
    """Loads :class:`Deadly`, or dies before."""

    always: tuple[str, ...]
    once: Path
    at_once: bool = False

    def load(self, device: str | None) -> Deadly:
        if self.at_once:
            os._exit(3)
        return Deadly(self.always, self.once)


@dataclass(frozen=True)
class SlowStart:
    """Jobs that give themselves; the first takes its time.

    Attributes:
        seconds: What the first takes.
    """

    seconds: float

    def __call__(self, device: str | None) -> Callable[[Iterable[int]], Iterator[int]]:
        """Load nothing."""
        return self._jobs

    def lost(self, job: int, why: str) -> int:
        """Return what no job gives."""
        return -1

    def _jobs(self, jobs: Iterable[int]) -> Iterator[int]:
        for job in jobs:
            time.sleep(0 if job else self.seconds)
            yield job
