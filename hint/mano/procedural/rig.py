"""What makes the surface a model: skinning weights, joint regressor, shape and pose directions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls
from scipy.spatial.transform import Rotation

from hint.mano.poses import LIMITS_DEGREES, finger_frame, grasp, pose_from_angles, sample_poses
from hint.mano.procedural.anatomy import DIGITS, Finger
from hint.mano.procedural.surface import Surface, neighbour_mean
from hint.normals import crosses, lengths, vertex_normals
from hint.skeleton import FINGERS, MANO_JOINT_NAMES, MANO_PARENTS

Array = NDArray[np.float64]
Index = NDArray[np.int64]

_LONG = FINGERS[1:]

#: Half width of the blend between two segments, in metres.
_BLEND = 0.0065


def _first(name: str) -> int:
    return MANO_JOINT_NAMES.index(f"{name}1")


def _ramp(x: Array, low: float, high: float) -> Array:
    t = np.clip((x - low) / (high - low), 0.0, 1.0)
    ramp: Array = t * t * (3 - 2 * t)
    return ramp


def _along(f: Finger, points: Array) -> tuple[Array, Array]:
    """Return (P,) distances along a digit's first bone line, and from it."""
    offset = points - f.base
    along = offset @ f.frame[2]
    aside = np.linalg.norm(offset - along[:, None] * f.frame[2], axis=1)
    return along, aside


def _segments(f: Finger, along: Array) -> Array:
    """Return (P,3) shares of a digit's three segments at distances along it."""
    second = _ramp(along, f.stops[1] - _BLEND, f.stops[1] + _BLEND)
    third = _ramp(along, f.stops[2] - _BLEND, f.stops[2] + _BLEND)
    return np.stack([1 - second, second - third, third], 1)


def _digit_share(points: Array, surface: Surface) -> Array:
    """Return (V,5) how much each digit carries a vertex; the palm carries the rest."""
    share = np.zeros((len(points), len(FINGERS)))
    along, aside = zip(*(_along(DIGITS[name], points) for name in FINGERS), strict=True)
    nearest = np.stack(aside[1:], 1)
    territory = np.exp(-((nearest / 0.009) ** 2))
    territory /= territory.sum(1, keepdims=True).clip(1e-9)
    for k in range(4):
        share[:, k + 1] = territory[:, k] * _ramp(along[k + 1], -0.008, 0.012) * (nearest[:, k] < 0.03)
    near = 1 - _ramp(aside[0], 0.013, 0.030)
    share[:, 0] = near * _ramp(along[0], -0.006, 0.024)
    for k, name in enumerate(FINGERS):
        own = [i for ring in surface.rings[name] for i in ring]
        share[own] = np.eye(5)[k] * _ramp(along[k][own], -0.006, 0.016)[:, None]
    share /= np.maximum(share.sum(1, keepdims=True), 1.0)
    return share


def skinning_weights(points: Array, faces: Index, surface: Surface) -> Array:
    """Return (V,16) smooth weights, at most four joints per vertex.

    Args:
        points: (V,3) rest vertices in the surface's own order.
        faces: (F,3) triangles.
        surface: Rings, which give the digit of a vertex.
    """
    share = _digit_share(points, surface)
    weights = np.zeros((len(points), 16))
    for k, name in enumerate(FINGERS):
        f = DIGITS[name]
        weights[:, _first(name) : _first(name) + 3] = share[:, k, None] * _segments(f, _along(f, points)[0])
    weights[:, 0] = 1 - weights.sum(1)
    mean = neighbour_mean(faces, len(points))
    for _ in range(3):
        weights = 0.5 * weights + 0.5 * (mean @ weights)
    weights[surface.rings["wrist"][0]] = np.eye(16)[0]
    weights[weights < np.sort(weights, 1)[:, [-4]]] = 0.0
    weights[weights < 0.004] = 0.0
    sums: Array = weights.sum(1, keepdims=True)
    return weights / sums


def joint_regressor(points: Array, joints: Array) -> Array:
    """Return (16,V) non-negative rows that sum to one and reproduce the joints from nearby vertices."""
    regressor = np.zeros((len(joints), len(points)))
    for row, joint in zip(regressor, joints, strict=True):
        near = np.argsort(np.linalg.norm(points - joint, axis=1), kind="stable")[:32]
        exact = 1e3 * np.vstack([(points[near] - joint).T / 0.01, np.ones(32)])
        share, _ = nnls(np.vstack([exact, np.eye(32)]), np.concatenate([np.zeros(3), [1e3], np.zeros(32)]))
        row[near] = share / share.sum()
    return regressor


