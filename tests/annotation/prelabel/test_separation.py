"""AUC, thresholds and counts by hand and against plain loops."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotation.prelabel.plots import reliability
from annotation.prelabel.separation import best_threshold, is_informative, roc_auc, separation

#: Few distinct values, so that ties are common; thirds are no float32 of few digits.
SCORES = st.sampled_from([0.0, 0.1, 1 / 3, 0.5, 2 / 3, 0.9, 1.0, -math.inf])
CASES = st.lists(st.tuples(SCORES, st.booleans()), min_size=1, max_size=40)


def slow_auc(score: np.ndarray, positive: np.ndarray) -> float | None:
    wins = [1.0 if p > n else 0.5 if p == n else 0.0 for p in score[positive] for n in score[~positive]]
    return sum(wins) / len(wins) if wins else None


def slow_balanced(score: np.ndarray, positive: np.ndarray, threshold: float) -> float:
    hit = [s >= threshold for s, p in zip(score, positive, strict=True) if p]
    rest = [s < threshold for s, p in zip(score, positive, strict=True) if not p]
    return (sum(hit) / len(hit) + sum(rest) / len(rest)) / 2


def arrays(case: list[tuple[float, bool]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([s for s, _ in case]), np.array([p for _, p in case])


def test_by_hand() -> None:
    score = np.array([0.1, 0.2, 0.4, 0.6, 0.8])
    visible = np.array([False, True, False, True, True])
    # Pairs (visible, occluded): 0.2 beats 0.1 and loses to 0.4; 0.6 and 0.8 beat both: 5 of 6.
    assert roc_auc(score, visible) == pytest.approx(5 / 6)
    # From 0.5 on: 2 of 3 visible kept, both occluded dropped (0.833); from 0.15 on: 3 of 3 and 1 of 2 (0.75).
    assert best_threshold(score, visible) == pytest.approx(0.5)
    found = separation(5 / 6, score < 0.5, ~visible)
    counts = (found.true_positives, found.false_negatives, found.false_positives, found.true_negatives)
    assert counts == (2, 0, 1, 2)
    assert found.balanced_accuracy == pytest.approx((1 + 2 / 3) / 2)
    assert (found.positives, found.negatives) == (2, 3)
    assert not found.informative, "five joints say nothing"


@given(CASES)
def test_the_auc_is_the_share_of_pairs_in_order(case: list[tuple[float, bool]]) -> None:
    score, positive = arrays(case)
    expected, found = slow_auc(score, positive), roc_auc(score, positive)
    assert (found is None) == (expected is None)
    if expected is not None:
        assert found == pytest.approx(expected)


@given(CASES)
def test_no_threshold_is_better_and_ties_go_to_the_lowest(case: list[tuple[float, bool]]) -> None:
    score, positive = arrays(case)
    found = best_threshold(score, positive)
    if positive.all() or not positive.any() or not np.isfinite(score).any():
        assert found == 0.0
        return
    distinct = sorted({s for s in score if np.isfinite(s)})
    tried = [0.0, *((a + b) / 2 for a, b in pairwise(distinct))]
    values = [slow_balanced(score, positive, t) for t in tried]
    best = max(values)
    assert slow_balanced(score, positive, found) == pytest.approx(best)
    assert found == pytest.approx(next(t for t, v in zip(tried, values, strict=True) if v > best - 1e-9))


@given(CASES)
def test_a_threshold_between_neighbours_splits_them(case: list[tuple[float, bool]]) -> None:
    _, positive = arrays(case)
    # Neighbouring floats have nothing half-way between them.
    score = np.nextafter(0.3, np.arange(len(case)) % 2 * 1.0)
    if positive.all() or not positive.any():
        return
    threshold = best_threshold(score, positive)
    assert threshold == 0.0 or (score.min() < threshold <= score.max())


def test_informative_scores_are_distinguished_from_chance() -> None:
    rng = np.random.default_rng(0)
    noise, truth = rng.random(5000), rng.random(5000) < 0.3
    auc = roc_auc(noise, truth)
    assert auc is not None
    assert not is_informative(auc, int(truth.sum()), int((~truth).sum()))
    assert is_informative(0.7, 500, 500)
    assert not is_informative(0.3, 500, 500), "the wrong way round is of no use either"
    assert not is_informative(0.7, 4, 6)
    assert not is_informative(None, 0, 6)


def test_reliability_bins_are_equally_filled() -> None:
    score = np.array([0.9, 0.1, 0.5, 0.3])
    mean, share = reliability(score, score > 0.4, bins=2)
    assert mean.tolist() == pytest.approx([0.2, 0.7])
    assert share.tolist() == [0.0, 1.0]
    assert len(reliability(score, score > 0.4, bins=10)[0]) == 4
