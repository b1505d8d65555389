"""Where the bones of the made hand are and how thick the flesh on them is, in metres."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hint.mano.poses import finger_frame
from hint.skeleton import FINGERS

Array = NDArray[np.float64]

WRIST: Array = np.array([0.095, 0.003, 0.004])

#: Plane the wrist is cut at.
CUT_X = 0.108


@dataclass(frozen=True, eq=False)
class Finger:
    """One digit of the rest hand: a straight chain of three segments.

    Attributes:
        name: Name out of ``FINGERS``.
        base: (3,) first joint: the knuckle, or the saddle joint of the thumb.
        lengths: Segment lengths from the first joint to the tip of the flesh.
        girth: Scale of every radius.
        frame: (3,3) rows: flexion axis, nail normal, direction.
    """

    name: str
    base: Array
    lengths: tuple[float, float, float]
    girth: float
    frame: Array

    def at(self, distance: float | Array, dorsal: float = 0.0, side: float = 0.0) -> Array:
        """Return the point a distance along the bone, moved towards the nail or along the flexion axis."""
        along = np.multiply.outer(np.asarray(distance, dtype=np.float64), self.frame[2])
        point: Array = self.base + along + dorsal * self.frame[1] + side * self.frame[0]
        return point

    @property
    def stops(self) -> Array:
        """(4,) distances of the three joints and the tip from the first joint."""
        return np.concatenate([[0.0], np.cumsum(self.lengths)])

    @property
    def joints(self) -> Array:
        """(3,3) joint positions."""
        return self.at(self.stops[:3])


_BASES = {
    "thumb": (0.0780, -0.0085, 0.0215),
    "index": (0.0060, 0.0045, 0.0275),
    "middle": (0.0020, 0.0060, 0.0055),
    "ring": (0.0085, 0.0045, -0.0155),
    "little": (0.0205, 0.0010, -0.0350),
}
_LENGTHS = {
    "thumb": (0.0440, 0.0315, 0.0272),
    "index": (0.0385, 0.0235, 0.0230),
    "middle": (0.0425, 0.0270, 0.0240),
    "ring": (0.0390, 0.0260, 0.0240),
    "little": (0.0310, 0.0190, 0.0210),
}
_GIRTHS = {"thumb": 1.0, "index": 1.0, "middle": 1.02, "ring": 0.95, "little": 0.84}

DIGITS: dict[str, Finger] = {
    name: Finger(name, np.array(_BASES[name]), _LENGTHS[name], _GIRTHS[name], finger_frame(name)) for name in FINGERS
}


def rest_joints() -> Array:
    """Return the (16,3) anatomical joint centres in MANO order."""
    order = ("index", "middle", "little", "ring", "thumb")
    return np.concatenate([WRIST[None], *(DIGITS[name].joints for name in order)])