#: Parts of the hand a shape direction can scale: which joints carry them.
_PARTS: dict[str, tuple[int, ...]] = {
    "palm": (0,),
    "first": tuple(_first(n) for n in _LONG),
    "second": tuple(_first(n) + 1 for n in _LONG),
    "third": tuple(_first(n) + 2 for n in _LONG),
    **{name: tuple(range(_first(name), _first(name) + 3)) for name in FINGERS},
}

#: One standard deviation of each shape direction: relative growth (across, thick, along) of parts.
SHAPE_DIRECTIONS: dict[str, dict[str, tuple[float, float, float]]] = {
    "size": dict.fromkeys(("palm", *FINGERS), (0.055, 0.055, 0.055)),
    "finger length": {"palm": (0, 0, -0.015), **dict.fromkeys(FINGERS, (0, 0, 0.045))},
    "palm width": {"palm": (0.045, 0.01, 0), **dict.fromkeys(FINGERS, (0.015, 0.01, 0))},
    "thickness": {"palm": (0, 0.065, 0), **dict.fromkeys(FINGERS, (0.01, 0.045, 0))},
    "finger girth": dict.fromkeys(FINGERS, (0.04, 0.04, 0)),
    "thumb": {"thumb": (0.05, 0.05, 0.055)},
    "taper": {"first": (0.035, 0.03, 0), "third": (-0.05, -0.05, 0), "palm": (0.01, 0, 0)},
    "index against ring": {"index": (0, 0, 0.035), "ring": (0, 0, -0.03)},
    "little finger": {"little": (0.025, 0.025, 0.06), "middle": (0, 0, -0.015)},
    "phalanges": {"first": (0, 0, 0.04), "second": (0, 0, -0.02), "third": (0, 0, -0.035)},
}


def _growth(direction: dict[str, tuple[float, float, float]]) -> Array:
    """Return (16,3,3) linear growth per joint's segment."""
    growth = np.zeros((16, 3, 3))
    for j in range(16):
        finger = MANO_JOINT_NAMES[j][:-1] if j else "middle"
        frame = finger_frame(finger)
        scale = np.sum([s for part, s in direction.items() if j in _PARTS[part]] or [(0.0, 0.0, 0.0)], axis=0)
        growth[j] = frame.T @ np.diag(scale) @ frame
    return growth


def shape_directions(points: Array, weights: Array, joints: Array) -> Array:
    """Return (V,3,10) displacements per standard deviation, from growth of the segments along the tree."""
    directions = np.zeros((len(points), 3, len(SHAPE_DIRECTIONS)))
    for k, direction in enumerate(SHAPE_DIRECTIONS.values()):
        growth, shift = _growth(direction), np.zeros((16, 3))
        for j in range(16):
            if j:
                p = MANO_PARENTS[j]
                shift[j] = shift[p] + growth[p] @ (joints[j] - joints[p])
            moved = shift[j] + (points - joints[j]) @ growth[j].T
            directions[:, :, k] += weights[:, j, None] * moved
    return directions


def _carried(weights: Array, joint: int) -> Array:
    """Return (V,) how much of a vertex turns with a joint: its own weight and those below it."""
    below = [joint]
    for child in range(joint + 1, 16):
        if MANO_PARENTS[child] in below:
            below.append(child)
    share: Array = weights[:, below].sum(1)
    return share


def _frames(points: Array, faces: Index, other: Index) -> Array:
    """Return (V,3,3) columns: normal, an edge made orthogonal to it, and their cross product."""
    normal = vertex_normals(points, faces)
    edge = points[other] - points
    edge -= (edge * normal).sum(1, keepdims=True) * normal
    edge /= lengths(edge)
    return np.stack([normal, edge, crosses(normal, edge)], 2)


