"""What a hand is fitted to: keypoints in units of its own size, with weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from hint.errors import InputError
from hint.types import Bool, Double

#: A square of this many times the extent of the keypoints is what the camera of a fitted hand shows.
MARGIN = 2.0

#: A joint that is occluded pulls this much less than one that is seen.
OCCLUDED = 0.3

#: Fewer joints than this leave the hand to the prior.
MIN_JOINTS = 6

#: Hands that are computed together. Fixed, since the last digit of a matrix product may depend on its size.
BLOCK = 8

#: Side of the square of a hand whose joints lie at one place, px.
MIN_SIDE = 1e-6


@dataclass(frozen=True, eq=False)
class Keypoints:
    """The keypoints of N hands as they are given; see :func:`hint.fit.fit_hands`.

    Attributes:
        places_2d: (N,21,2) px, NaN where unknown.
        is_right: (N,).
        places_3d: (N,21,3) metres in camera axes, NaN where unknown.
        weight: (N,21) 0..1, 0 where a joint has no pull.
        weight_3d: (N,21) 0..1.
    """

    places_2d: Double
    is_right: Bool
    places_3d: Double
    weight: Double
    weight_3d: Double

    @property
    def n_joints(self) -> NDArray[np.int64]:
        """(N,) number of joints that pull."""
        return np.asarray((self.weight > 0).sum(1))


class Target(NamedTuple):
    """Keypoints of B right hands, centred and scaled.

    Attributes:
        places_2d: (B,21,2) in sides of the square; 0 where the weight is 0.
        weight: (B,21).
        places_3d: (B,21,3) metres; 0 where the weight is 0.
        weight_3d: (B,21).
    """

    places_2d: torch.Tensor
    weight: torch.Tensor
    places_3d: torch.Tensor
    weight_3d: torch.Tensor

    def repeat(self, times: int) -> Target:
        """Return every hand several times in a row."""
        return Target(*(values.repeat_interleave(times, 0) for values in self))

    def select(self, rows: torch.Tensor) -> Target:
        """Return some rows."""
        return Target(*(values[rows] for values in self))


def gather(
    keypoints_2d: ArrayLike,
    is_right: ArrayLike,
    keypoints_3d: ArrayLike | None = None,
    confidence: ArrayLike | None = None,
    existence: ArrayLike | None = None,
    occlusion: ArrayLike | None = None,
) -> Keypoints:
    """Check the keypoints of N hands and weigh their joints.

    Raises:
        InputError: If shapes disagree, a side is neither True nor False, or a confidence is not between 0 and 1.
    """
    places = _shaped(keypoints_2d, (-1, 21, 2), "keypoints_2d")
    n = len(places)
    right = _sides(is_right, n)
    solid = np.full((n, 21, 3), np.nan) if keypoints_3d is None else _shaped(keypoints_3d, (n, 21, 3), "keypoints_3d")
    weight = _confidence(confidence, n)
    if existence is not None:
        weight = weight * _shaped(existence, (n, 21), "existence")
    if occlusion is not None:
        weight = np.where(_shaped(occlusion, (n, 21), "occlusion") > 0, OCCLUDED * weight, weight)
    return Keypoints(
        places,
        right,
        solid,
        np.where(np.isfinite(places).all(2), weight, 0.0),
        np.where(np.isfinite(solid).all(2), weight, 0.0),
    )


def _sides(values: ArrayLike, n: int) -> Bool:
    """Return (N,) whether hands are right ones; every word would be true, "left" too."""
    given = np.asarray(values)
    if given.size and not np.isin(given, (False, True)).all():
        first = given.ravel().tolist()[0]
        raise InputError(f"is_right holds {first!r}; write True for right hands and False for left ones")
    right = np.broadcast_to(given, (n,)) if given.ndim == 0 else given
    if right.shape != (n,):
        raise InputError(f"is_right has shape {right.shape}, expected ({n},)")
    return right.astype(bool)


def _numbers(values: ArrayLike, name: str) -> Double:
    try:
        return np.asarray(values, np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(f"{name} holds something that is no number: {error}") from error


def _shaped(values: ArrayLike, shape: tuple[int, ...], name: str) -> Double:
    array = _numbers(values, name)
    fits = array.ndim == len(shape) and all(s in (-1, a) for s, a in zip(shape, array.shape, strict=True))
    if not fits:
        expected = ", ".join("n" if side == -1 else str(side) for side in shape)
        raise InputError(f"{name} has shape {array.shape}, expected ({expected})")
    return array


def _confidence(values: ArrayLike | None, n: int) -> Double:
    if values is None:
        return np.ones((n, 21))
    given = _numbers(values, "confidence")
    array = _shaped(given[:, None].repeat(21, 1) if given.ndim == 1 else given, (n, 21), "confidence")
    array = np.where(np.isfinite(array), array, 0.0)
    if ((array < 0) | (array > 1)).any():
        raise InputError(f"confidence reaches from {array.min():g} to {array.max():g}; it must lie between 0 and 1")
    return array


def squares(points: Keypoints) -> Double:
    """Return (N,3) centre x, y and side of the square around the joints that pull, px; NaN where there is none."""
    used: Bool = np.asarray(points.weight > 0)[..., None]
    some = np.asarray(used.any((1, 2)))
    low = np.where(used, points.places_2d, np.inf).min(1)
    high = np.where(used, points.places_2d, -np.inf).max(1)
    low, high = np.where(some[:, None], low, np.nan), np.where(some[:, None], high, np.nan)
    side = np.maximum(MARGIN * (high - low).max(1), MIN_SIDE)
    return np.concatenate([(low + high) / 2, side[:, None]], 1)


def targets(points: Keypoints, square: Double, dtype: torch.dtype) -> Target:
    """Mirror left hands, and scale all of them to their squares."""
    mirror = np.where(points.is_right[:, None, None], 1.0, (-1.0, 1.0, 1.0))
    flat = (points.places_2d - square[:, None, :2]) / square[:, None, 2:] * mirror[..., :2]
    solid = points.places_3d * mirror
    weight, weight_3d = points.weight, points.weight_3d
    arrays = (
        np.where(weight[..., None] > 0, flat, 0.0),
        weight,
        np.where(weight_3d[..., None] > 0, solid, 0.0),
        weight_3d,
    )
    return Target(*(torch.tensor(array, dtype=dtype) for array in arrays))
