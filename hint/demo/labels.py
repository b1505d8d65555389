"""Labels of a rendered hand: which joints are occluded, and its box.

A joint is visible if, on the straight line from the camera to it, nothing lies in front of it but its own flesh:

* any other surface (a prop, the other hand, a sleeve, the ground) in front of the joint occludes it;
* the hand's own surface in front of the joint occludes it if it belongs to another digit, or if it is further from the
  joint than the flesh is thick: 1.6 times the joint's distance to the nearest skin plus 4 mm in the fingers,
  33 mm for the joints in the palm (wrist, thumb base, knuckles), 11 mm for fingertips, which lie on the skin.

So a finger bent behind the palm, or pointing away so that its tip hides behind its own middle part, is occluded.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from hint.demo.geometry import Array, Index, World
from hint.demo.hands import FINE, spread_to_mesh
from hint.mano.procedural import procedural_hand
from hint.render.camera import Camera
from hint.skeleton import FINGER_OF_JOINT, FINGERS, MANO_JOINT_NAMES

Bool = NDArray[np.bool_]

_PALM, _FINGERTIP, _SLACK, _THICKNESS = 0.033, 0.011, 0.004, 1.6

_IN_PALM = np.array([0, 1, 5, 9, 13, 17])
_TIPS = np.array([4, 8, 12, 16, 20])


@lru_cache(maxsize=2)
def face_digits(rounds: int = FINE) -> Index:
    """Return (G,) the digit that each face of a hand's mesh belongs to, -1 for palm and forearm."""
    weights = procedural_hand().lbs_weights
    digit = [-1] + [FINGERS.index(name[:-1]) for name in MANO_JOINT_NAMES[1:]]
    share = np.stack([weights[:, [d == f for d in digit]].sum(1) for f in range(-1, 5)], 1)
    smooth, faces = spread_to_mesh(share, rounds)
    owner: Index = smooth[faces].mean(1).argmax(1) - 1
    return owner


def _tolerance(joints: Array, skin: Array) -> Array:
    """Return (21,) how far in front of a joint its own skin may lie, metres."""
    distance = np.linalg.norm(joints[:, None] - skin[None], axis=2)
    tolerance: Array = _THICKNESS * np.sort(distance, 1)[:, :3].mean(1) + _SLACK
    tolerance[_IN_PALM], tolerance[_TIPS] = _PALM, _FINGERTIP
    return tolerance


def occluded(world: World, target: int, joints: Array, vertices: Array, rounds: int = FINE) -> Bool:
    """Return (21,) whether each joint is hidden from a camera at the origin; see the rule above.

    Args:
        world: Everything in the scene.
        target: Index of the hand's mesh in the world.
        joints: (21,3) metres.
        vertices: (778,3) of the hand, metres.
        rounds: Rounds of subdivision of its mesh.
    """
    reach = np.linalg.norm(joints, axis=1)
    hits = world.hit(joints / reach[:, None])
    hidden = np.zeros(21, bool)
    row = np.flatnonzero(hits.found)
    ahead = reach[row] - hits.distance
    own = hits.part == target
    start = int(np.flatnonzero(world.part == target)[0])
    digit = face_digits(rounds)[np.where(own, hits.face - start, 0)]
    mine = np.array(FINGER_OF_JOINT)[row]
    # Palm skin may cover the wrist and near knuckles; further out a joint belongs to its own digit alone.
    near_palm = (row == 0) | (row % 4 == 1) | (row == 2)
    allowed = (digit == mine) | (near_palm & (digit == -1)) | ((row == 0) & (digit == 0))
    knuckle = (row % 4 == 1) & (row > 1) & (digit >= 1) & (np.abs(digit - mine) == 1)
    thick = _tolerance(joints, vertices)[row]
    hidden[row] = (ahead > 0) & np.where(own, ~((allowed | knuckle) & (ahead <= thick)), True)
    return hidden


def box(camera: Camera, vertices: Array, margin: Array) -> Array:
    """Return the hand's (4,) xyxy box in px: its extent up to the wrist, at most 4 % outside the picture.

    Args:
        camera: The camera.
        vertices: (778,3) metres.
        margin: (4,) share of the extent's longer side added left, above, right, below; negative cuts.
    """
    model = procedural_hand()
    wrist = float(model.j_regressor[0] @ model.v_template[:, 0])
    flat = camera.project(vertices[model.v_template[:, 0] < wrist])
    low, high = flat.min(0), flat.max(0)
    size = np.array([camera.width, camera.height])
    extent = float((high - low).max())
    low = np.maximum(low - extent * margin[:2], -0.04 * size)
    high = np.minimum(high + extent * margin[2:], 1.04 * size)
    return np.concatenate([low, high])
