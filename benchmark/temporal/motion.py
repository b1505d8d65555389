"""How predicted hands move: acceleration error and jitter of 2D joints, next to the jitter of the labels.

Derivatives are finite differences of positions in px over successive labels of a sequence, divided by the mean longest
side of their boxes and by the time step to the power of the order. If every position were divided by its own box, a box
that changes size would accelerate a hand at rest.

Source: acceleration error as in Kanazawa et al., Learning 3D Human Dynamics from Video, CVPR 2019, there in 3D; jitter
is the mean norm of the third derivative. Both in 2D and box sides are the toolkit's own, not the HaMeR paper's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmark.error_table import rows_of
from benchmark.intervals import intervals
from benchmark.pck import HOLDS, ClipSums, clip_numbers
from benchmark.protocol import MotionRules, Protocol
from benchmark.scores import Score
from benchmark.temporal.sequences import Timeline
from hint.types import Bool, Double, HandLabels, Predictions


@dataclass(frozen=True, eq=False)
class Measure:
    """A number for every joint of every window.

    Attributes:
        metric: Its name in records.
        rows: (W,k) labels of each window.
        value: (W,21) the numbers.
        counted: (W,21) False where the number could not be computed.
    """

    metric: str
    rows: NDArray[np.int64]
    value: Double
    counted: Bool


def score_motion(labels: HandLabels, predictions: Predictions, protocol: Protocol, seed: int = 0) -> tuple[Score, ...]:
    """Score how the hands of one subset move; nothing if the protocol has no rules for that.

    A joint of a window has a visibility if it has it in every frame of the window. Where a prediction is missing in one
    of them, nothing can be computed: the joint is left out of the mean and lowers the coverage. The jitter of labels is
    computed from the same joints and windows as that of the predictions.

    Args:
        labels: Hands of one subset.
        predictions: Rows in any order; ids that are not among the labels are ignored.
        protocol: Rules.
        seed: Of the resampling of clips.
    """
    if protocol.motion is None:
        return ()
    measures = list(_measures(labels, predictions, protocol.motion))
    clip = clip_numbers(labels.clip_id.tolist())
    rows: list[Score] = []
    for visibility in protocol.visibilities:
        state = HOLDS[visibility][labels.visibility]
        sums = [_sums(measure, state, clip) for measure in measures]
        if not any(s.n_keypoints for s in sums):
            continue
        drawn = intervals(sums, protocol, seed)
        rows += [
            Score(
                labels.subsets[0], visibility, m.metric, None, s.value(), s.n_hands, s.n_keypoints, s.n_clips, interval
            )
            for m, s, interval in zip(measures, sums, drawn, strict=True)
            if s.n_keypoints
        ]
    return tuple(rows)


def _measures(labels: HandLabels, predictions: Predictions, rules: MotionRules) -> Iterator[Measure]:
    timeline, predicted = Timeline(labels), _predicted(labels, predictions)
    side = labels.longest_side
    seconds = rules.step_frames / rules.frames_per_second

    triples = timeline.windows(rules.step_frames, 3)
    true, given = (derivative(points, side, triples, seconds) for points in (labels.keypoints_2d, predicted))
    error, known = _norm(given - true)
    yield Measure("accel_error", triples, error, known)
    yield Measure("accel_coverage", triples, np.where(known, 100.0, 0.0), np.ones_like(known))

    fours = timeline.windows(rules.step_frames, 4)
    true, given = (derivative(points, side, fours, seconds) for points in (labels.keypoints_2d, predicted))
    jitter, known = _norm(given)
    yield Measure("jitter", fours, jitter, known)
    yield Measure("jitter_ground_truth", fours, _norm(true)[0], known)
    yield Measure("jitter_coverage", fours, np.where(known, 100.0, 0.0), np.ones_like(known))


def _predicted(labels: HandLabels, predictions: Predictions) -> Double:
    """Return (N,21,2) what was predicted for each label, px; NaN where that is not finite."""
    row = rows_of(labels.hand_id, predictions.hand_id)
    points = np.full(labels.keypoints_2d.shape, np.nan)
    points[row >= 0] = predictions.keypoints_2d[row[row >= 0]]
    points[~np.isfinite(points)] = np.nan
    return points


def derivative(points: Double, side: Double, rows: NDArray[np.int64], seconds: float) -> Double:
    """Differentiate positions over windows: one time fewer than a window has frames.

    Args:
        points: (N,21,2) px.
        side: (N,) px, longest side of each box.
        rows: (W,k) labels of each window, in order of time.
        seconds: From one label to the next.

    Returns:
        (W,21,2) box sides / second^(k-1).
    """
    order = rows.shape[1] - 1
    difference: Double = np.diff(points[rows], n=order, axis=1)[:, 0]
    difference /= side[rows].mean(1)[:, None, None] * seconds**order
    return difference


def _norm(vectors: Double) -> tuple[Double, Bool]:
    """Return (W,21) lengths, 0 where there is none, and where there is one."""
    length = np.hypot(vectors[..., 0], vectors[..., 1])
    known = np.isfinite(length)
    return np.where(known, length, 0.0), known


def _sums(measure: Measure, state: Bool, clip: NDArray[np.int64]) -> ClipSums:
    """Sum a measure over the joints and windows of each clip.

    Args:
        measure: The numbers.
        state: (N,21) whether each joint of each label has the visibility that is scored.
        clip: (N,) number of the clip.
    """
    used = state[measure.rows].all(1) & measure.counted
    of, n_clips = clip[measure.rows[:, 0]], int(clip.max()) + 1
    total, count = (
        np.bincount(of, part.sum(1), n_clips).astype(np.float64) for part in (np.where(used, measure.value, 0.0), used)
    )
    return ClipSums(total[:, None], count[:, None], len(np.unique(measure.rows[used.any(1)])))
