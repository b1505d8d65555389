"""The landmark network: a crop of a hand in, 21 landmarks out."""

from __future__ import annotations

from typing import NamedTuple

from hint.landmarks.files import LANDMARKS
from hint.landmarks.runtime import Network
from hint.skeleton import N_JOINTS
from hint.types import Float, Image

#: Side of the crops, px. The network takes others, but guesses badly: it knows places by their distance to the edges.
SIZE = 224


class Landmarks(NamedTuple):
    """What the network sees in a crop.

    Attributes:
        points: (21,3) px of the crop, from its upper left corner; depth in the same unit, smaller is nearer.
        presence: Probability that the crop shows a hand.
        right: Probability that what the crop shows is a right hand.
        world: (21,3) metres in the axes of the crop, origin about the centre of the hand.
    """

    points: Float
    presence: float
    right: float
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

    def __call__(self, crop: Image) -> Landmarks:
        """Read a crop, (224,224,3) RGB uint8."""
        points, presence, right, world = self._network(crop)
        # MediaPipe takes every picture for that of a mirror and calls this side "Left".
        return Landmarks(points.reshape(N_JOINTS, 3), float(presence[0]), float(right[0]), world.reshape(N_JOINTS, 3))
