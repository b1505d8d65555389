"""How far the bones of an animated hand move vertices from where MANO has them.

Prints the table of docs/viewers.md. Usage: python perf/animated_hands.py
"""

import numpy as np
from scipy.spatial.transform import Rotation

from hint.fit.result import pose
from hint.mano.poses import grasp, pose_from_angles
from hint.mano.procedural import procedural_hand
from hint.types import ManoParameters
from hint.viewers.rig import Axes, rig

FRAMES = 50
MOTIONS = {
    "flat hand to fist": ("flat", "fist"),
    "relaxed hand to pinch": ("relaxed", "pinch"),
    "the same fist in all frames": ("fist", "fist"),
}


def errors(first: str, last: str, rng: np.random.Generator) -> np.ndarray:
    """Return (F,V) distances in mm along the way from one grasp to another."""
    share = np.linspace(0, 1, FRAMES)[:, None]
    angles = grasp(first) * (1 - share) + grasp(last) * share
    turns = Rotation.from_rotvec(pose_from_angles(angles).reshape(-1, 3)).as_matrix().reshape(FRAMES, 15, 3, 3)
    eye, three = np.tile(np.eye(3), (FRAMES, 1, 1)), np.ones((FRAMES, 3))
    betas = np.tile(rng.normal(size=10), (FRAMES, 1))
    parameters = ManoParameters(eye[:, None], turns, betas, three, three, three[:, 0], three)
    axes = Axes(eye, np.zeros((FRAMES, 3)))
    track = rig(procedural_hand(), parameters, True, np.zeros((FRAMES, 3)), np.arange(FRAMES), axes, "hand")
    return 1000 * np.linalg.norm(track.posed() - pose(procedural_hand(), parameters)[1], axis=2)


def main() -> None:
    """Print a row for each motion."""
    rng = np.random.default_rng(0)
    print("| motion | mean, mm | 99 %, mm | most, mm |")
    print("|---|---|---|---|")
    for name, (first, last) in MOTIONS.items():
        found = errors(first, last, rng)
        print(f"| {name} | {found.mean():.2f} | {np.quantile(found, 0.99):.2f} | {found.max():.2f} |")


if __name__ == "__main__":
    main()
