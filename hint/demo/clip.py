"""Clips of a demo set: one to three pictures each, as files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

#: Frames between two pictures of a clip.
_STRIDE = 15


def clip_length(seed: int, clip: int) -> int:
    """Return the number of pictures of a clip."""
    return int(np.random.default_rng([seed, clip, 1]).choice([1, 2, 3], p=[0.5, 0.3, 0.2]))


def clip_lengths(n: int, seed: int) -> Iterator[int]:
    """Yield the number of pictures of each clip until there are n."""
    clip = 0
    while n > 0:
        frames = min(n, clip_length(seed, clip))
        yield frames
        n, clip = n - frames, clip + 1


@dataclass(frozen=True)
class Clip:
    """The first frames of a clip, as files."""

    folder: Path
    seed: int
    number: int
    frames: int

    @property
    def id(self) -> str:
        """The clip's name in ids of hands."""
        return f"DM_{self.seed:04d}_{self.number:04d}"

    def stem(self, frame: int) -> str:
        """Return the id of a frame's hand, without its side."""
        return f"{self.id}_frame{1 + _STRIDE * frame:06d}"

    def missing(self) -> list[int]:
        """Return the frames whose label or picture is missing."""
        return [k for k in range(self.frames) if not any(self._is_whole(f"{self.stem(k)}_{side}") for side in "lr")]

    def _is_whole(self, hand_id: str) -> bool:
        return all((self.folder / f"{hand_id}.{suffix}").is_file() for suffix in ("jpg", "json"))
