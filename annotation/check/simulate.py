"""Simulated labels: projections of posed procedural hands, with the flags an annotator would give.

A hand of :func:`hint.mano.procedural.procedural_hand` grasps, points or rests, seen from its owner's eyes or from
anywhere. What occludes its joints is the hand itself, for two hands in three something held (an ellipsoid between palm
and fingers), and for one in five something in front of a part of the picture. Nothing comes from a picture or a label.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from hint.mano.layer import ManoLayer
from hint.mano.poses import GRASPS, pose_from_angles, sample_angles
from hint.mano.procedural import procedural_hand
from hint.occlusion.surface import Surface
from hint.types import Bool, Double

#: Shares of hands seen by their owner, holding something, and behind something.
_EGOCENTRIC, _HOLDING, _BEHIND = 0.6, 0.65, 0.2
#: Grasps that are drawn three times as often as the others.
_USUAL = ("power", "wide", "tripod", "pinch", "hook", "lateral", "claw", "relaxed", "platform")
#: Distances to the camera, metres.
_NEAR, _FAR = 0.3, 0.9
_BATCH = 250

_PALM, _TIPS = np.isin(np.arange(21), (0, 1, 5, 9, 13, 17)), np.isin(np.arange(21), (4, 8, 12, 16, 20))
#: How far in front of a joint the surface of its own digit, of another digit, of the palm or of a thing may lie before
#: it hides the joint, metres: flesh is that thick.
_OWN, _OTHER, _OF_PALM = np.where(_TIPS, 0.011, 0.016), np.where(_PALM, 0.012, 0.004), np.where(_PALM, 0.033, 0.01)
_THING = 0.008


def simulated_hands(n: int, seed: int) -> tuple[Double, Bool]:
    """Simulate correct labels of right hands.

    Args:
        n: Number of hands.
        seed: Seed of everything.

    Returns:
        (n,21,2) keypoints, hands of about one unit; (n,21) whether each joint is occluded.
    """
    rng = np.random.default_rng(seed)
    model = procedural_hand()
    layer, surface = ManoLayer(model).eval(), Surface(model)
    angles = sample_angles(rng, n, (*GRASPS, *_USUAL, *_USUAL))
    pose = Rotation.from_rotvec(pose_from_angles(angles).reshape(-1, 3)).as_matrix().reshape(n, 15, 3, 3)
    view, betas = _views(rng, n)[:, None], np.clip(rng.normal(size=(n, 10)), -2.5, 2.5)
    points, hidden = np.zeros((n, 21, 2)), np.zeros((n, 21), bool)
    for start in range(0, n, _BATCH):
        part = slice(start, start + _BATCH)
        with torch.inference_mode():
            joints, vertices = layer(*(torch.from_numpy(a[part].astype(np.float32)) for a in (view, pose, betas)))
            ahead = surface.ahead(vertices, joints).double().numpy()
        points[part], hidden[part] = _seen(rng, joints.double().numpy(), ahead)
    return points, hidden


def _unit(vectors: Double) -> Double:
    unit: Double = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    return unit


def _views(rng: np.random.Generator, n: int) -> Double:
    """Return (n,3,3) axes of hands: those of their owners point away and show their backs, the others are anyhow."""
    elbow = _unit(np.array([0.5, 0.75, -0.35]) + rng.normal(size=(n, 3)) * (0.35, 0.2, 0.2))
    back = np.array([0.0, -0.5, -0.85]) + rng.normal(size=(n, 3)) * 0.25
    back = _unit(back - (back * elbow).sum(1, keepdims=True) * elbow)
    roll = np.where(rng.random(n) < 0.8, rng.normal(size=n) * 50, rng.uniform(-180, 180, n))
    turns = np.stack([roll, rng.normal(size=n) * 18, rng.normal(size=n) * 8], 1)
    bent = Rotation.from_euler("xzy", turns, degrees=True).as_matrix()
    own = np.stack([elbow, back, np.cross(elbow, back)], 2) @ bent
    anyhow = Rotation.random(n, random_state=rng).as_matrix()
    return np.where((rng.random(n) < _EGOCENTRIC)[:, None, None], own, anyhow)


def _seen(rng: np.random.Generator, joints: Double, ahead: Double) -> tuple[Double, Bool]:
    """Return (n,21,2) where a camera sees joints (n,21,3), and (n,21) whether something hides them.

    Args:
        rng: Random numbers.
        joints: Metres; x right, y down, z away.
        ahead: (n,21,3) of :meth:`hint.occlusion.surface.Surface.ahead`.
    """
    n = len(joints)
    hidden = (ahead > np.stack([_OWN, _OTHER, _OF_PALM], 1)).any(2)
    hidden |= (rng.random(n) < _HOLDING)[:, None] & (_in_front(joints, *_held(rng, joints)) > _THING)
    hidden |= (rng.random(n) < _BEHIND)[:, None] & _beyond_a_line(rng, joints[..., :2])
    depth = joints[..., 2:] - joints[..., 2:].mean(1, keepdims=True)
    return joints[..., :2] / (1 + depth / rng.uniform(_NEAR, _FAR, (n, 1, 1))), hidden


def _held(rng: np.random.Generator, joints: Double) -> tuple[Double, Double, Double, Double]:
    """Return centres (n,3), radii (n,), long axes (n,3) and their stretch (n,) of ellipsoids in the hands."""
    n = len(joints)
    across = _unit(joints[:, 5] - joints[:, 17])
    palmwards = _unit(np.cross(across, _unit(joints[:, 9] - joints[:, 0])).astype(np.float64))
    radius = rng.uniform(0.015, 0.06, n)
    palm, tips = joints[:, [0, 5, 9, 13, 17]].mean(1), joints[:, _TIPS].mean(1)
    centre = 0.45 * palm + 0.35 * tips + 0.2 * joints[:, [9, 10]].mean(1)
    centre += palmwards * (radius * rng.uniform(0.5, 1.1, n))[:, None]
    anyhow = _unit(rng.normal(size=(n, 3)))
    axis = _unit(np.where((rng.random(n) < 0.6)[:, None], across + 0.4 * anyhow, anyhow))
    return centre, radius, axis, rng.uniform(1, 4, n)


def _in_front(joints: Double, centre: Double, radius: Double, axis: Double, stretch: Double) -> Double:
    """Return (n,21) how far in front of joints ellipsoids begin, metres; 0 where they are beside."""

    def round_out(vectors: Double) -> Double:
        along = (vectors * axis[:, None]).sum(2, keepdims=True)
        rounded: Double = vectors - (1 - 1 / stretch)[:, None, None] * along * axis[:, None]
        return rounded / radius[:, None, None]

    place, ray = round_out(joints - centre[:, None]), round_out(np.array([[[0.0, 0.0, 1.0]]]))
    a, b, c = (ray * ray).sum(2), (place * ray).sum(2), (place * place).sum(2) - 1
    root = np.square(b) - a * c
    return np.where(root > 0, (b + np.sqrt(np.maximum(root, 0))) / a, 0.0)


def _beyond_a_line(rng: np.random.Generator, points: Double) -> Bool:
    """Return (n,21) which points (n,21,2) are beyond a line across the hand, up to three fifths of it."""
    angle = rng.uniform(0, 2 * np.pi, len(points))
    along = (points * np.stack([np.cos(angle), np.sin(angle)], 1)[:, None]).sum(2)
    low, high = along.min(1), along.max(1)
    beyond: Bool = along > (low + (high - low) * rng.uniform(0.4, 1, len(points)))[:, None]
    return beyond
