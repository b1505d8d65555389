"""Measure the population table on procedural hands: ``python -m annotation.check.make_population [FILE]``.

20,000 hands of :func:`hint.mano.procedural.procedural_hand` in poses of :func:`hint.mano.poses.sample_poses`, shapes
as in ``hint demo-data``, seen from any direction at 25 to 90 cm. The same seed gives the same table; the default file
is ``population.json`` beside this module.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from annotation.check.population import measure_population
from hint.files import write_bytes
from hint.types import Bool, Double

HANDS, SEED = 20_000, 0
_FOCAL, _NEAR, _FAR, _BATCH = 600.0, 0.25, 0.9, 1000
#: Wrist to the base of the thumb; see :mod:`annotation.check.population`.
_THUMB_BASE = (0,)


def projected_hands(n: int, seed: int) -> tuple[Double, Bool]:
    """Project correct hands.

    Args:
        n: Number of hands.
        seed: Seed of poses, shapes and views.

    Returns:
        (n,21,2) px, and (n,) whether they are right hands.
    """
    from scipy.spatial.transform import Rotation

    from hint.mano.poses import sample_poses

    rng = np.random.default_rng(seed)
    pose = Rotation.from_rotvec(sample_poses(rng, n).reshape(-1, 3)).as_matrix().reshape(n, 15, 3, 3)
    view = Rotation.random(n, random_state=rng).as_matrix()[:, None]
    joints = _joints(view, pose, np.clip(rng.normal(size=(n, 10)), -2.5, 2.5))
    joints -= joints.mean(1, keepdims=True)
    is_right = rng.random(n) < 0.5
    joints[..., 0] *= np.where(is_right, 1.0, -1.0)[:, None]
    joints[..., 2] += rng.uniform(_NEAR, _FAR, n)[:, None]
    return _FOCAL * joints[..., :2] / joints[..., 2:], is_right


def _joints(view: Double, pose: Double, betas: Double) -> Double:
    import torch

    from hint.mano.layer import ManoLayer
    from hint.mano.procedural import procedural_hand

    layer = ManoLayer(procedural_hand()).eval()
    found = []
    with torch.inference_mode():
        for start in range(0, len(betas), _BATCH):
            part = slice(start, start + _BATCH)
            found.append(layer(*(torch.from_numpy(a[part].astype(np.float32)) for a in (view, pose, betas)))[0].numpy())
    joints: Double = np.concatenate(found).astype(np.float64)
    return joints


def main() -> None:
    """Write the table."""
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("population.json")
    points, _ = projected_hands(HANDS, SEED)
    made = f"python -m annotation.check.make_population: {HANDS} projections of the procedural hand, seed {SEED}"
    write_bytes(target, measure_population(points, made, _THUMB_BASE).to_json().encode())
    sys.stdout.write(f"{target}\n")


if __name__ == "__main__":
    main()
