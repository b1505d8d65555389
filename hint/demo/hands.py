"""Posed hands as meshes: MANO layer, forearm, sleeve, and texture coordinates of the skin."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray

from hint.demo.geometry import Array, Index, Mesh, Smoother
from hint.demo.noise import Noise, ramp
from hint.mano.layer import ManoLayer
from hint.mano.procedural import procedural_hand
from hint.mano.procedural.anatomy import DIGITS
from hint.normals import crosses, lengths, vertex_normals
from hint.skeleton import FINGERS

#: Distances of the forearm's rings beyond the wrist's open end, in metres.
_ARM = np.array([0.008, 0.018, 0.031, 0.047, 0.066, 0.09, 0.12, 0.16, 0.21, 0.27, 0.36, 0.55, 1.0])

#: Rounds of subdivision: for pictures of several hundred px, and for small ones.
FINE, COARSE = 2, 1


@dataclass(frozen=True, eq=False)
class HandPose:
    """Parameters of one hand; a left hand is the right one with x negated after posing.

    Attributes:
        is_right: Side.
        global_orient: (3,3) rotation of the wrist.
        hand_pose: (15,3,3) rotations of the other joints.
        betas: (10,) shape.
        transl: (3,) metres, added to the posed hand (before x is negated).
        arm: (3,) unit direction from the wrist to the elbow, frame of the posed hand.
    """

    is_right: bool
    global_orient: Array
    hand_pose: Array
    betas: Array
    transl: Array
    arm: Array

    def moved(self, transl: Array) -> HandPose:
        """Return the pose with another translation."""
        return replace(self, transl=transl)


@dataclass(frozen=True, eq=False)
class PosedHand:
    """A hand in space.

    Attributes:
        joints: (21,3) metres, HInt order.
        vertices: (778,3) metres, as the layer returns them.
        mesh: Smooth surface with its forearm and upper arm.
        on_hand: (G,) whether a face of the mesh belongs to the hand rather than the forearm.
        sleeve: Cloth around the forearm.
    """

    joints: Array
    vertices: Array
    mesh: Mesh
    on_hand: NDArray[np.bool_]
    sleeve: Mesh


@lru_cache(maxsize=1)
def _layer() -> ManoLayer:
    return ManoLayer(procedural_hand()).eval()


@lru_cache(maxsize=1)
def wrist_loop() -> Index:
    """Return the vertex ids of the open end at the wrist, in order."""
    faces = procedural_hand().faces
    edges = {(int(a), int(b)) for f in faces for a, b in zip(f, np.roll(f, -1), strict=True)}
    follows = {a: b for a, b in edges if (b, a) not in edges}
    loop = [min(follows)]
    while follows[loop[-1]] != loop[0]:
        loop.append(follows[loop[-1]])
    return np.array(loop)


@lru_cache(maxsize=2)
def _with_arm(rounds: int) -> tuple[Smoother, Array, Array]:
    """Return the smoother of hand and forearm, and the fine coordinates and normals at rest."""
    model, loop = procedural_hand(), wrist_loop()
    n, faces = len(loop), [model.faces]
    rings = [loop, *(len(model.v_template) + n * k + np.arange(n) for k in range(len(_ARM)))]
    for near, far in pairwise(rings):
        a, b, c, d = near, np.roll(near, -1), np.roll(far, -1), far
        faces += [np.stack([b, a, d], 1), np.stack([b, d, c], 1)]
    smoother = Smoother.of(np.concatenate(faces), len(model.v_template) + n * len(_ARM), rounds)
    rest = np.concatenate([model.v_template, _arm_rings(model.v_template[loop], np.eye(3), np.array([1.0, 0, 0]))])
    fine = smoother(rest)
    return smoother, fine, vertex_normals(fine, smoother.faces)


@lru_cache(maxsize=2)
def _relief(rounds: int) -> Array:
    """Return (W,) heights of tendons, knuckles and veins on the back of the hand, metres."""
    _, coords, normals = _with_arm(rounds)
    x, _, z = coords.T
    height = np.zeros(len(coords))
    for name in FINGERS[1:]:
        knuckle = DIGITS[name].base
        along = np.clip((0.088 - x) / (0.088 - knuckle[0]), 0, 1)
        aside = z - (0.002 + along * (knuckle[2] - 0.002) * (0.35 + 0.65 * along))
        height += 0.0007 * np.exp(-((aside / 0.0026) ** 2)) * ramp(along, 0.15, 0.45) * (x > knuckle[0] - 0.004)
        height += 0.0011 * np.exp(-((x - knuckle[0]) ** 2 + (z - knuckle[2]) ** 2) / 0.0065**2)
    veins = Noise(np.random.default_rng(0))(coords * (30.0, 60.0, 75.0))[:, 0]
    height += 0.0005 * ramp(0.22 - np.abs(veins), 0.0, 0.2) * ramp(x, -0.005, 0.02) * ramp(0.25 - x, 0.0, 0.1)
    back: Array = height * ramp(normals[:, 1], 0.35, 0.8)
    return back


def _arm_rings(loop: Array, axes: Array, arm: Array, swell: float = 1.0) -> Array:
    """Return (K*16,3) rings that continue from the wrist and bend towards the elbow.

    Args:
        loop: (16,3) open end of the hand.
        axes: (3,3) columns: the hand's x (to the elbow), y (back of the hand) and z axes.
        arm: (3,) unit direction of the elbow.
        swell: Scale of the cross-section.
    """
    centre = loop.mean(0)
    flat = (loop - centre) @ axes
    turn = ramp(_ARM, 0.0, 0.06)[:, None]
    x = axes[:, 0] * (1 - turn) + arm * turn
    x /= lengths(x)
    y = axes[:, 1] - (x @ axes[:, 1])[:, None] * x
    y /= lengths(y)
    middles = centre + np.cumsum(np.diff(_ARM, prepend=0.0)[:, None] * x, 0)
    wide = swell * (1 + 0.55 * ramp(_ARM, 0.0, 0.25))[:, None, None] * crosses(x, y)[:, None]
    tall = swell * (1 + 0.80 * ramp(_ARM, 0.0, 0.20))[:, None, None] * y[:, None]
    rings: Array = middles[:, None] + flat[:, 1:2] * tall + flat[:, 2:] * wide
    return rings.reshape(-1, 3)


def run_layer(poses: list[HandPose]) -> tuple[Array, Array]:
    """Return (N,21,3) joints and (N,778,3) vertices of hands in space, sides applied."""

    def stack(name: str) -> torch.Tensor:
        return torch.from_numpy(np.stack([getattr(p, name) for p in poses]).astype(np.float32))

    with torch.inference_mode():
        joints, vertices = _layer()(stack("global_orient")[:, None], stack("hand_pose"), stack("betas"))
    shift = np.stack([p.transl for p in poses])[:, None]
    side = np.array([[1.0 if p.is_right else -1.0, 1.0, 1.0] for p in poses])[:, None]
    return (joints.double().numpy() + shift) * side, (vertices.double().numpy() + shift) * side


@lru_cache(maxsize=8)  # a scene needs the same hand when it is laid out and when it is built
def pose_hand(pose: HandPose, rounds: int = FINE) -> PosedHand:
    """Pose one hand with its forearm and a sleeve over that.

    Args:
        pose: Its parameters.
        rounds: Rounds of subdivision, :data:`FINE` or :data:`COARSE`.
    """
    right = replace(pose, is_right=True)
    joints, vertices = (values[0] for values in run_layer([right]))
    smoother, coords, normals = _with_arm(rounds)
    loop = vertices[wrist_loop()]
    rings = _arm_rings(loop, pose.global_orient, pose.arm)
    fine = smoother(np.concatenate([vertices, rings]))
    fine += _relief(rounds)[:, None] * vertex_normals(fine, smoother.faces)
    mesh = Mesh(fine, smoother.faces, coords, normals)
    sleeve = _sleeve(loop, pose.global_orient, pose.arm, rounds)
    on_hand = coords[smoother.faces].mean(1)[:, 0] < procedural_hand().v_template[:, 0].max()
    if pose.is_right:
        return PosedHand(joints, vertices, mesh, on_hand, sleeve)
    flip = np.array([-1.0, 1.0, 1.0])
    return PosedHand(joints * flip, vertices * flip, mesh.mirrored(), on_hand, sleeve.mirrored())


@lru_cache(maxsize=2)
def _sleeve_smoother(rounds: int) -> Smoother:
    n, rows = len(wrist_loop()), len(_ARM)
    ids = np.arange(rows * n).reshape(rows, n)
    a, b = ids[:-1], np.roll(ids[:-1], -1, 1)
    d, c = ids[1:], np.roll(ids[1:], -1, 1)
    faces = [np.stack([b, a, d], -1).reshape(-1, 3), np.stack([b, d, c], -1).reshape(-1, 3)]
    return Smoother.of(np.concatenate(faces), rows * n, rounds)


def _sleeve(loop: Array, axes: Array, arm: Array, rounds: int) -> Mesh:
    """Return a tube of cloth that starts 3 cm beyond the open end; its near rim is folded inwards."""
    rings = _arm_rings(loop, axes, arm, 1.17).reshape(len(_ARM), -1, 3)[2:]
    inner = _arm_rings(loop, axes, arm, 1.02).reshape(len(_ARM), -1, 3)[2:4]
    smoother = _sleeve_smoother(rounds)
    vertices = smoother(np.concatenate([inner[::-1].reshape(-1, 3), rings.reshape(-1, 3)]))
    coords = (vertices - loop.mean(0)) @ axes
    return Mesh(vertices, smoother.faces, coords, vertex_normals(vertices, smoother.faces) @ axes)


def spread_to_mesh(values: Array, rounds: int) -> tuple[Array, Index]:
    """Return (W,C) values on the smooth mesh and its faces; the forearm gets the values of the open end.

    Args:
        values: (778,C) per-vertex values.
        rounds: Rounds of subdivision.
    """
    smoother = _with_arm(rounds)[0]
    arm = np.tile(values[wrist_loop()], (len(_ARM), 1))
    return smoother(np.concatenate([values, arm])), smoother.faces