class DeltaMush:
    """Smooth a skinned surface and put the rest shape's detail back on it.

    Source: Mancewicz et al., Delta Mush: smoothing deformations while preserving detail, DigiPro 2014.
    """

    def __init__(self, points: Array, faces: Index, fixed: list[int], steps: int = 3) -> None:
        average = neighbour_mean(faces, len(points)).toarray()
        average[fixed] = np.eye(len(points))[fixed]
        self._smooth = np.linalg.matrix_power(0.5 * np.eye(len(points)) + 0.5 * average, steps)
        self._faces = faces
        self._other = average.argmax(1).astype(np.int64)
        self._other[fixed] = np.roll(fixed, 1)
        smooth = self._smooth @ points
        self._detail = np.einsum("vji,vj->vi", _frames(smooth, faces, self._other), points - smooth)

    def __call__(self, points: Array) -> Array:
        """Return (V,3) mushed vertices."""
        smooth = self._smooth @ points
        detailed: Array = smooth + np.einsum("vij,vj->vi", _frames(smooth, self._faces, self._other), self._detail)
        return detailed


def _swollen(points: Array, faces: Index, where: Array, volume: float) -> Array:
    """Return vertices pushed along their normals, where asked, until the mesh encloses a volume again."""
    normals = vertex_normals(points, faces)
    a, b, c = points[faces].transpose(1, 0, 2)
    area = lengths(crosses(b - a, c - a))[:, 0] / 6
    share = np.zeros(len(points))
    for corner in faces.T:
        np.add.at(share, corner, area)
    push = (volume - _volume(points, faces)) / (share @ where)
    swollen: Array = points + np.clip(push, -0.002, 0.002) * where[:, None] * normals
    return swollen


def _volume(points: Array, faces: Index) -> float:
    """Return the signed volume towards the origin; the open wrist stays where it is, so differences are exact."""
    a, b, c = points[faces].transpose(1, 0, 2)
    return float(np.einsum("ij,ij->", a, np.ascontiguousarray(crosses(b, c)))) / 6


def _sampled_rotations(joint: int, rng: np.random.Generator) -> Array:
    """Return (n,3,3) rotations a joint goes through: its flexion range, tilted a little."""
    finger, part = MANO_JOINT_NAMES[joint][:-1], int(MANO_JOINT_NAMES[joint][-1])
    first = 0 if finger == "thumb" else 5 + 4 * (FINGERS.index(finger) - 1)
    row = first + ((0, 3, 4) if finger == "thumb" else (0, 2, 3))[part - 1]
    low, high = np.deg2rad(LIMITS_DEGREES[row])
    angle = np.linspace(low, high, 18)
    tilt = rng.normal(size=(18, 3)) * (0.2 if part == 1 else 0.06)
    rotations: Array = Rotation.from_rotvec(angle[:, None] * finger_frame(finger)[0] + tilt).as_matrix()
    return rotations


def pose_correctives(points: Array, faces: Index, weights: Array, joints: Array, fixed: list[int]) -> Array:
    """Return (V,3,135) correctives that bring plain skinning close to delta mush of constant volume.

    Each joint is turned alone; what mushing changes, taken back to the rest pose, is fitted on its nine entries
    of R - I.
    """
    mush, rng = DeltaMush(points, faces, fixed), np.random.default_rng(0)
    volume = _volume(points, faces)
    correctives = np.zeros((len(points), 3, 135))
    for joint in range(1, 16):
        carried, offset = _carried(weights, joint), points - joints[joint]
        bend = 4 * carried * (1 - carried)
        turns = _sampled_rotations(joint, rng) - np.eye(3)
        residuals = []
        for turn in turns:
            linear = np.eye(3) + carried[:, None, None] * turn
            skinned = points + carried[:, None] * (offset @ turn.T)
            target = _swollen(mush(skinned), faces, bend, volume)
            residuals.append(np.linalg.solve(linear, (target - skinned)[..., None])[..., 0])
        features, targets = turns.reshape(len(turns), 9), np.stack(residuals).reshape(len(turns), -1)
        fit = np.linalg.solve(features.T @ features + 0.05 * np.eye(9), features.T @ targets)
        correctives[:, :, 9 * (joint - 1) : 9 * joint] = fit.T.reshape(len(points), 3, 9)
    return correctives


def pose_statistics() -> tuple[Array, Array]:
    """Return the (45,) relaxed hand and (45,45) principal directions of sampled poses, most variance first."""
    mean = pose_from_angles(grasp("relaxed")[None])[0]
    rng = np.random.default_rng(0)
    poses = sample_poses(rng, 2000)
    poses += rng.normal(size=poses.shape) * 0.01
    _, _, directions = np.linalg.svd(poses - poses.mean(0), full_matrices=False)
    largest = directions[np.arange(45), np.abs(directions).argmax(1)]
    return mean, directions * np.sign(largest)[:, None]
