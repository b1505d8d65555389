"""All numbers of a 3D record, from one error table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from benchmark.intervals import Interval, percentile_interval, replicates
from benchmark.mesh.error_table import MeshErrors
from benchmark.mesh.metrics import curve_thresholds, first_reached
from benchmark.mesh.protocol import MeshProtocol
from benchmark.pck import ClipSums
from benchmark.scores import Curve, JointScore, Score, Scores
from hint.types import Double

#: The only group of points: 3D datasets do not annotate visibility.
ALL = "all"

#: Hands whose vertices are counted at a time.
_BLOCK = 1 << 6


def score_mesh_errors(table: MeshErrors, protocol: MeshProtocol, joint_names: Sequence[str], seed: int = 0) -> Scores:
    """Compute every score of a 3D protocol.

    A mean error is left out where a hand has no finite prediction: a mean without that hand would flatter the method.

    Args:
        table: Errors of one method.
        protocol: Rules.
        joint_names: Names of the 21 joints in the order of the dataset.
        seed: Of the resampling of clips.
    """
    finite = {name: values for name, values in table.values.items() if np.isfinite(values).all()}
    return Scores(
        tuple(_main_rows(table, finite, protocol, seed)),
        tuple(_joint_rows(table, protocol, joint_names)),
        tuple(_curves(table, protocol)),
        (),
    )


def _main_rows(table: MeshErrors, finite: dict[str, Double], protocol: MeshProtocol, seed: int) -> Iterator[Score]:
    clip = np.unique(table.clip_id, return_inverse=True)[1]
    n_clips = int(clip.max()) + 1
    count = np.bincount(clip)[:, None].astype(np.float64)
    sums = [
        ClipSums(np.bincount(clip, values).astype(np.float64)[:, None], count, len(table)) for values in finite.values()
    ]
    drawn = replicates(sums, protocol.replicates, seed) if n_clips > 1 else [None] * len(sums)
    for (name, values), row in zip(finite.items(), drawn, strict=True):
        ci: Interval | None = None if row is None else percentile_interval(row, protocol.level)
        points = len(table) * _points_per_hand(table, name)
        yield Score(protocol.id, ALL, name, None, float(values.mean()), len(table), points, n_clips, ci)


def _points_per_hand(table: MeshErrors, metric: str) -> int:
    """Return how many joints or vertices of a hand a metric compares."""
    return 21 if "mpjpe" in metric or metric.startswith("auc_j") else table.n_vertices


def _joint_rows(table: MeshErrors, protocol: MeshProtocol, names: Sequence[str]) -> Iterator[JointScore]:
    means = 1000 * table.joints["procrustes"].mean(0)
    for name, value in zip(names, means.tolist(), strict=True):
        if np.isfinite(value):
            yield JointScore(protocol.id, ALL, None, name, value, len(table), "pa_mpjpe_mm")


def _curves(table: MeshErrors, protocol: MeshProtocol) -> Iterator[Curve]:
    thresholds = curve_thresholds(protocol.curve_maximum, protocol.curve_points)
    shown = tuple((1000 * thresholds).tolist())
    for metric, group in (("pck_j", table.joints), ("pck_v", table.vertices)):
        if "procrustes" in group:
            yield Curve(protocol.id, ALL, shown, tuple(_correct(group["procrustes"], thresholds).tolist()), metric)


def _correct(distance: NDArray[np.floating], thresholds: Double) -> Double:
    """Return the percentage of distances that are no larger, at each threshold."""
    first = np.zeros(len(thresholds) + 1)
    for start in range(0, len(distance), _BLOCK):
        place = first_reached(distance[start : start + _BLOCK].ravel(), thresholds)
        first += np.bincount(place, minlength=len(first))
    return 100 * first[:-1].cumsum() / distance.size
