"""Plausible hand poses: anatomical angles, their limits, named grasps and a seeded sampler.

A pose is easier to describe in anatomical angles than in axis-angle numbers, so poses are drawn as 21 angles
(:data:`ANGLE_NAMES`) and turned into MANO's (45,) afterwards. Flexion is positive towards the palm, spread is positive
away from the middle finger, and a straight hand is zero.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from hint.errors import UnknownNameError
from hint.skeleton import FINGERS, MANO_JOINT_NAMES

Array = NDArray[np.float64]

#: Unit-free direction from knuckle to tip of each finger in the rest pose of a right hand, and of its nail.
DISTAL: dict[str, tuple[float, float, float]] = {
    "thumb": (-0.70, -0.20, 0.68),
    "index": (-1.0, -0.02, 0.10),
    "middle": (-1.0, -0.02, 0.00),
    "ring": (-1.0, -0.03, -0.10),
    "little": (-1.0, -0.04, -0.23),
}
DORSAL: dict[str, tuple[float, float, float]] = {
    "thumb": (0.15, 0.50, 0.85),
    "index": (0.0, 1.0, 0.03),
    "middle": (0.0, 1.0, 0.0),
    "ring": (0.0, 1.0, -0.06),
    "little": (0.0, 1.0, -0.12),
}

ANGLE_NAMES = (
    *(f"thumb_{part}" for part in ("cmc_flexion", "cmc_abduction", "cmc_twist", "mcp_flexion", "ip_flexion")),
    *(f"{f}_{part}" for f in FINGERS[1:] for part in ("mcp_flexion", "spread", "pip_flexion", "dip_flexion")),
)

#: Lowest and highest angle in degrees; active range of motion of healthy hands, rounded inwards.
LIMITS_DEGREES: Array = np.array(
    [(-20, 50), (-20, 45), (-20, 60), (-12, 60), (-18, 80), *([(-22, 90), (-14, 16), (-4, 105), (-6, 70)] * 4)],
    dtype=np.float64,
)

#: Named hands in degrees, finger by finger in the order of ``ANGLE_NAMES``.
GRASPS: dict[str, tuple[tuple[float, ...], ...]] = {
    "flat": ((0, 0, 0, 0, 0), (0, 0, 0, 0), (0, 0, 0, 0), (0, 0, 0, 0), (0, 0, 0, 0)),
    "spread": ((-14, 8, -5, -5, -8), (-8, 12, 0, 0), (-10, 2, 0, 0), (-8, 8, 0, 0), (-6, 14, 0, 0)),
    "relaxed": ((14, 8, 10, 14, 18), (20, 0, 28, 14), (26, 0, 34, 18), (30, 0, 36, 20), (32, 2, 34, 20)),
    "fist": ((38, 22, 42, 46, 52), (76, 0, 98, 52), (82, 0, 98, 54), (84, 0, 98, 54), (82, -2, 96, 54)),
    "point": ((38, 20, 44, 48, 50), (4, 0, 6, 3), (76, 0, 96, 52), (82, 0, 98, 54), (80, -2, 96, 54)),
    "pinch": ((22, 24, 34, 18, 30), (46, -2, 48, 26), (34, 2, 32, 16), (26, 4, 28, 14), (20, 8, 26, 12)),
    "tripod": ((24, 24, 38, 20, 28), (46, -2, 46, 24), (52, -2, 48, 26), (64, 0, 72, 40), (66, 0, 74, 40)),
    "power": ((14, 30, 40, 12, 26), (44, 2, 50, 28), (48, 0, 54, 30), (52, 2, 54, 30), (54, 6, 52, 30)),
    "wide": ((2, 34, 26, 4, 18), (20, 8, 32, 18), (22, 0, 34, 20), (24, 4, 34, 20), (24, 12, 34, 20)),
    "claw": ((2, 18, 14, 4, 34), (-4, 6, 62, 40), (-2, 0, 66, 42), (0, 4, 64, 42), (2, 10, 60, 40)),
    "hook": ((8, 2, 6, 14, 14), (12, 0, 86, 48), (14, 0, 90, 50), (14, 0, 88, 50), (16, 0, 84, 48)),
    "thumb_up": ((-16, -6, -8, -8, -12), (78, 0, 96, 52), (82, 0, 98, 54), (82, 0, 98, 54), (80, -2, 94, 54)),
    "two": ((38, 22, 42, 48, 52), (0, 10, 4, 2), (0, 8, 4, 2), (80, 0, 96, 54), (80, -2, 94, 54)),
    "lateral": ((24, -4, 8, 16, 22), (50, 0, 74, 40), (58, 0, 78, 42), (62, 0, 78, 42), (62, 0, 74, 42)),
    "platform": ((4, 4, 4, 4, 6), (14, 4, 10, 6), (12, 0, 12, 6), (14, 2, 14, 8), (16, 6, 16, 8)),
}


def finger_frame(finger: str, distal: Array | None = None) -> Array:
    """Return a finger's rest axes: rows flexion axis, nail normal, direction to the tip.

    Args:
        finger: Name out of :data:`hint.skeleton.FINGERS`.
        distal: (3,) direction to the tip of another hand model; by default :data:`DISTAL`.

    Returns:
        (3,3) orthonormal rows; turning about the first by a positive angle closes the finger.
    """
    distal = np.array(DISTAL[finger] if distal is None else distal, np.float64)
    distal /= np.linalg.norm(distal)
    dorsal = np.array(DORSAL[finger])
    dorsal -= dorsal @ distal * distal
    dorsal /= np.linalg.norm(dorsal)
    return np.stack([np.cross(dorsal, distal), dorsal, distal])


def grasp(name: str) -> Array:
    """Return a named hand as (21,) angles in radians.

    Raises:
        UnknownNameError: If no grasp has that name.
    """
    if name not in GRASPS:
        raise UnknownNameError("grasp", name, GRASPS)
    return np.deg2rad(np.concatenate(GRASPS[name]).astype(np.float64))


def limit(angles: Array) -> Array:
    """Clip (...,21) angles in radians to the anatomical limits."""
    low, high = np.deg2rad(LIMITS_DEGREES.T)
    return np.clip(angles, low, high)


def _joint(finger: str, part: int) -> slice:
    start = 3 * (MANO_JOINT_NAMES.index(f"{finger}{part}") - 1)
    return slice(start, start + 3)


def _finger_pose(pose: Array, angles: Array, finger: str) -> None:
    flexion_axis, dorsal, _ = finger_frame(finger)
    first = 5 + 4 * (FINGERS.index(finger) - 1)
    mcp, spread, pip, dip = angles[:, first : first + 4].T
    # Turning about the nail normal moves the tip to +z, where the thumb is: away from the middle finger or towards it.
    away = 1.0 if finger in ("index", "middle") else -1.0
    swing = Rotation.from_rotvec(away * spread[:, None] * dorsal)
    pose[:, _joint(finger, 1)] = (swing * Rotation.from_rotvec(mcp[:, None] * flexion_axis)).as_rotvec()
    pose[:, _joint(finger, 2)] = pip[:, None] * flexion_axis
    pose[:, _joint(finger, 3)] = dip[:, None] * flexion_axis


def _thumb_pose(pose: Array, angles: Array) -> None:
    flexion_axis, dorsal, distal = finger_frame("thumb")
    flexion, abduction, twist, mcp, ip = angles[:, :5].T
    lift = Rotation.from_rotvec(abduction[:, None] * dorsal)
    bend = Rotation.from_rotvec(flexion[:, None] * flexion_axis)
    # The twist is a pronation: it turns the nail of the flexed thumb away from the palm.
    roll = Rotation.from_rotvec(-twist[:, None] * distal)
    pose[:, _joint("thumb", 1)] = (lift * bend * roll).as_rotvec()
    pose[:, _joint("thumb", 2)] = mcp[:, None] * flexion_axis
    pose[:, _joint("thumb", 3)] = ip[:, None] * flexion_axis


def pose_from_angles(angles: Array) -> Array:
    """Turn anatomical angles into the axis-angle hand pose of a right MANO hand.

    Args:
        angles: (N,21) radians in the order of :data:`ANGLE_NAMES`.

    Returns:
        (N,45) radians, MANO joint order, flat hand at zero.
    """
    pose = np.zeros((len(angles), 45))
    _thumb_pose(pose, angles)
    for finger in FINGERS[1:]:
        _finger_pose(pose, angles, finger)
    return pose


def _variation(rng: np.random.Generator, n: int, spread: float) -> Array:
    """Draw (n,21) degrees around a grasp: fingers curl together, the end joint follows the middle one."""
    noise = np.zeros((n, 21))
    noise[:, :5] = rng.normal(size=(n, 5)) * (6, 6, 5, 8, 10)
    common = rng.normal(size=(n, 1)) * 7
    curl = common + rng.normal(size=(n, 4)) * 8
    middle = curl + rng.normal(size=(n, 4)) * 8
    noise[:, 5::4] = curl + rng.normal(size=(n, 4)) * 3
    noise[:, 6::4] = rng.normal(size=(n, 1)) * 4 + rng.normal(size=(n, 4)) * 2
    noise[:, 7::4] = middle
    noise[:, 8::4] = 0.6 * middle + rng.normal(size=(n, 4)) * 3
    return noise * spread


def sample_angles(
    rng: np.random.Generator, n: int, names: tuple[str, ...] = tuple(GRASPS), spread: float = 1.0
) -> Array:
    """Draw plausible hands: a blend of two grasps, varied along synergies, inside the limits.

    Args:
        rng: Source of every random number.
        n: How many.
        names: Grasps to blend.
        spread: Strength of the variation, 0 for pure blends.

    Returns:
        (n,21) radians.
    """
    prototypes = np.stack([grasp(name) for name in names])
    first, second = rng.integers(len(names), size=(2, n))
    share = rng.beta(0.7, 1.6, size=(n, 1)) * 0.8
    blend = prototypes[first] * (1 - share) + prototypes[second] * share
    return limit(blend + np.deg2rad(_variation(rng, n, spread)))


def sample_poses(rng: np.random.Generator, n: int) -> Array:
    """Draw (n,45) axis-angle poses over all grasps; see :func:`sample_angles`."""
    return pose_from_angles(sample_angles(rng, n))
