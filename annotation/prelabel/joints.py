"""What a calibration is computed from."""

from __future__ import annotations

from dataclasses import dataclass

from hint.types import Bool, Double


@dataclass(frozen=True, eq=False)
class Joints:
    """All joints of the hands that are both labelled and predicted, one row each.

    Attributes:
        score: (M,) the method's score; 0 without scores.
        visible: (M,) how certainly it is visible, see :func:`annotation.prelabel.guess.visible_scores`.
        inside: (M,) whether the method places it inside the frame.
        exists: (M,) whether it exists according to the labels.
        occluded: (M,) whether the labels mark it as occluded.
    """

    score: Double
    visible: Double
    inside: Bool
    exists: Bool
    occluded: Bool
