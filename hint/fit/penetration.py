"""How deep the fingers of a posed hand are inside each other."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hint.mano.model import TIP_VERTICES, ManoModel
from hint.skeleton import FINGERS, FROM_MANO, MANO_JOINT_NAMES

_Array = NDArray[np.float64]

#: Hands deeper than this in themselves count, metres: skin gives way that much.
DEEP = 0.004

#: Bones that are compared, of each finger: knuckles are too close to each other to tell.
_BONES = (2, 3)


class _Capsule(NamedTuple):
    """A bone with the skin around it.

    Attributes:
        finger: Place in :data:`hint.skeleton.FINGERS`.
        start: Number of its first joint, HInt order; the next one is its other end.
        radius: Metres, at rest.
        vertices: Numbers of its vertices.
    """

    finger: int
    start: int
    radius: float
    vertices: NDArray[np.intp]


def penetration(model: ManoModel, joints: ArrayLike, vertices: ArrayLike) -> _Array:
    """Return how deep any vertex of a finger is inside a bone's capsule of another finger.

    Args:
        model: The hand.
        joints: (N,21,3) metres.
        vertices: (N,778,3) metres.

    Returns:
        (N,) metres, 0 where no finger is inside another.
    """
    joints, vertices = np.asarray(joints, np.float64), np.asarray(vertices, np.float64)
    deepest = np.zeros(len(joints))
    for bone in _capsules(model):
        others = np.concatenate([c.vertices for c in _capsules(model) if c.finger != bone.finger])
        ends = joints[:, bone.start, None], joints[:, bone.start + 1, None]
        apart = _distance(vertices[:, others], *ends)
        deepest = np.fmax(deepest, (bone.radius - apart).max(1))
    return deepest


@lru_cache(maxsize=8)
def _capsules(model: ManoModel) -> list[_Capsule]:
    rest = np.concatenate([model.j_regressor @ model.v_template, model.v_template[list(TIP_VERTICES)]])[list(FROM_MANO)]
    owner = model.lbs_weights.argmax(1)
    capsules = []
    for finger, name in enumerate(FINGERS):
        for part in _BONES:
            mine = np.flatnonzero(owner == MANO_JOINT_NAMES.index(f"{name}{part}"))
            start = 4 * finger + part
            apart = _distance(model.v_template[mine], rest[start], rest[start + 1])
            capsules.append(_Capsule(finger, start, float(apart.mean()), mine))
    return capsules


def _distance(points: _Array, start: _Array, end: _Array) -> _Array:
    """Return the distances of points (...,3) to segments (...,3)."""
    along = end - start
    share = ((points - start) * along).sum(-1) / np.maximum((along * along).sum(-1), 1e-12)
    nearest = start + np.clip(share, 0, 1)[..., None] * along
    distance: _Array = np.linalg.norm(points - nearest, axis=-1)
    return distance
