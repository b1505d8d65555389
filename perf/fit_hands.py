"""Time and accuracy of fitting MANO hands to exact keypoints, by number of starts.

Processor time of one thread, so that a busy machine counts less; the same 64 hands each time.

    python perf/fit_hands.py
"""

from __future__ import annotations

import argparse
import time
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from hint.fit import FittedHands, HandFitter, gather, pose
from hint.fit.penetration import DEEP, penetration
from hint.mano.poses import LIMITS_DEGREES, pose_from_angles, sample_angles
from hint.mano.procedural import procedural_hand
from hint.types import ManoParameters

_Array = NDArray[np.float64]


class Hands(NamedTuple):
    """Sampled hands: joints in space (N,21,3), where they are seen (N,21,2), vertices (N,778,3)."""

    solid: _Array
    flat: _Array
    vertices: _Array


def sampled(n: int, seed: int) -> Hands:
    """Draw hands of plausible poses and shapes, seen from anywhere by the camera of HaMeR's crop."""
    rng = np.random.default_rng(seed)
    turns = Rotation.from_rotvec(pose_from_angles(sample_angles(rng, n)).reshape(-1, 3)).as_matrix()
    wrist = Rotation.random(n, random_state=seed).as_matrix()[:, None]
    rest = (np.zeros((n, 3)), np.zeros((n, 3)), np.zeros(n), np.zeros((n, 3)))
    drawn = ManoParameters(wrist, turns.reshape(n, 15, 3, 3), 0.7 * rng.normal(size=(n, 10)), *rest)
    solid, vertices = (values.astype(np.float64) for values in pose(procedural_hand(), drawn))
    seen = solid + np.array([0, 0, 8.0])
    return Hands(solid, 8000 * seen[..., :2] / seen[..., 2:] + 300, vertices)


def pa_mpjpe(truth: _Array, points: _Array) -> float:
    """Return mm after the best rotation, scale and shift of each hand, without reflections."""
    errors = []
    for right, found in zip(truth, points, strict=True):
        target, moved = right - right.mean(0), found - found.mean(0)
        moved = Rotation.align_vectors(target, moved)[0].apply(moved)
        moved *= (moved * target).sum() / (moved * moved).sum()
        errors.append(np.linalg.norm(moved - target, axis=1).mean())
    return 1000 * float(np.mean(errors))


def row(name: str, hands: Hands, fitted: FittedHands, seconds: float) -> str:
    """Return a line of the table."""
    extent = np.ptp(hands.flat, axis=1).max(1)
    apart = np.linalg.norm(fitted.keypoints_2d - hands.flat, axis=2) / extent[:, None]
    low, high = np.deg2rad(LIMITS_DEGREES.T)
    outside = ((fitted.angles < low) | (fitted.angles > high)).any(1).mean()
    deep = (penetration(fitted.model, fitted.keypoints_3d, fitted.vertices) > DEEP).mean()
    error = pa_mpjpe(hands.solid, fitted.keypoints_3d.astype(float))
    return (
        f"| {name} | {error:.2f} | {100 * (apart <= 0.05).mean():.1f} "
        f"| {100 * outside:.1f} | {100 * deep:.1f} | {1000 * seconds / len(hands.flat):.1f} |"
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", type=int, default=64, help="hands")
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    hands, model = sampled(options.n, options.seed), procedural_hand()
    fitter, right = HandFitter(model), np.ones(options.n, bool)
    fitter.fit(gather(hands.flat[:1], right[:1]))  # makes the table of starts
    print("| given | PA-MPJPE, mm | PCK@0.05 | % outside limits | % deep in themselves | core ms per hand |")
    print("|---|---:|---:|---:|---:|---:|")
    own = (penetration(model, hands.solid, hands.vertices) > DEEP).mean()
    for name, solid in (("exact 2D", None), ("exact 2D and 3D", hands.solid)):
        start = time.process_time()
        fitted = fitter.fit(gather(hands.flat, right, solid))
        print(row(name, hands, fitted, time.process_time() - start))
    print(f"\nOf the sampled hands themselves, {100 * own:.1f} % are deep in themselves.")


if __name__ == "__main__":
    main()
