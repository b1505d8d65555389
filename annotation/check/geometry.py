"""Measurements on 21 points in a picture: bones, turns, the palm and the order of the knuckles.

Points that do not exist are NaN, and so is everything computed from them, which is then not judged.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hint.skeleton import BONES
from hint.types import Bool, Double

WRIST, MIDDLE = 0, 9
#: Knuckles from index to little finger, and the tips of the same fingers.
KNUCKLES, TIPS = (5, 9, 13, 17), (8, 12, 16, 20)
#: The outline of the palm.
PALM = (0, 1, 5, 9, 13, 17)

_PARENTS, _CHILDREN = np.array(BONES).T


def bone_vectors(points: Double) -> Double:
    """Return (N,20,2) bones of (N,21,2) points, in the order of :data:`hint.skeleton.BONES`."""
    bones: Double = points[:, _CHILDREN] - points[:, _PARENTS]
    return bones


def cross(a: Double, b: Double) -> Double:
    """Return (...) the z part of the cross product of (...,2) vectors."""
    product: Double = a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
    return product


def upper_quartile(values: Double) -> Double:
    """Return (N,) the upper quartile of each row (N,K), ignoring NaN."""
    ordered = np.sort(values, axis=1)  # NaN last
    count = np.isfinite(values).sum(1)
    place = np.maximum(np.ceil(0.75 * count).astype(np.int64) - 1, 0)
    quartile: Double = np.take_along_axis(ordered, place[:, None], axis=1)[:, 0]
    return quartile


def turns(bones: Double) -> Double:
    """Return (N,5,3) turns of the fingers at their three inner joints, radians, positive clockwise in the picture.

    Args:
        bones: (N,20,2) from :func:`bone_vectors`.
    """
    chains = bones.reshape(-1, 5, 4, 2)
    before, after = chains[:, :, :-1], chains[:, :, 1:]
    angle: Double = np.arctan2(cross(before, after), (before * after).sum(-1))
    return angle


def opposite_turns(turn: Double, is_long: Bool) -> Double:
    """Return (N,5) how far a finger bends forwards at one of its two outer joints and backwards at the other, radians.

    In any view fingers bend to one side only; a zigzag means that a joint is wrong.

    Args:
        turn: (N,5,3) from :func:`turns`.
        is_long: (N,5,3) whether both bones at the joint are long enough to have a reliable direction.
    """
    first, second = turn[:, :, 1], turn[:, :, 2]
    judged = is_long[:, :, 1] & is_long[:, :, 2]
    opposed = np.where(first * second < 0, np.minimum(abs(first), abs(second)), 0.0)
    return np.where(judged, opposed, np.nan)


def palm_spread(points: Double) -> Double:
    """Return (N,) the apparent width of the palm, -1..1: 0 edge-on; the sign is the rotation sense of the knuckles.

    Twice the area of wrist, index and little knuckle over the square of the longest distance wrist - knuckle.
    """
    rays = points[:, KNUCKLES] - points[:, [WRIST]]
    longest = np.square(rays).sum(2).max(1)
    return _divide(cross(rays[:, 0], rays[:, 3]), longest)


def knuckle_disorder(points: Double) -> Double:
    """Return (N,) how far the knuckles are out of order around the wrist, radians; 0 if they are in order.

    From index to little finger the direction from the wrist turns one way. Turns the other way are summed, for the
    sense of rotation in which they are smaller.
    """
    rays = points[:, KNUCKLES] - points[:, [WRIST]]
    before, after = rays[:, :-1], rays[:, 1:]
    turn = np.arctan2(cross(before, after), (before * after).sum(2))
    positive, negative = np.maximum(turn, 0).sum(1), np.maximum(-turn, 0).sum(1)
    disorder: Double = np.minimum(positive, negative)
    return disorder


def deepest_crossing(points: Double) -> Double:
    """Return (N,) how far from their ends the first bones of neighbouring fingers cross, in bone lengths, 0..0.5.

    The deepest crossing of the three pairs from index to little finger; 0 if none cross.
    """
    start, end = points[:, KNUCKLES], points[:, [k + 1 for k in KNUCKLES]]
    a, b = (end - start)[:, :-1], (end - start)[:, 1:]
    gap = start[:, 1:] - start[:, :-1]
    area = cross(a, b)
    on_a, on_b = _divide(cross(gap, b), area), _divide(cross(gap, a), area)
    depth = np.minimum.reduce([on_a, 1 - on_a, on_b, 1 - on_b])
    known = np.isfinite(gap).all((1, 2)) & np.isfinite(end).all((1, 2))
    deepest: Double = np.where(known, np.nan_to_num(depth, nan=0.0).max(1), np.nan)
    return np.maximum(deepest, 0.0)


def beside_axis(points: Double, joints: tuple[int, ...]) -> tuple[Double, Double]:
    """Return the offsets of joints from the line wrist - middle knuckle, and the apparent width of the knuckles.

    Args:
        points: (N,21,2) px.
        joints: K joints.

    Returns:
        (N,K) positive on the index finger's side; (N,) the width index - little knuckle across that line. Both in
        lengths of that line.
    """
    axis = points[:, MIDDLE] - points[:, WRIST]
    square = np.square(axis).sum(1)
    across = _divide(cross(axis, points[:, 5] - points[:, 17]), square)
    safe = np.where(square > 0, square, np.nan)[:, None]
    offset = cross(axis[:, None], points[:, list(joints)] - points[:, [WRIST]]) / safe
    return np.sign(across)[:, None] * offset, abs(across)


def in_palm(points: Double, joints: tuple[int, ...]) -> Bool:
    """Return (N,K) whether joints are inside the palm; False if its outline is not convex."""
    outline = points[:, PALM]
    edge = np.roll(outline, -1, axis=1) - outline
    side = cross(edge[:, None], points[:, list(joints), None] - outline[:, None])
    return np.asarray((side > 0).all(2) | (side < 0).all(2))


def by_joint(points: Double) -> Double:
    """Return (2,K,N) a contiguous copy of (N,K,2) points, which is much faster to traverse."""
    copy: Double = np.ascontiguousarray(points.transpose(2, 1, 0))
    return copy


def extent(points: Double) -> Double:
    """Return (N,5) the longer side of the box around the four joints of each finger, px."""
    fingers = by_joint(points)[:, 1:].reshape(2, 5, 4, -1)
    longest: Double = (fingers.max(2) - fingers.min(2)).max(0)
    return longest.T


def nearest_pair(points: Double) -> tuple[Double, NDArray[np.int64]]:
    """Return (N,) the smallest distance of two points, px (inf without two points), and (N,) the first of the two."""
    x, y = by_joint(points)
    nearest, joint = np.full(len(points), np.inf), np.zeros(len(points), np.int64)
    for k in range(points.shape[1] - 1):
        to_others = np.square(x[k + 1 :] - x[k]) + np.square(y[k + 1 :] - y[k])
        square = np.fmin.reduce(to_others, axis=0, initial=np.inf)
        closer = square < nearest
        nearest[closer], joint[closer] = square[closer], k
    return np.sqrt(nearest), joint


def _divide(a: Any, b: Any) -> Double:
    """Divide; NaN where the divisor is 0."""
    quotient: Double = a / np.where(b == 0, np.nan, b)
    return quotient
