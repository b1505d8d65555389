"""Read one hand from its box: turn the region until a hand stands upright in it, then look again more closely."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from hint.landmarks.network import SIZE, LandmarkNetwork
from hint.landmarks.region import Region, around_box, around_landmarks, cut
from hint.landmarks.window import Window, around
from hint.types import Double, Image

#: Side of the first regions, in longest sides of the box.
_FIRST_SIDE = 1.6
#: How far they are turned, in eighths of a circle: hands are upright or lie more often than they stand askew.
_QUARTERS, _ASKEW = (0, 2, 6, 4), (1, 7, 3, 5)
#: A look this good ends the search; where no quarter turn is better than the second number, there is nothing to see.
_GOOD, _HOPELESS = 0.7, 0.02
#: Closer looks at most, each where the last one saw the hand.
_CLOSER = 4
#: They end when landmarks move less than this on average, in sides of the region.
_SETTLED = 0.02


class Reading(NamedTuple):
    """A hand as the landmark network reads it.

    Attributes:
        keypoints: (21,2) px of the picture.
        world: (21,3) metres in the axes of the picture: x right, y down, z away; origin about the hand's centre.
        presence: Probability that there is a hand, 0..1.
        is_right: The side it was read as.
        right: Probability that it is a right hand, by its looks.
        region: Where it was read.
    """

    keypoints: Double
    world: Double
    presence: float
    is_right: bool
    right: float
    region: Region

    @property
    def score(self) -> float:
        """Probability that there is a hand of this side: one that is read upside down looks like the other side."""
        return self.presence * (self.right if self.is_right else 1 - self.right)


class HandReader:
    """Reads hands from boxes. A reading depends on picture, box and side alone. Not thread-safe.

    Args:
        threads: Threads that share a look, by default as many as there are cores.

    Raises:
        MissingRequirementError: If something must be installed or fetched first.
        InputError: If the network's file is not the expected one.
    """

    def __init__(self, threads: int | None = None) -> None:
        self._network = LandmarkNetwork(threads)

    def read(self, image: Image, box_xyxy: Sequence[float] | Double, is_right: bool | None = None) -> Reading:
        """Return the best reading of the hand in a box.

        Args:
            image: (H,W,3) RGB uint8.
            box_xyxy: x1, y1, x2, y2 in px; may leave the picture.
            is_right: Its side; None to find out.

        Raises:
            InputError: If the box has no area.
        """
        return self.read_window(around(image, box_xyxy), is_right)

    def read_window(self, window: Window, is_right: bool | None = None) -> Reading:
        """Return the best reading of the hand in the box of a window, in px of the picture; see :meth:`read`."""
        sides = (True, False) if is_right is None else (is_right,)
        best = _best([self._read(window, side) for side in sides])
        x, y = window.to_picture(np.array([best.region.x, best.region.y]))
        region = best.region._replace(x=float(x), y=float(y), side=best.region.side * float(window.scale.mean()))
        return best._replace(keypoints=window.to_picture(best.keypoints), region=region)

    def look(self, image: Image, region: Region) -> Reading:
        """Return what the network reads in one region."""
        seen = self._network(cut(image, region, SIZE))
        return Reading(
            keypoints=region.to_picture(seen.points[:, :2].astype(np.float64) / SIZE - 0.5),
            world=region.upright(seen.world),
            presence=seen.presence,
            is_right=not region.mirrored,
            right=1 - seen.right if region.mirrored else seen.right,
            region=region,
        )

    def _read(self, window: Window, is_right: bool) -> Reading:
        looks = self._search(window, _QUARTERS, is_right)
        if _HOPELESS <= _best(looks).score < _GOOD:
            looks += self._search(window, _ASKEW, is_right)
        last = _best(looks)
        for _ in range(_CLOSER if last.score >= _HOPELESS else 0):
            before, last = last, self.look(window.pixels, around_landmarks(last.keypoints, mirrored=not is_right))
            looks.append(last)
            if np.linalg.norm(last.keypoints - before.keypoints, axis=1).mean() < _SETTLED * last.region.side:
                break
        return _best(looks)

    def _search(self, window: Window, turns: Sequence[int], is_right: bool) -> list[Reading]:
        """Look at the box from one side after the other until a look is good."""
        looks: list[Reading] = []
        for eighths in turns:
            region = around_box(window.box_xyxy, _FIRST_SIDE, eighths * math.tau / 8, mirrored=not is_right)
            looks.append(self.look(window.pixels, region))
            if looks[-1].score >= _GOOD:
                break
        return looks


def _best(readings: Sequence[Reading]) -> Reading:
    return max(readings, key=lambda reading: reading.score)
