"""A track as BVH: the bones of a hand and how they turn, without a surface."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.spatial.transform import Rotation, Slerp

from hint.skeleton import FINGERS, MANO_JOINT_NAMES
from hint.types import Double
from hint.viewers.rig import RiggedTrack

_TURNS = "Zrotation Yrotation Xrotation"


def bvh(track: RiggedTrack, rate: float) -> bytes:
    """Return a track as BVH; lengths are metres, angles degrees.

    BVH has one time for all frames, so the track is resampled from its first frame to its last.

    Args:
        track: The track.
        rate: Frames per second.
    """
    last = max(0, round((track.seconds[-1] - track.seconds[0]) * rate))
    seconds = np.minimum(track.seconds[0] + np.arange(last + 1) / rate, track.seconds[-1])
    lines = ["HIERARCHY", *_joint(track, 0, ""), "MOTION", f"Frames: {len(seconds)}", f"Frame Time: {1 / rate:.9f}"]
    order = list(_depth_first(track, 0))
    wrist = np.stack([np.interp(seconds, track.seconds, axis) for axis in track.wrist.T], 1)
    angles = np.concatenate([_angles(track, joint, seconds) for joint in order], 1)
    lines += [" ".join(f"{value:.6f}" for value in row) for row in np.concatenate([wrist, angles], 1).tolist()]
    return ("\n".join(lines) + "\n").encode()


def _angles(track: RiggedTrack, joint: int, seconds: Double) -> Double:
    """Return (F,3) degrees about z, y, x, in this order from the parent outwards."""
    turns = Rotation.from_matrix(track.rotations[:, joint])
    if len(track.seconds) > 1:
        turns = Slerp(track.seconds, turns)(seconds)
    angles: Double = turns.as_euler("ZYX", degrees=True)
    return angles


def _children(track: RiggedTrack, joint: int) -> list[int]:
    return [k for k, parent in enumerate(track.parents.tolist()) if parent == joint]


def _depth_first(track: RiggedTrack, joint: int) -> Iterator[int]:
    yield joint
    for child in _children(track, joint):
        yield from _depth_first(track, child)


def _joint(track: RiggedTrack, joint: int, indent: str) -> Iterator[str]:
    """Yield the lines of a joint and of all below it."""
    name, children = MANO_JOINT_NAMES[joint], _children(track, joint)
    yield f"{indent}{'JOINT' if joint else 'ROOT'} {name}"
    yield f"{indent}{{"
    yield f"{indent}  OFFSET {_numbers(track.offsets()[joint])}"
    yield f"{indent}  CHANNELS {'3' if joint else '6 Xposition Yposition Zposition'} {_TURNS}"
    for child in children:
        yield from _joint(track, child, f"{indent}  ")
    if not children:
        tip = track.tips[FINGERS.index(name[:-1])] - track.joints[joint]
        yield from (f"{indent}  {line}" for line in ("End Site", "{", f"  OFFSET {_numbers(tip)}", "}"))
    yield f"{indent}}}"


def _numbers(point: Double) -> str:
    return " ".join(f"{value:.6f}" for value in point.tolist())
