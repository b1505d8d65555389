"""How annotators changed their pre-labels, and how that affects their agreement.

Two annotators with the same pre-label agree wherever both leave it unchanged, right or wrong. The labels show how much
was left unchanged, and how well annotators agree where both moved the point.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np

from annotation.agreement.measure import clip_sums, close, ratios
from annotation.agreement.pairs import SAME, Pairs
from annotation.agreement.result import Anchoring, Audit, BiasRow
from annotation.agreement.scores import percent, score
from annotation.check.geometry import cross
from annotation.check.hands import aligned
from hint.errors import InputError
from hint.skeleton import JOINT_NAMES
from hint.types import Bool, Double, HandLabels, Predictions

Annotator = Literal["a", "b"]
_BOTH: tuple[Annotator, Annotator] = ("a", "b")


def audit(pairs: Pairs, path: Path, predictions: Predictions, seed: int = 0) -> tuple[list[Audit], Anchoring]:
    """Compare both annotations with the pre-labels of one method.

    Args:
        pairs: Hands annotated twice.
        path: File of the pre-labels, for the result.
        predictions: The pre-labels.
        seed: Seed of the intervals.

    Raises:
        InputError: If none of the hands was pre-labelled.
    """
    start = aligned(pairs.a, predictions)
    known = np.asarray(np.isfinite(start).all((1, 2)))
    if not known.any():
        raise InputError(f"{path} contains no pre-label of these {len(pairs)} hands")
    moved = {who: _moved(getattr(pairs, who), start) for who in _BOTH}
    method = str(predictions.meta.get("method", path.stem))
    audits = [_audit(pairs, who, start, moved[who], known, str(path), method, seed) for who in _BOTH]
    return audits, _anchoring(pairs, moved["a"] & moved["b"], known, str(path), seed)


def _moved(labels: HandLabels, start: Double) -> Bool:
    return np.asarray(np.sqrt(np.square(labels.keypoints_2d - start).sum(2)) > SAME)


def _audit(
    pairs: Pairs, who: Annotator, start: Double, moved: Bool, known: Bool, path: str, method: str, seed: int
) -> Audit:
    labels: HandLabels = getattr(pairs, who)
    names, clip = pairs.clips
    kept = np.stack([(~moved & known[:, None]).sum(1), 21 * known], 1).astype(np.float64)
    sums = clip_sums(kept, clip, len(names))
    distance = np.sqrt(np.square(labels.keypoints_2d - start).sum(2)) / pairs.palm_length[:, None]
    far = distance[moved & known[:, None] & np.isfinite(distance)]
    return Audit(
        annotator=who,
        prelabels=path,
        method=method,
        hands=int(known.sum()),
        untouched_hands=float(100 * (~moved[known]).all(1).mean()),
        untouched_points=percent(ratios(sums[:, :1], sums[:, 1:], seed)[0]),
        moved_median=float(np.median(far)) if len(far) else None,
        bias=_bias(pairs, labels, start, seed),
    )


def displacement(labels: HandLabels, start: Double, palm_length: Double) -> Double:
    """Return (N,21,2) displacements of points, in palm lengths and axes of the hand.

    Args:
        labels: The current points.
        start: (N,21,2) px, the initial points.
        palm_length: (N,) px.

    Returns:
        Along the line wrist - middle knuckle, positive towards the fingers; across it, positive towards the thumb's
        side (from the little to the index knuckle). NaN if that line has zero length.
    """
    points = labels.keypoints_2d
    axis = points[:, 9] - points[:, 0]
    length = np.sqrt(np.square(axis).sum(1))
    along = axis / np.where(length > 0, length, np.nan)[:, None]
    side = np.sign(cross(axis, points[:, 5] - points[:, 17]))
    across = np.stack([-along[:, 1], along[:, 0]], 1) * np.where(side == 0, np.nan, side)[:, None]
    moved = (points - start) / palm_length[:, None, None]
    return np.stack([(moved * along[:, None]).sum(2), (moved * across[:, None]).sum(2)], 2)


def _bias(pairs: Pairs, labels: HandLabels, start: Double, seed: int) -> tuple[BiasRow, ...]:
    moved = displacement(labels, start, pairs.palm_length).reshape(len(pairs), 42)
    known = np.isfinite(moved)
    names, clip = pairs.clips
    sums, counts = (
        clip_sums(values, clip, len(names)) for values in (np.where(known, moved, 0.0), known.astype(np.float64))
    )
    found = [score(one) for one in ratios(sums, counts, seed)]
    return tuple(
        BiasRow(joint=joint, along=along, across=across)
        for joint, along, across in zip(JOINT_NAMES, found[::2], found[1::2], strict=True)
    )


def _anchoring(pairs: Pairs, both_moved: Bool, known: Bool, path: str, seed: int) -> Anchoring:
    near, compared = close(pairs)
    names, clip = pairs.clips
    parts = [compared & known[:, None] & part for part in (both_moved, ~both_moved)]
    sums = [np.stack([values.sum(1) for values in columns], 1) for columns in ([near & p for p in parts], parts)]
    hits, counts = (clip_sums(values.astype(np.float64), clip, len(names)) for values in sums)
    moved, otherwise = ratios(hits, counts, seed)
    return Anchoring(prelabels=path, both_moved=percent(moved), otherwise=percent(otherwise))
