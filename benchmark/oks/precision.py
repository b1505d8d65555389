"""Average precision and recall of matched detections, and how sure they are.

The numbers themselves come from the arrays of COCOeval. Intervals draw clips, so they need AP of many samples in which
a clip occurs several times or not at all: each detection then counts as often as its clip. That is what COCOeval would
give for a list in which the copies of a detection follow each other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np

from benchmark.oks.coco import Matches
from benchmark.oks.protocol import OksProtocol
from hint.bootstrap import clip_weights
from hint.types import Double

AP, AR = "oks_ap", "oks_ar"

_Value = TypeVar("_Value", float, Double)

#: Thresholds that have an AP of their own, as in COCO's summary.
_SINGLE = (0.5, 0.75)

#: COCO's recalls at which precision is read.
_RECALLS = np.linspace(0.0, 1.0, 101)

#: Weights of detections that are computed at a time; 512 kB stay in the cache of a core.
_AT_ONCE = 1 << 16


def values(matches: Matches, protocol: OksProtocol, has_precision: bool) -> dict[str, float]:
    """Return metric -> percent.

    Args:
        matches: What COCOeval found.
        protocol: Rules.
        has_precision: Whether a detection without a hand is known to be wrong; else there is no AP.
    """
    return _named(
        100 * matches.precision.mean(1), 100 * matches.recall, protocol, has_precision, lambda rows: float(rows.mean())
    )


def replicate_values(matches: Matches, protocol: OksProtocol, has_precision: bool, seed: int) -> dict[str, Double]:
    """Return metric -> (R,) percent of samples of clips; arguments as of :func:`values`, and the seed of the draws."""
    n_thresholds = len(protocol.thresholds)
    precision, recall = (np.full((n_thresholds, protocol.replicates), np.nan) for _ in range(2))
    clips = len(matches.hands)
    at_once = max(1, _AT_ONCE // max(1, len(matches.clip))) * clips
    for rows, weights in clip_weights(clips, protocol.replicates, seed, at_once):
        hands = weights @ matches.hands
        for t in range(n_thresholds):
            right, total = _weighted(weights, matches, t)
            precision[t, rows], recall[t, rows] = _of_samples(right, total, hands, has_precision)
    return _named(100 * precision, 100 * recall, protocol, has_precision, lambda rows: rows.mean(0))


def _named(
    precision: Double, recall: Double, protocol: OksProtocol, has_precision: bool, mean: Callable[[Double], _Value]
) -> dict[str, _Value]:
    """Return the metrics of (T,...) precisions and recalls: means over all thresholds, and precision at two of them."""
    named = {}
    if has_precision:
        named[AP] = mean(precision)
        named |= {f"{AP}{100 * t:g}": mean(precision[[k]]) for k, t in enumerate(protocol.thresholds) if t in _SINGLE}
    return named | {AR: mean(recall)}


def _weighted(weights: Double, matches: Matches, threshold: int) -> tuple[Double, Double]:
    """Return right and wrong detections up to each right one, (r,K): precision is largest there, recall grows there."""
    correct, wrong = matches.correct[threshold], matches.wrong[threshold]
    counted = np.flatnonzero(correct | wrong)
    is_right = correct[counted]
    of_clip = weights[:, matches.clip[counted]]
    total = of_clip.cumsum(1)[:, is_right]
    right = of_clip[:, is_right].cumsum(1)
    return right, total


def _of_samples(right: Double, total: Double, hands: Double, has_precision: bool) -> tuple[Double, Double]:
    """Return (r,) mean precision at the recalls of COCO, and recall; NaN in a sample without hands."""
    found = right[:, -1] if right.shape[1] else np.zeros(len(hands))
    known = hands > 0
    recall, precision = np.full(len(hands), np.nan), np.full(len(hands), np.nan)
    np.divide(found, hands, out=recall, where=known)
    if has_precision:
        envelope = np.maximum.accumulate((right / (total + np.spacing(1)))[:, ::-1], axis=1)[:, ::-1]
        for row in np.flatnonzero(known):
            place = np.searchsorted(right[row] / hands[row], _RECALLS)
            reached = place[place < right.shape[1]]
            precision[row] = envelope[row, reached].sum() / len(_RECALLS)
    return precision, recall
