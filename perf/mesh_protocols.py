"""Time the 3D scorer against the official algorithm written as loops, one hand at a time, on as many synthetic hands.

    python perf/mesh_protocols.py

It takes turns and checks that scores agree to six digits. The loops run on ``--slice`` hands and are extrapolated.
``--keep FOLDER`` writes the hands in the layout that the official ``eval.py`` reads (``ref/evaluation_*.json``,
``res/pred.json``), to time that as well.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy.linalg import orthogonal_procrustes
from scipy.spatial import cKDTree

from benchmark.mesh.error_table import compute_mesh_errors
from benchmark.mesh.metrics import curve_thresholds
from benchmark.mesh.protocol import MeshProtocol, load_mesh_protocol
from benchmark.mesh.scores import score_mesh_errors
from hint.files.hand_lists import write_two_lists
from hint.files.mesh_labels import MeshLabels
from hint.skeleton import JOINT_NAMES
from hint.types import Double

Pair = tuple[Double, Double]


def synthetic(hands: int, seed: int = 0) -> tuple[MeshLabels, Pair]:
    """Make clouds the size of a hand half a metre away, and predictions some 9 mm off after alignment."""
    rng = np.random.default_rng(seed)
    centre = rng.uniform((-0.1, -0.1, 0.5), (0.1, 0.1, 0.8), (hands, 3))[:, None]
    mesh = centre + rng.normal(0, (0.03, 0.05, 0.02), (hands, 778, 3))
    joints = mesh[:, :21] + rng.normal(0, 0.005, (hands, 21, 3))
    shift, size = rng.normal(0, 0.004, (hands, 1, 3)), rng.uniform(0.95, 1.05, (hands, 1, 1))
    guess = [points * size + shift + rng.normal(0, 0.006, points.shape) for points in (joints, mesh)]
    ids = np.char.zfill(np.arange(hands).astype(str), 8)
    return MeshLabels(ids, ids, joints, mesh), (guess[0], guess[1])


def aligned(truth: Double, points: Double) -> Double:
    """Lay one hand over another."""
    mean, truth_mean = points.mean(0), truth.mean(0)
    size, truth_size = (np.linalg.norm(p - m) + 1e-8 for p, m in ((points, mean), (truth, truth_mean)))
    rotation, scale = orthogonal_procrustes((truth - truth_mean) / truth_size, (points - mean) / size)
    moved: Double = (points - mean) / size @ rotation.T * scale * truth_size + truth_mean
    return moved


def f_score(truth: Double, points: Double, threshold: float) -> float:
    """Return the F-score of one hand, a tree for each direction."""
    shares = [np.mean(cKDTree(b).query(a)[0] < threshold) for a, b in ((truth, points), (points, truth))]
    return float(2 * shares[0] * shares[1] / sum(shares)) if sum(shares) else 0.0


def hand_by_hand(labels: MeshLabels, given: Pair, protocol: MeshProtocol) -> dict[str, float]:
    """Compute the scores of FreiHAND's protocol with loops over hands and over points."""
    thresholds = curve_thresholds(protocol.curve_maximum, protocol.curve_points)
    errors: dict[str, list[Double]] = {"j_raw": [], "j": [], "v_raw": [], "v": []}
    shares: dict[str, list[float]] = {}
    for k in range(len(labels)):
        for letter, truth, points in (("j", labels.joints[k], given[0][k]), ("v", labels.vertices[k], given[1][k])):
            for end, moved in (("_raw", points), ("", aligned(truth, points))):
                errors[letter + end].append(np.linalg.norm(truth - moved, axis=1))
                for limit in protocol.f_thresholds if letter == "v" else ():
                    value = f_score(truth, moved, limit)
                    shares.setdefault(f"f_at_{1000 * limit:g}mm{end}", []).append(value)
    scores = {name: float(np.mean(values)) for name, values in shares.items()}
    for name, rows in errors.items():
        points = np.array(rows).T
        areas = [np.trapezoid([np.mean(e <= t) for t in thresholds], thresholds) / thresholds[-1] for e in points]
        mean_name = f"mp{name[0]}pe_mm" if name.endswith("_raw") else f"pa_mp{name}pe_mm"
        scores |= {f"auc_{name}": float(np.mean(areas)), mean_name: 1000 * float(np.mean(points.mean(1)))}
    return scores


def vectorised(labels: MeshLabels, given: Pair, protocol: MeshProtocol) -> dict[str, float]:
    """Compute the same, and intervals, as ``hint eval`` does."""
    table, _ = compute_mesh_errors(labels, *given, protocol)
    return {row.metric: row.value for row in score_mesh_errors(table, protocol, JOINT_NAMES).scores}


def timed(work: Callable[[], Any]) -> tuple[float, float, Any]:
    """Return seconds, seconds of processors, and the result."""
    start, used = time.perf_counter(), time.process_time()
    result = work()
    return time.perf_counter() - start, time.process_time() - used, result


def keep(folder: Path, labels: MeshLabels, given: Pair) -> None:
    """Write the hands for the official script."""
    for name, points in (("xyz", labels.joints), ("verts", labels.vertices)):
        path = folder / "ref" / f"evaluation_{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(points.tolist()))
    write_two_lists(folder / "res" / "pred.json", *given)


def main() -> None:
    """Take turns, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hands", type=int, default=3960, help="number of hands")
    parser.add_argument("--slice", type=int, default=300, help="hands of the loops")
    parser.add_argument("--rounds", type=int, default=3, help="rounds, medians are printed; 0 only compares")
    parser.add_argument("--keep", type=Path, help="folder to write the hands to, for the official script")
    options = parser.parse_args()
    protocol = load_mesh_protocol("freihand")
    labels, given = synthetic(options.hands)
    if options.keep:
        keep(options.keep, labels, given)
    few, some = labels.select(slice(0, options.slice)), (given[0][: options.slice], given[1][: options.slice])
    expected, found = hand_by_hand(few, some, protocol), vectorised(few, some, protocol)
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-6, err_msg=name)
    if not options.rounds:
        return
    rounds = []
    for _ in range(options.rounds):
        slow = timed(lambda: hand_by_hand(few, some, protocol))[:2]
        rounds.append((*slow, *timed(lambda: vectorised(labels, given, protocol))[:2]))
    factor = len(labels) / len(few)
    loop, loop_cpu, ours, ours_cpu = (statistics.median(column) for column in zip(*rounds, strict=True))
    ratios = [statistics.median(factor * r[k] / r[k + 2] for r in rounds) for k in (0, 1)]
    print(f"{len(labels):,} hands, all {len(expected)} scores of {len(few):,} of them equal to six digits\n")
    print("| way | s | times faster | core seconds | ratio |\n|---|---:|---:|---:|---:|")
    print(f"| one hand at a time | {factor * loop:.1f} | 1 | {factor * loop_cpu:.1f} | 1 |")
    print(f"| ours, with intervals | {ours:.1f} | {ratios[0]:.1f} | {ours_cpu:.1f} | {ratios[1]:.1f} |")


if __name__ == "__main__":
    main()
