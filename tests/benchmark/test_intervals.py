"""Bootstrap intervals: against the normal approximation, by simulated coverage, and in pairs."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark import intervals as module
from benchmark.error_table import ErrorTable
from benchmark.intervals import intervals, paired_difference, percentile_interval, replicates
from benchmark.pck import auc_sums, epe_sums, pck_sums, select
from benchmark.protocol import load_protocol
from benchmark.scores import score_table
from hint.errors import InputError

PROTOCOL = load_protocol()
FEWER = replace(PROTOCOL, replicates=400)


def table_of(error: np.ndarray, clip: Any) -> ErrorTable:
    """A table of one subset whose joints are visible wherever the error is not NaN."""
    n = len(error)
    return ErrorTable(
        hand_id=np.array([f"h{i}" for i in range(n)]),
        clip_id=np.array([f"c{i}" for i in clip]),
        subset=np.array(["newdays"] * n),
        box_side=np.full(n, 100.0),
        distance_px=100.0 * np.asarray(error, dtype=np.float64),
        visibility=np.where(np.isnan(error), 0, 2).astype(np.uint8),
    )


def hands_in_clips(rng: np.random.Generator, clips: int, per_clip: int, alike: float) -> ErrorTable:
    """Log-normal errors with median 0.05; ``alike`` is the share of their variance that a clip has in common."""
    shared = np.repeat(rng.normal(0, alike**0.5, (clips, 1)), per_clip, axis=0)
    own = rng.normal(0, (1 - alike) ** 0.5, (clips * per_clip, 21))
    return table_of(0.05 * np.exp(shared + own), np.repeat(np.arange(clips), per_clip))


def width(table: ErrorTable) -> float:
    (found,) = intervals([pck_sums(select(table, "newdays", "all"), 0.05)], PROTOCOL, 0)
    assert found is not None
    return found.high - found.low


def test_single_hand_clips_give_the_width_of_the_normal_approximation() -> None:
    table = hands_in_clips(np.random.default_rng(0), 1000, 1, alike=0.3)
    per_hand = 100 * (table.error <= 0.05).mean(1)
    assert width(table) == pytest.approx(2 * 1.96 * per_hand.std() / 1000**0.5, rel=0.06)


def test_all_metrics_agree_with_the_normal_approximation() -> None:
    table = hands_in_clips(np.random.default_rng(1), 800, 1, alike=0.3)
    cell = select(table, "newdays", "all")
    per_hand = [100 * np.maximum(0, 1 - table.error / 0.3).mean(1), 100 * table.error.mean(1)]
    for found, values in zip(intervals([auc_sums(cell, 0.3), epe_sums(cell)], PROTOCOL, 0), per_hand, strict=True):
        assert found is not None
        assert found.high - found.low == pytest.approx(2 * 1.96 * values.std() / 800**0.5, rel=0.06)
        assert (found.high + found.low) / 2 == pytest.approx(values.mean(), rel=0.01)


@pytest.mark.parametrize("alike", [0.0, 0.6])
def test_intervals_cover_the_truth_as_often_as_they_say(alike: float) -> None:
    rng = np.random.default_rng(2)
    covered = 0
    for _ in range(200):
        table = hands_in_clips(rng, 60, 4, alike)
        (found,) = intervals([pck_sums(select(table, "newdays", "all"), 0.05)], FEWER, 0)
        assert found is not None
        covered += found.low <= 50 <= found.high  # the median is 0.05, so half of all keypoints are correct
    assert 180 <= covered <= 198


def test_hands_that_resemble_each_other_widen_the_interval() -> None:
    rng = np.random.default_rng(3)
    apart, alike = (hands_in_clips(rng, 100, 10, share) for share in (0.0, 0.6))
    assert width(alike) > 3 * width(apart)
    each_its_own = replace(alike, clip_id=alike.hand_id)
    assert width(alike) > 2 * width(each_its_own)


@given(st.integers(0, 10_000))
@settings(max_examples=20)
def test_the_value_lies_in_its_interval(seed: int) -> None:
    rng = np.random.default_rng(seed)
    table = hands_in_clips(rng, 30, 3, alike=0.4)
    table = replace(table, distance_px=np.where(rng.random(table.error.shape) < 0.05, np.inf, table.distance_px))
    for score in score_table(table, FEWER, seed=seed).scores:
        if score.ci:
            assert score.ci.low <= score.value <= score.ci.high
            assert score.ci.level == 0.95
        else:
            assert score.metric == "epe_median_px"


def test_one_clip_gives_no_interval() -> None:
    table = table_of(np.full((5, 21), 0.04), [0] * 5)
    assert {s.ci for s in score_table(table, FEWER).scores} == {None}


def test_intervals_are_optional() -> None:
    table = table_of(np.full((5, 21), 0.04), list(range(5)))
    assert {s.ci for s in score_table(table, FEWER, with_intervals=False).scores} == {None}


def test_one_clip_with_keypoints_among_several_gives_no_interval() -> None:
    errors = np.full((3, 21), np.nan)
    errors[0] = 0.04
    assert {s.ci for s in score_table(table_of(errors, [0, 1, 2]), FEWER).scores} == {None}


def test_a_joint_that_few_clips_have_is_left_out_of_the_draws_without_it() -> None:
    errors = np.full((4, 21), np.nan)
    errors[:, 0] = 0.0
    errors[0, 1] = 1.0  # wrong, and annotated in one of four clips
    drawn = replicates([pck_sums(select(table_of(errors, range(4)), "newdays", "all"), 0.05)], 4000, 0)[0]
    assert set(drawn) == {50.0, 100.0}
    assert (drawn == 100).mean() == pytest.approx(0.75**4, abs=0.03)


def test_resamples_without_a_keypoint_are_ignored() -> None:
    errors = np.full((3, 21), np.nan)
    errors[:2] = [[0.0], [1.0]]
    drawn = replicates([pck_sums(select(table_of(errors, range(3)), "newdays", "all"), 0.05)], 4000, 0)[0]
    assert np.isnan(drawn).mean() == pytest.approx(1 / 27, abs=0.015)
    found = percentile_interval(drawn, 0.95)
    assert (found.low, found.high) == (0.0, 100.0)


def test_a_seed_repeats_and_another_differs() -> None:
    table = hands_in_clips(np.random.default_rng(4), 40, 2, 0.3)
    assert score_table(table, FEWER, seed=5) == score_table(table, FEWER, seed=5)
    assert score_table(table, FEWER, seed=5) != score_table(table, FEWER, seed=6)


def test_the_memory_bound_changes_no_draw(monkeypatch: pytest.MonkeyPatch) -> None:
    sums = [pck_sums(select(hands_in_clips(np.random.default_rng(5), 50, 2, 0.3), "newdays", "all"), 0.05)]
    whole = replicates(sums, 101, 0)
    monkeypatch.setattr(module, "_WEIGHTS", 7 * 50)
    np.testing.assert_allclose(replicates(sums, 101, 0), whole, rtol=1e-12)


def test_the_level_is_the_share_between_the_ends() -> None:
    found = percentile_interval(np.arange(1001.0), 0.9)
    assert (found.level, found.low, found.high) == (0.9, pytest.approx(50), pytest.approx(950))


@pytest.mark.parametrize("metric", ["pck", "auc", "epe_mean_px"])
def test_a_method_differs_from_itself_by_exactly_nothing(metric: str) -> None:
    table = hands_in_clips(np.random.default_rng(6), 40, 3, 0.3)
    found = paired_difference(table, table, "newdays", "all", PROTOCOL, metric=metric)
    assert found.interval is not None
    assert (found.value, found.interval.low, found.interval.high) == (0, 0, 0)
    assert found.contains_zero


def test_a_pair_is_told_apart_where_two_intervals_overlap() -> None:
    table = hands_in_clips(np.random.default_rng(7), 100, 4, alike=0.6)
    better = replace(table, distance_px=table.distance_px * 0.95)
    alone = [intervals([pck_sums(select(t, "newdays", "all"), 0.05)], PROTOCOL, 0)[0] for t in (better, table)]
    assert alone[0] is not None
    assert alone[1] is not None
    assert alone[0].low < alone[1].high
    found = paired_difference(better, table, "newdays", "all", PROTOCOL)
    assert found.interval is not None
    assert 0 < found.interval.low < found.value < found.interval.high
    assert not found.contains_zero
    back = paired_difference(table, better, "newdays", "all", PROTOCOL)
    assert back.value == -found.value
    assert back.interval is not None
    assert (back.interval.low, back.interval.high) == pytest.approx((-found.interval.high, -found.interval.low))


def test_paired_intervals_contain_zero_as_often_as_they_say() -> None:
    rng = np.random.default_rng(8)
    zero = 0
    for _ in range(200):
        a, b = (hands_in_clips(rng, 60, 4, alike=0.3) for _ in range(2))
        zero += paired_difference(a, b, "newdays", "all", FEWER, metric="auc").contains_zero
    assert 180 <= zero <= 198


def test_a_pair_may_list_its_hands_in_any_order() -> None:
    table = hands_in_clips(np.random.default_rng(9), 20, 3, 0.3)
    other = replace(table, distance_px=table.distance_px * 1.2)
    order = np.random.default_rng(0).permutation(60)
    shuffled = ErrorTable(**{k: v[order] for k, v in vars(other).items()})
    expected = paired_difference(table, other, "newdays", "all", FEWER)
    assert paired_difference(table, shuffled, "newdays", "all", FEWER) == expected


def test_a_pair_is_compared_on_the_keypoints_asked_for() -> None:
    table = hands_in_clips(np.random.default_rng(12), 30, 2, 0.3)
    occluded = np.arange(21) < 8
    table = replace(table, visibility=np.where(occluded, 1, table.visibility).astype(np.uint8))
    other = replace(table, distance_px=np.where(occluded, table.distance_px * 2, table.distance_px))
    found = {v: paired_difference(table, other, "newdays", v, FEWER) for v in PROTOCOL.visibilities}
    assert found["visible"].value == 0
    assert found["occluded"].value == pytest.approx(found["all"].value * 21 / 8)
    assert found["occluded"].value > 0


def test_a_pair_in_one_clip_cannot_be_told_apart() -> None:
    table = table_of(np.full((5, 21), 0.04), [0] * 5)
    found = paired_difference(table, replace(table, distance_px=table.distance_px * 2), "newdays", "all", FEWER)
    assert (found.value, found.interval, found.contains_zero) == (100, None, True)


def test_a_pair_must_hold_the_same_hands() -> None:
    table = hands_in_clips(np.random.default_rng(10), 10, 1, 0.3)
    fewer = ErrorTable(**{k: v[:8] for k, v in vars(table).items()})
    with pytest.raises(InputError, match="scored for one method only: h8, h9;"):
        paired_difference(table, fewer, "newdays", "all", FEWER)


def test_a_pair_must_hold_the_same_labels() -> None:
    table = hands_in_clips(np.random.default_rng(11), 10, 1, 0.3)
    side = table.box_side.copy()
    side[3] = 7
    hidden = table.visibility.copy()
    hidden[4, 2] = 1
    moved = replace(table, clip_id=np.where(table.hand_id == "h5", "elsewhere", table.clip_id))
    for other, name in (
        (replace(table, box_side=side), "h3"),
        (replace(table, visibility=hidden), "h4"),
        (moved, "h5"),
    ):
        with pytest.raises(InputError, match=f"labels differ between the two tables: {name};"):
            paired_difference(table, other, "newdays", "all", FEWER)
