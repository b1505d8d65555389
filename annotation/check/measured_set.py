"""What the rules measure on the hands of one set, some hands at a time: intermediate values take 5 kB for each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from annotation.check.criterion import Measured, Rule
from annotation.check.finding import Finding, found_by
from annotation.check.hands import Hands, aligned
from annotation.check.look import Look, nothing_seen
from annotation.check.population import Population
from annotation.check.splits import LabelSet
from hint.types import Bool, Double, Predictions

#: Hands that are measured at a time.
_AT_ONCE = 4096


@dataclass(frozen=True, eq=False)
class MeasuredSet:
    """One set, and what became of the rules on its N hands.

    Attributes:
        labels: The annotations.
        judged: Rule -> hands that it could be applied to.
        found: Rule -> (N,) whether a hand is a finding.
        findings: The findings.
        moved: (N,) mean distance of the points from their pre-labels, in hand sizes; NaN without.
        moved_joints: (K,21) the same of every joint, of the K hands that have a pre-label.
        farthest: (K,) px, largest distance of a point of those hands from its pre-label.
    """

    labels: LabelSet
    judged: Mapping[str, int]
    found: Mapping[str, Bool]
    findings: list[Finding]
    moved: Double
    moved_joints: Double
    farthest: Double


def measure_set(
    one: LabelSet,
    population: Population,
    picture: Double,
    predictions: Predictions | None,
    look: Look | None,
    rules: Sequence[Rule],
    is_reported: bool = True,
) -> MeasuredSet:
    """Apply the rules to a set.

    Args:
        one: The set.
        population: Usual bone lengths and bends.
        picture: (N,2) width and height of the pictures, px; NaN without a picture.
        predictions: What annotators started from, None if that is not known.
        look: What the pictures show, None if nobody looked.
        rules: The rules.
        is_reported: Whether findings are wanted; other sets are only compared with.
    """
    judged: Counter[str] = Counter()
    found: dict[str, list[Bool]] = {rule.id: [] for rule in rules}
    findings: list[Finding] = []
    moves: list[tuple[Double, Double, Double]] = []
    for hands in _blocks(one, population, picture, predictions, look):
        ids = hands.labels.hand_id.tolist()
        for rule in rules:
            measured = rule.measure(hands)
            judged[rule.id] += int(np.isfinite(measured.value).sum())
            found[rule.id].append(rule.found(measured.value))
            findings += _findings(rule, measured, ids, one.subset) if is_reported else ()
        moves.append(_moves(hands))
    moved, joints, farthest = map(np.concatenate, zip(*moves, strict=True))
    flags = {rule: np.concatenate(some) for rule, some in found.items()}
    return MeasuredSet(one, judged, flags, findings, moved, joints, farthest)


def _blocks(
    one: LabelSet, population: Population, picture: Double, predictions: Predictions | None, look: Look | None
) -> Iterator[Hands]:
    start = None if predictions is None else aligned(one.labels, predictions)
    for first in range(0, len(one.labels), _AT_ONCE):
        rows = slice(first, first + _AT_ONCE)
        labels = one.labels.select(rows)
        seen = nothing_seen(len(labels)) if look is None else look.select(rows)
        yield Hands(labels, population, picture[rows], aligned(labels, None) if start is None else start[rows], seen)


def _moves(hands: Hands) -> tuple[Double, Double, Double]:
    """Return how far points are from their pre-labels, the last three attributes of :class:`MeasuredSet`."""
    distance = np.sqrt(np.square(hands.labels.keypoints_2d - hands.prelabels).sum(2))
    known = np.isfinite(distance).all(1)
    return distance.mean(1) / hands.size, distance[known] / hands.size[known, None], distance[known].max(1)


def _findings(rule: Rule, measured: Measured, ids: Sequence[str], subset: str) -> Iterator[Finding]:
    for k in np.flatnonzero(rule.found(measured.value)).tolist():
        value, name = float(measured.value[k]), measured.name(k)
        yield found_by(rule, ids[k], subset, value, rule.message(value, name), name)
