"""The landmark network: crops of hands in, 21 landmarks out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from hint.landmarks.files import LANDMARKS
from hint.landmarks.runtime import Network
from hint.skeleton import N_JOINTS
from hint.types import Float, Image

#: Side of the crops, px. The network takes others, but guesses badly: it knows places by their distance to the edges.
SIZE = 224


class Landmarks(NamedTuple):
    """What the network sees in N crops.

    Attributes:
        points: (N,21,3) px of the crop, from its upper left corner; depth in the same unit, smaller is nearer.
        presence: (N,) probability that the crop shows a hand.
        right: (N,) probability that what the crop shows is a right hand.
        world: (N,21,3) metres in the axes of the crop, origin about the centre of the hand.
    """

    points: Float
    presence: Float
    right: Float
    world: Float


class LandmarkNetwork:
    """The landmark network of MediaPipe Hands 0.10.21 ("full"). Not thread-safe.

    Args:
        threads: Threads that share a crop, by default as many as there are cores.

    Raises:
        MissingRequirementError: If something must be installed or fetched first.
        InputError: If the file is not the expected one.
    """

    def __init__(self, threads: int | None = None) -> None:
        self._network = Network(LANDMARKS, threads)

    def __call__(self, crops: Sequence[Image]) -> Landmarks:
        """Read crops, each (224,224,3) RGB uint8; a crop's landmarks do not depend on the others."""
        n = len(crops)
        points, world = np.empty((2, n, N_JOINTS, 3), np.float32)
        presence, right = np.empty((2, n), np.float32)
        for row, crop in enumerate(crops):
            outputs = self._network(crop)
            points[row], world[row] = outputs[0].reshape(N_JOINTS, 3), outputs[3].reshape(N_JOINTS, 3)
            # MediaPipe takes every picture for that of a mirror and calls this side "Left".
            presence[row], right[row] = outputs[1][0], outputs[2][0]
        return Landmarks(points, presence, right, world)
