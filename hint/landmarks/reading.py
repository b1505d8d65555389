"""Read one hand from its box: turn the region until a hand stands upright in it, then look again more closely."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from hint.landmarks.network import LandmarkNetwork
from hint.landmarks.region import Region, around_box, around_landmarks, cut
from hint.types import Double, Image

#: Side of the first regions, in longest sides of the box.
_FIRST_SIDE = 1.6
_TURNS = 8
#: Looks after the first, and how much presence may fall in each.
_LOOKS, _MAY_FALL = 3, 0.02


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


class HandReader:
    """Reads hands from boxes. A reading depends on picture, box and side alone. Not thread-safe.

    Args:
        threads: Threads that share a look.

    Raises:
        MissingRequirementError: If something must be installed or fetched first.
        InputError: If the network's file is not the expected one.
    """

    def __init__(self, threads: int = 1) -> None:
        self._network = LandmarkNetwork(threads=threads)

    def read(self, image: Image, box_xyxy: tuple[float, ...], is_right: bool | None = None) -> Reading:
        """Return the best reading of the hand in a box.

        Args:
            image: (H,W,3) RGB uint8.
            box_xyxy: x1, y1, x2, y2 in px; may leave the picture.
            is_right: Its side; None to find out.

        Raises:
            InputError: If the box has no area.
        """
        if is_right is not None:
            return self._read(image, box_xyxy, is_right)
        readings = [self._read(image, box_xyxy, side) for side in (True, False)]
        return max(readings, key=lambda r: r.presence * (r.right if r.is_right else 1 - r.right))

    def look(self, image: Image, region: Region) -> Reading:
        """Return what the network reads in one region."""
        seen = self._network([cut(image, region, self._network.size)])
        right = float(seen.right[0])
        return Reading(
            keypoints=region.to_picture(seen.points[0, :, :2].astype(np.float64) / self._network.size - 0.5),
            world=region.upright(seen.world[0]),
            presence=float(seen.presence[0]),
            is_right=not region.mirrored,
            right=1 - right if region.mirrored else right,
            region=region,
        )

    def _read(self, image: Image, box_xyxy: tuple[float, ...], is_right: bool) -> Reading:
        first = around_box(box_xyxy, _FIRST_SIDE, mirrored=not is_right)
        turned = [first._replace(angle=math.tau * turn / _TURNS) for turn in range(_TURNS)]
        best = max((self.look(image, region) for region in turned), key=lambda r: r.presence)
        for _ in range(_LOOKS):
            closer = self.look(image, around_landmarks(best.keypoints, mirrored=not is_right))
            if closer.presence < best.presence - _MAY_FALL:
                break
            best = closer
        return best
