"""The palm length, the unit of distances between two annotators in the paper.

The paper does not define it; the default is the distance from the wrist to the middle finger's knuckle.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from hint.errors import InputError, UnknownNameError
from hint.types import Double

Whose = Literal["mean", "a", "b"]

#: Name of a definition -> its meaning.
PALMS = {
    "wrist-middle": "from the wrist to the middle finger's knuckle",
    "wrist-knuckles": "from the wrist to the mean of the four knuckles",
    "box": "longest side of the box times 0.55, or times F for box:F",
}
_FACTOR = 0.55
_KNUCKLES = (5, 9, 13, 17)


@dataclass(frozen=True)
class Palm:
    """A definition of the palm length.

    Attributes:
        name: Key of :data:`PALMS`.
        whose: Annotator whose points are measured, or "mean" for the mean of both lengths.
        factor: Palm length in box sides, for "box".
    """

    name: str = "wrist-middle"
    whose: Whose = "mean"
    factor: float = _FACTOR

    def __str__(self) -> str:
        return f"box:{self.factor:g}" if self.name == "box" else f"{self.name} of {self.whose}"

    def lengths(self, a: Double, b: Double, box_side: Double) -> Double:
        """Return (N,) palm lengths, px.

        Args:
            a: (N,21,2) px of the first annotator.
            b: (N,21,2) px of the second one.
            box_side: (N,) longest side of the box, px.
        """
        if self.name == "box":
            return self.factor * box_side
        lengths = {"a": self._of(a), "b": self._of(b)}
        return lengths[self.whose] if self.whose in lengths else (lengths["a"] + lengths["b"]) / 2

    def _of(self, points: Double) -> Double:
        end = points[:, 9] if self.name == "wrist-middle" else points[:, _KNUCKLES].mean(1)
        length: Double = np.sqrt(np.square(end - points[:, 0]).sum(1))
        return length


def parse_palm(text: str, whose: str = "mean") -> Palm:
    """Parse a definition: "wrist-middle", "wrist-knuckles", "box" or "box:0.6".

    Raises:
        UnknownNameError: If there is no such definition.
        InputError: If the factor is not a positive number.
    """
    name, _, factor = text.partition(":")
    if name not in PALMS or (factor and name != "box"):
        raise UnknownNameError("palm length", text, PALMS)
    if whose not in get_args(Whose):
        raise UnknownNameError("annotator", whose, get_args(Whose))
    try:
        number = float(factor) if factor else _FACTOR
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise InputError(f"--palm {text}: use box:FACTOR with a positive number")
    chosen: Whose = "a" if whose == "a" else "b" if whose == "b" else "mean"
    return Palm(name, chosen, number)
