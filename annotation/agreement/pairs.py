"""Hands that were annotated twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from annotation.agreement.palm import Palm
from hint.errors import InputError, some_ids
from hint.types import Bool, Double, HandLabels, Strings

#: Largest difference between the corners of a hand's two boxes, px: rounding by annotation tools.
BOX_SLACK = 1.0
#: Points closer than this are identical, px: neither annotator moved the common pre-label.
SAME = 0.01


@dataclass(frozen=True, eq=False)
class Pairs:
    """N hands, annotated twice.

    Attributes:
        a: The first annotations.
        b: The second annotations, same hands in the same order.
        palm: Definition of the palm length.
        only_a: Hands without a second annotation.
        only_b: Hands without a first one.
    """

    a: HandLabels
    b: HandLabels
    palm: Palm
    only_a: tuple[str, ...] = ()
    only_b: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.a)

    @cached_property
    def distance(self) -> Double:
        """(N,21) px."""
        far: Double = np.sqrt(np.square(self.a.keypoints_2d - self.b.keypoints_2d).sum(2))
        return far

    @cached_property
    def box_side(self) -> Double:
        """(N,) longest side of the box, px."""
        box = (self.a.box_xyxy + self.b.box_xyxy) / 2
        side: Double = (box[:, 2:] - box[:, :2]).max(1)
        return side

    @cached_property
    def variance(self) -> Double:
        """(N,21) variance of one annotator's point, in units of the box area: half the squared distance of the two."""
        box = (self.a.box_xyxy + self.b.box_xyxy) / 2
        area = (box[:, 2:] - box[:, :2]).prod(1)
        variance: Double = np.square(self.distance) / (2 * area[:, None])
        return variance

    @cached_property
    def palm_length(self) -> Double:
        """(N,) px; NaN if it is zero."""
        length = self.palm.lengths(self.a.keypoints_2d, self.b.keypoints_2d, self.box_side)
        return np.where(length > 0, length, np.nan)

    @cached_property
    def in_palms(self) -> Double:
        """(N,21) distances in palm lengths."""
        return self.distance / self.palm_length[:, None]

    @property
    def exists(self) -> Bool:
        """(N,21) joints that exist for both."""
        return self.a.existence & self.b.existence

    def both(self, state: str) -> Bool:
        """Return (N,21) joints that have a state for both: "all" (that exist), "visible" or "occluded"."""
        if state == "all":
            return self.exists
        value = {"visible": 2, "occluded": 1}[state]
        return np.asarray((self.a.visibility == value) & (self.b.visibility == value))

    @cached_property
    def clips(self) -> tuple[Strings, NDArray[np.int64]]:
        """(C,) names of the clips in order, and (N,) the clip number of each hand."""
        return np.unique(self.a.clip_id, return_inverse=True)


def pair(a: Sequence[HandLabels], b: Sequence[HandLabels], palm: Palm) -> Pairs:
    """Match two annotations by hand.

    Raises:
        InputError: If a hand is in one of them twice, fewer than two hands are in both, or sides or boxes differ.
    """
    first, second = _rows(a, "first"), _rows(b, "second")
    shared = sorted(first.keys() & second.keys())
    if not shared:
        raise InputError(
            "the two have no hand in common; hands are matched by file name, such as "
            f"{next(iter(first))} in the first and {next(iter(second))} in the second"
        )
    if len(shared) < 2:
        raise InputError(f"the two have only one hand in common, {shared[0]}; agreement needs at least two")
    pairs = Pairs(
        _gather(a, [first[i] for i in shared]),
        _gather(b, [second[i] for i in shared]),
        palm,
        tuple(sorted(first.keys() - second.keys())),
        tuple(sorted(second.keys() - first.keys())),
    )
    refuse_different(pairs.a, pairs.b)
    return pairs


Row = tuple[int, int]


def _rows(parts: Sequence[HandLabels], which: str) -> dict[str, Row]:
    rows: dict[str, Row] = {}
    twice = []
    for p, part in enumerate(parts):
        for k, hand_id in enumerate(part.hand_id.tolist()):
            if hand_id in rows:
                twice.append(hand_id)
            rows[hand_id] = (p, k)
    if twice:
        raise InputError(f"hands in several subsets of the {which} annotation: {some_ids(twice)}")
    return rows


def _gather(parts: Sequence[HandLabels], rows: Sequence[Row]) -> HandLabels:
    start = np.cumsum([0, *(len(part) for part in parts)])
    return HandLabels.concatenate(parts).select([int(start[p]) + k for p, k in rows])


def refuse_different(a: HandLabels, b: HandLabels) -> None:
    """Refuse two annotations of the same hands, row by row, of other sides or boxes.

    Raises:
        InputError: If there are any.
    """
    sides = a.is_right != b.is_right
    if sides.any():
        raise InputError(f"left in one annotation, right in the other: {some_ids(a.hand_id[sides].tolist())}")
    boxes = np.asarray(abs(a.box_xyxy - b.box_xyxy).max(1, initial=0) > BOX_SLACK)
    if boxes.any():
        raise InputError(
            f"boxes differ by more than {BOX_SLACK:g} px between the two: {some_ids(a.hand_id[boxes].tolist())}; "
            "both must be annotations of the same box"
        )
