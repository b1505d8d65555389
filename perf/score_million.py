"""Time the scoring of a million hands, and of the same work hand by hand.

    python perf/score_million.py

It needs about 2 GB of memory.
"""

from __future__ import annotations

import argparse
import math
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmark.error_table import compute_errors
from benchmark.protocol import load_protocol
from benchmark.scores import score_table
from hint.types import HandLabels, Predictions


def synthetic(hands: int, clips: int, seed: int = 0) -> tuple[HandLabels, Predictions]:
    """Make labels with 5% of the joints out of frame and 40% occluded, and predictions 0.06 box sides off, shuffled."""
    rng = np.random.default_rng(seed)
    ids = np.char.add("hand_", np.arange(hands).astype(str))
    corner = rng.uniform(0, 1000, (hands, 2))
    side = rng.uniform(60, 900, (hands, 2))
    keypoints = corner[:, None] + side[:, None] * rng.random((hands, 21, 2))
    labels = HandLabels(
        hand_id=ids,
        clip_id=np.char.add("clip_", rng.integers(0, clips, hands).astype(str)),
        subset=np.full(hands, "newdays"),
        box_xyxy=np.concatenate([corner, corner + side], axis=1),
        is_right=rng.random(hands) < 0.5,
        keypoints_2d=keypoints,
        existence=rng.random((hands, 21), dtype=np.float32) < 0.95,
        occlusion=rng.random((hands, 21), dtype=np.float32) < 0.4,
        image=np.full(hands, ""),
    )
    order = rng.permutation(hands)
    noise = rng.standard_normal((hands, 21, 2), dtype=np.float32) * (0.06 * side.max(1))[:, None, None]
    return labels, Predictions(ids[order], (keypoints + noise)[order])


def hand_by_hand(labels: HandLabels, predictions: Predictions, thresholds: tuple[float, ...]) -> list[float]:
    """Compute PCK for all, visible and occluded joints with plain loops: a fraction of what is timed above."""
    row = {hand: i for i, hand in enumerate(predictions.hand_id.tolist())}
    groups = ((1, 2), (2,), (1,))
    correct = [[[0] * 21 for _ in thresholds] for _ in groups]
    count = [[0] * 21 for _ in groups]
    visibility = labels.visibility
    for i, hand in enumerate(labels.hand_id.tolist()):
        x1, y1, x2, y2 = labels.box_xyxy[i]
        side = max(x2 - x1, y2 - y1)
        for j in range(21):
            truth, guess = labels.keypoints_2d[i, j], predictions.keypoints_2d[row[hand], j]
            error = math.dist(truth, guess) / side
            for g, members in enumerate(groups):
                if visibility[i, j] in members:
                    count[g][j] += 1
                    for t, threshold in enumerate(thresholds):
                        correct[g][t][j] += error <= threshold
    return [
        100 * sum(c / n for c, n in zip(correct[g][t], count[g], strict=True)) / 21
        for g in range(3)
        for t in range(len(thresholds))
    ]


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Return seconds and result."""
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def main() -> None:
    """Time, compare with the loop, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hands", type=int, default=1_000_000, help="number of hands")
    parser.add_argument("--clips", type=int, default=20_000, help="clips they come from")
    parser.add_argument("--slice", type=int, default=5_000, help="hands of the plain loop")
    options = parser.parse_args()
    protocol = load_protocol()
    seconds, (labels, predictions) = timed(lambda: synthetic(options.hands, options.clips))
    sys.stderr.write(f"made {options.hands} hands in {seconds:.1f} s\n")
    errors, (table, _) = timed(lambda: compute_errors(labels, predictions))
    plain, _ = timed(lambda: score_table(table, protocol, with_intervals=False))
    full, _ = timed(lambda: score_table(table, protocol))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20

    few = labels.select(slice(0, options.slice))
    theirs = predictions.select(np.isin(predictions.hand_id, few.hand_id))
    loop, values = timed(lambda: hand_by_hand(few, theirs, protocol.thresholds))
    some = score_table(compute_errors(few, theirs)[0], protocol, with_intervals=False)
    np.testing.assert_allclose([s.value for s in some.scores if s.metric == "pck"], values, rtol=1e-9)
    loop *= options.hands / options.slice

    print(f"{options.hands:,} hands in {options.clips:,} clips, {protocol.replicates} replicates\n")
    print("| step | seconds |\n|---|---:|")
    print(
        f"| errors | {errors:.1f} |\n| scores without intervals | {plain:.1f} |\n| scores with intervals | {full:.1f} |"
    )
    print(f"| plain loop, PCK only (extrapolated from {options.slice:,} hands) | {loop:.0f} |")
    ratio = loop / (errors + plain)
    print(
        f"\nErrors and scores without intervals are {ratio:.0f} times faster than the loop, which computes PCK alone."
    )
    print(f"Peak memory {peak:.1f} GiB, labels and predictions included.")


if __name__ == "__main__":
    main()
