"""Check in seconds that a method keeps the contract of :class:`hint.types.Method`, on twelve drawn hands.

A check fails where a score would come out wrong or could not be repeated: rows lost or swapped, another unit or frame,
results that depend on the batch. Accuracy is not judged.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from hint.methods.synthetic_hands import SyntheticHand, synthetic_hands, synthetic_labels
from hint.types import Bool, Double, Float, HandLabels, Method, MethodCard, Predictions

#: What the same hand may differ by, in box sides: when nothing changed, when the batch did, when the picture moved.
_SAME, _BATCH, _MOVED = 0.001, 0.01, 0.02
_SHIFT = (37, 21)
_THREADS = 4


@dataclass(frozen=True)
class Check:
    """One line of the report.

    Attributes:
        check: Name of the check.
        passed: None where there is nothing to pass: a measurement, or nothing to compare.
        detail: What was found.
    """

    check: str
    passed: bool | None
    detail: str


@dataclass(frozen=True)
class SelftestReport:
    """Result of the self-test of a method."""

    method: str
    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        """Whether no check failed."""
        return all(check.passed is not False for check in self.checks)


def selftest_labels() -> HandLabels:
    """Return the labels of the drawn hands, for methods that need the ground truth."""
    return synthetic_labels(synthetic_hands(painted=False))


def selftest(method: Method) -> SelftestReport:
    """Check a method on twelve drawn hands; it is prepared in threads, as the engine does.

    Args:
        method: As created; one that needs labels must know those of :func:`selftest_labels`.
    """
    hands = synthetic_hands(painted=method.card.reads_images)
    before = [drawn.picture.copy() for drawn in hands]
    checks = [_described(method)]
    try:
        predictions, seconds = _timed(method, hands)
        checks.append(_rows(predictions, hands))
        if checks[-1].passed:
            checks += _compared(method, hands, predictions)
            checks.append(Check("time", None, f"{1000 * seconds / len(hands):.1f} ms per hand"))
    except Exception as error:
        checks.append(Check("runs", False, f"{type(error).__name__}: {error}"))
    untouched = all(np.array_equal(a, drawn.picture) for a, drawn in zip(before, hands, strict=True))
    checks.append(Check("pictures untouched", untouched, "unchanged" if untouched else "prepare writes to its image"))
    return SelftestReport(method.card.name, tuple(checks))


def _described(method: Method) -> Check:
    """Check the card and the fingerprint, which records and caches are keyed by."""
    if not isinstance(method.card, MethodCard) or not (method.card.name and method.card.title):
        return Check("card and fingerprint", False, "card is not a MethodCard with a name and a title")
    try:
        same = json.loads(json.dumps(method.fingerprint, allow_nan=False)) == method.fingerprint
    except (TypeError, ValueError) as error:
        return Check("card and fingerprint", False, f"the fingerprint is not JSON: {error}")
    return Check("card and fingerprint", same, "JSON" if same else "the fingerprint changes when stored as JSON")


def _rows(predictions: Predictions, hands: Sequence[SyntheticHand]) -> Check:
    """Check rows, ids, and that each row is all finite or all NaN."""
    name, ids = "rows", [drawn.hand.hand_id for drawn in hands]
    if not isinstance(predictions, Predictions):
        return Check(name, False, f"infer returned {type(predictions).__name__}, not Predictions")
    if predictions.hand_id.tolist() != ids:
        return Check(name, False, f"ids differ: expected {ids}, got {predictions.hand_id.tolist()}")
    finite = np.all(np.isfinite(predictions.keypoints_2d), axis=(1, 2))
    empty = np.all(np.isnan(predictions.keypoints_2d), axis=(1, 2))
    odd = [i for i, a, b in zip(ids, finite.tolist(), empty.tolist(), strict=True) if not (a or b)]
    if odd:
        return Check(name, False, f"neither all finite nor all NaN: {', '.join(odd)}")
    others = ", ".join(n for n in ("keypoints_3d", "vertices", "score") if getattr(predictions, n) is not None)
    return Check(name, True, f"{len(ids)} in order, {finite.sum()} found; besides keypoints_2d: {others or 'nothing'}")


def _compared(method: Method, hands: list[SyntheticHand], first: Predictions) -> list[Check]:
    """Run the method again under changes that must not affect its output, or must in a known way."""
    again = _compare("repeat", _SAME, first, _predict(method, hands), hands)
    single = [_predict(method, [drawn]) for drawn in reversed(hands)]
    batch = _compare("batch size and order", _BATCH, first, Predictions.concatenate(single[::-1]), hands)
    return [again, batch, _translation(method, hands, first), _mirror(method, hands, first)]


def _translation(method: Method, hands: list[SyntheticHand], first: Predictions) -> Check:
    name = "moves with the picture"
    if method.card.needs_labels:
        return Check(name, None, "not applicable: reads the ground truth")
    roomy = [drawn.is_roomy for drawn in hands]
    moved = _predict(method, [drawn.shifted(*_SHIFT) for drawn in hands])
    back = moved.keypoints_2d - np.array(_SHIFT, np.float32)
    return _compare(name, _MOVED, first, _with(moved, back), hands, np.array(roomy))


def _mirror(method: Method, hands: list[SyntheticHand], first: Predictions) -> Check:
    """Compare with the mirrored picture and the other side; only what reads no pixels must agree."""
    name = "left and right"
    if method.card.needs_labels:
        return Check(name, None, "not applicable: reads the ground truth")
    other = [drawn.mirrored() for drawn in hands]
    mirrored = _predict(method, other)
    last = np.array([drawn.picture.shape[1] - 1 for drawn in hands])[:, None]
    back = mirrored.keypoints_2d.copy()
    back[..., 0] = last - back[..., 0]
    compared = _compare(name, _MOVED, first, _with(mirrored, back), hands)
    return Check(name, None, compared.detail) if method.card.reads_images else compared


def _compare(
    name: str,
    tolerance: float,
    first: Predictions,
    second: Predictions,
    hands: Sequence[SyntheticHand],
    only: Bool | None = None,
) -> Check:
    """Compare two predictions of the same hands by their largest difference in box sides."""
    boxes = np.array([drawn.hand.box_xyxy for drawn in hands])
    side = (boxes[:, 2:] - boxes[:, :2]).max(axis=1)
    picked = np.ones(len(hands), np.bool_) if only is None else only
    found = np.isfinite(first.keypoints_2d).all((1, 2)), np.isfinite(second.keypoints_2d).all((1, 2))
    changed = int((picked & (found[0] != found[1])).sum())
    both = picked & found[0] & found[1]
    if not both.any() and not changed:
        return Check(name, None, "nothing to compare: no hand found")
    difference = _distance(first, second)[both] / side[both]
    largest = float(difference.max()) if len(difference) else 0.0
    detail = f"largest difference {100 * largest:.3g} % of the box in {both.sum()} hands"
    lost = f"; {changed} found only once" if changed else ""
    return Check(name, largest <= tolerance and not changed, detail + lost)


def _distance(first: Predictions, second: Predictions) -> Double:
    """Return the largest distance between the joints of each hand (N,), px."""
    difference = first.keypoints_2d.astype(np.float64) - second.keypoints_2d
    distance: Double = np.linalg.norm(difference, axis=2).max(axis=1)
    return distance


def _with(predictions: Predictions, keypoints: Float) -> Predictions:
    return Predictions(predictions.hand_id, keypoints)


def _predict(method: Method, hands: Sequence[SyntheticHand]) -> Predictions:
    def prepare(drawn: SyntheticHand) -> Any:
        return method.prepare(drawn.hand, drawn.picture if method.card.reads_images else None)

    with ThreadPoolExecutor(_THREADS) as pool:
        ready = list(pool.map(prepare, hands))
    return method.infer([drawn.hand for drawn in hands], ready)


def _timed(method: Method, hands: Sequence[SyntheticHand]) -> tuple[Predictions, float]:
    started = time.perf_counter()
    predictions = _predict(method, hands)
    return predictions, time.perf_counter() - started
