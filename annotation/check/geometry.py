"""What can be measured of 21 points in a picture: bones, turns, the palm and its order.

Points that do not exist are NaN, and so is everything that needs them: it is not judged.
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
    """Return (N,) the upper quartile of each row (N,K), NaN left out: the value below which three quarters lie."""
    ordered = np.sort(values, axis=1)  # NaN go last
    count = np.isfinite(values).sum(1)
    place = np.maximum(np.ceil(0.75 * count).astype(np.int64) - 1, 0)
    quartile: Double = np.take_along_axis(ordered, place[:, None], axis=1)[:, 0]
    return quartile


def turns(bones: Double) -> Double:
    """Return (N,5,3) by how much a finger turns at its three inner joints, radians, positive clockwise in the picture.

    Args:
        bones: (N,20,2) of :func:`bone_vectors`.
    """
    chains = bones.reshape(-1, 5, 4, 2)
    before, after = chains[:, :, :-1], chains[:, :, 1:]
    angle: Double = np.arctan2(cross(before, after), (before * after).sum(-1))
    return angle


def opposite_turns(turn: Double, is_long: Bool) -> Double:
    """Return (N,5) how far a finger bends forwards at one of its two outer joints and backwards at the other, radians.

    Fingers bend to one side only, in the picture too, whatever the view: one that zigzags has a wrong joint.

    Args:
        turn: (N,5,3) of :func:`turns`.
        is_long: (N,5,3) whether both bones at the joint are long enough for their direction to mean something.
    """
    first, second = turn[:, :, 1], turn[:, :, 2]
    judged = is_long[:, :, 1] & is_long[:, :, 2]
    opposed = np.where(first * second < 0, np.minimum(abs(first), abs(second)), 0.0)
    return np.where(judged, opposed, np.nan)


def palm_spread(points: Double) -> Double:
    """Return (N,) how broad the palm is seen, -1..1: 0 edge-on; the sign tells which way round its knuckles go.

    Twice the area of wrist, index and little knuckle over the square of the longest distance wrist-knuckle.
    """
    rays = points[:, KNUCKLES] - points[:, [WRIST]]
    longest = np.square(rays).sum(2).max(1)
    return _divide(cross(rays[:, 0], rays[:, 3]), longest)


def knuckle_disorder(points: Double) -> Double:
    """Return (N,) how far the knuckles are out of their order around the wrist, radians; 0 for any hand in order.

    From index to little finger the direction from the wrist turns one way. The turns the other way are summed, for the
    sense of rotation in which they are less.
    """
    rays = points[:, KNUCKLES] - points[:, [WRIST]]
    before, after = rays[:, :-1], rays[:, 1:]
    turn = np.arctan2(cross(before, after), (before * after).sum(2))
    positive, negative = np.maximum(turn, 0).sum(1), np.maximum(-turn, 0).sum(1)
    disorder: Double = np.minimum(positive, negative)
    return disorder


def deepest_crossing(points: Double) -> Double:
    """Return (N,) how far from their ends the first bones of two neighbouring fingers cross, in bone lengths, 0..0.5.

    Of the three pairs from index to little finger the deepest; 0 where none cross.
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
    """Return how far joints lie beside the line wrist - middle knuckle, and how broad the knuckles are seen.

    Args:
        points: (N,21,2) px.
        joints: K joints.

    Returns:
        (N,K) positive on the index finger's side; (N,) the width index - little knuckle across that line. Both in
        lengths of it.
    """
    axis = points[:, MIDDLE] - points[:, WRIST]
    square = np.square(axis).sum(1)
    across = _divide(cross(axis, points[:, 5] - points[:, 17]), square)
    safe = np.where(square > 0, square, np.nan)[:, None]
    offset = cross(axis[:, None], points[:, list(joints)] - points[:, [WRIST]]) / safe
    return np.sign(across)[:, None] * offset, abs(across)


def in_palm(points: Double, joints: tuple[int, ...]) -> Bool:
    """Return (N,K) whether joints lie within the palm, where its outline is convex; False where it is not."""
    outline = points[:, PALM]
    edge = np.roll(outline, -1, axis=1) - outline
    side = cross(edge[:, None], points[:, list(joints), None] - outline[:, None])
    return np.asarray((side > 0).all(2) | (side < 0).all(2))


def by_joint(points: Double) -> Double:
    """Return (2,K,N) a copy of (N,K,2) points in which what is alike stands together: much faster to go through."""
    copy: Double = np.ascontiguousarray(points.transpose(2, 1, 0))
    return copy


def extent(points: Double) -> Double:
    """Return (N,5) the longer side of the box around the four joints of each finger, px."""
    fingers = by_joint(points)[:, 1:].reshape(2, 5, 4, -1)
    longest: Double = (fingers.max(2) - fingers.min(2)).max(0)
    return longest.T


def nearest_pair(points: Double) -> tuple[Double, NDArray[np.int64]]:
    """Return (N,) the least distance of two points, px, inf where there are no two, and (N,) the first of the two."""
    x, y = by_joint(points)
    nearest, joint = np.full(len(points), np.inf), np.zeros(len(points), np.int64)
    for k in range(points.shape[1] - 1):
        to_others = np.square(x[k + 1 :] - x[k]) + np.square(y[k + 1 :] - y[k])
        square = np.fmin.reduce(to_others, axis=0, initial=np.inf)
        closer = square < nearest
        nearest[closer], joint[closer] = square[closer], k
    return np.sqrt(nearest), joint


def _divide(a: Any, b: Any) -> Double:
    """Divide, NaN where the divisor is 0."""
    quotient: Double = a / np.where(b == 0, np.nan, b)
    return quotient
