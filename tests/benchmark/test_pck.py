"""PCK, AUC and end-point error against an implementation with plain loops, the official numbers, and laws they obey."""

import math
import statistics
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark.error_table import ErrorTable, compute_errors
from benchmark.pck import (
    auc_sums,
    curve_thresholds,
    epe_median_px,
    epe_sums,
    metric_sums,
    pck_curve,
    pck_sums,
    select,
)
from benchmark.protocol import load_protocol
from benchmark.scores import Scores, score_table
from hint.errors import UnknownNameError
from hint.files import read_labels
from hint.skeleton import JOINT_NAMES
from hint.types import HandLabels, Predictions

PROTOCOL = load_protocol()
VISIBILITIES = ("all", "visible", "occluded")


def random_case(seed: int, n: int = 40) -> tuple[HandLabels, Predictions]:
    """Two subsets in shuffled clips; some hands and keypoints are not predicted, one joint is out of every frame."""
    rng = np.random.default_rng(seed)
    corner, size = rng.uniform(0, 500, (n, 2)), rng.uniform(20, 400, (n, 2))
    existence = rng.random((n, 21)) < 0.8
    existence[:, seed % 21] = False
    labels = HandLabels(
        hand_id=np.array([f"hand{i}" for i in range(n)]),
        clip_id=rng.permutation([f"clip{i % 7}" for i in range(n)]),
        subset=rng.permutation([("newdays", "ego4d")[i % 2] for i in range(n)]),
        box_xyxy=np.concatenate([corner, corner + size], 1),
        is_right=rng.random(n) < 0.5,
        keypoints_2d=corner[:, None] + size[:, None] * rng.random((n, 21, 2)),
        existence=existence,
        occlusion=rng.random((n, 21)) < 0.4,
        image=np.array([""] * n),
    )
    keypoints = labels.keypoints_2d + rng.normal(0, 20, (n, 21, 2))
    keypoints[rng.random((n, 21)) < 0.05] = np.nan
    keypoints[rng.integers(n)] = np.nan
    kept = rng.permutation(n)[: n - 3]
    return labels, Predictions(labels.hand_id[kept], keypoints[kept])


def slow_errors(
    labels: HandLabels, predictions: Predictions, subset: str, visibility: str
) -> dict[int, list[tuple[float, float]]]:
    """Collect (error, px) of each joint, hand by hand."""
    guess = {str(i): xy for i, xy in zip(predictions.hand_id, predictions.keypoints_2d.tolist(), strict=True)}
    found: dict[int, list[tuple[float, float]]] = {j: [] for j in range(21)}
    for h in range(len(labels)):
        if labels.subset[h] != subset:
            continue
        left, top, right, bottom = labels.box_xyxy[h].tolist()
        for j in range(21):
            if not labels.existence[h, j]:
                continue
            if visibility == "visible" and labels.occlusion[h, j]:
                continue
            if visibility == "occluded" and not labels.occlusion[h, j]:
                continue
            x, y = guess[str(labels.hand_id[h])][j] if str(labels.hand_id[h]) in guess else (math.nan, math.nan)
            px = math.sqrt((x - labels.keypoints_2d[h, j, 0]) ** 2 + (y - labels.keypoints_2d[h, j, 1]) ** 2)
            px = px if math.isfinite(px) else math.inf
            found[j].append((px / (right - left if right - left > bottom - top else bottom - top), px))
    return found


def slow_step_area(errors: list[float], maximum: float) -> float:
    """Integrate the step curve from one jump to the next."""
    jumps = sorted(e for e in errors if e < maximum)
    ends = [*jumps[1:], maximum]
    return sum((k + 1) / len(errors) * (end - e) for k, (e, end) in enumerate(zip(jumps, ends, strict=True))) / maximum


def slow_scores(labels: HandLabels, predictions: Predictions, subset: str, visibility: str) -> dict[str, float]:
    found = slow_errors(labels, predictions, subset, visibility)
    seen = [[e for e, _ in pairs] for pairs in found.values() if pairs]
    px = [d for pairs in found.values() for _, d in pairs if d < math.inf]
    numbers = {
        f"pck@{t}": 100 * statistics.mean(sum(e <= t for e in j) / len(j) for j in seen) for t in (0.05, 0.1, 0.15)
    }
    numbers["auc"] = 100 * statistics.mean(slow_step_area(j, 0.3) for j in seen)
    return numbers | {"epe_mean_px": statistics.mean(px), "epe_median_px": statistics.median(px)}


def as_dict(scores: Scores, subset: str, visibility: str) -> dict[str, float]:
    rows = [s for s in scores.scores if (s.subset, s.visibility) == (subset, visibility)]
    return {f"{s.metric}@{s.threshold}" if s.metric == "pck" else s.metric: s.value for s in rows}


@pytest.mark.parametrize("seed", range(6))
def test_every_metric_equals_plain_loops(seed: int) -> None:
    labels, predictions = random_case(seed)
    scores = score_table(compute_errors(labels, predictions)[0], PROTOCOL, with_intervals=False)
    for subset in ("newdays", "ego4d"):
        for visibility in VISIBILITIES:
            expected = slow_scores(labels, predictions, subset, visibility)
            assert as_dict(scores, subset, visibility) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_per_joint_values_and_counts_equal_plain_loops(seed: int) -> None:
    labels, predictions = random_case(seed)
    scores = score_table(compute_errors(labels, predictions)[0], PROTOCOL, with_intervals=False)
    rows = {(r.subset, r.visibility, r.threshold, r.joint): (r.value, r.n_keypoints) for r in scores.per_joint}
    expected = {
        (subset, visibility, t, JOINT_NAMES[j]): (100 * sum(e <= t for e, _ in pairs) / len(pairs), len(pairs))
        for subset in ("newdays", "ego4d")
        for visibility in VISIBILITIES
        for t in (0.05, 0.1, 0.15)
        for j, pairs in slow_errors(labels, predictions, subset, visibility).items()
        if pairs
    }
    assert rows == expected


def test_the_official_evaluation_gives_the_same_numbers(golden: Path) -> None:
    reference = np.load(golden / "hamer_crops.npz", allow_pickle=False)
    truth, center, size = (reference[f"annotation_{k}"] for k in ("hand_keypoints_2d", "center", "scale"))
    n = len(truth)
    labels = HandLabels(
        hand_id=np.array([f"h{i}" for i in range(n)]),
        clip_id=np.array([f"h{i}" for i in range(n)]),
        subset=np.array(["newdays"] * n),
        box_xyxy=np.concatenate([center - size / 2, center + size / 2], 1),
        is_right=reference["annotation_right"] > 0,
        keypoints_2d=truth[..., :2],
        existence=truth[..., 2] > 0.5,
        occlusion=np.zeros((n, 21), bool),
        image=np.array([""] * n),
    )
    table, _ = compute_errors(labels, Predictions(labels.hand_id, reference["pck_pred_px"]))
    np.testing.assert_allclose(table.box_side, reference["pck_scale"], rtol=1e-6)
    official = dict(zip(reference["pck_names"].tolist(), reference["pck_vals"].tolist(), strict=True))
    cell = select(table, "newdays", "all")
    ours = {}
    for name, threshold in (("0.05", 0.05), ("0.1", 0.1), ("0.15", 0.15)):
        sums = pck_sums(cell, threshold)
        ours |= {f"kp{j}_pck_{name}": value / 100 for j, value in enumerate(sums.per_joint().tolist())}
        ours[f"kpAvg_pck_{name}"] = sums.value() / 100
    assert ours == pytest.approx(official, abs=1e-12)


@pytest.mark.parametrize("subset", ["newdays", "epick", "ego4d"])
def test_the_centre_of_the_box_on_the_real_test_set(shared: Path, subset: str) -> None:
    labels = read_labels(shared / "data" / "hint_eval_npz")
    labels = labels.select(labels.subset == subset)
    assert len(labels) == PROTOCOL.subset(subset).hands_npz
    centre = (labels.box_xyxy[:, :2] + labels.box_xyxy[:, 2:]) / 2
    predictions = Predictions(labels.hand_id, np.repeat(centre[:, None], 21, 1))
    scores = score_table(compute_errors(labels, predictions)[0], PROTOCOL, with_intervals=False)
    for visibility in VISIBILITIES:
        expected = slow_scores(labels, predictions, subset, visibility)
        assert as_dict(scores, subset, visibility) == pytest.approx(expected, rel=1e-9)


def table_of(error: np.ndarray, clips: list[str] | None = None, side: float = 100.0) -> ErrorTable:
    """A table of one subset whose joints are visible wherever the error is not NaN."""
    n = len(error)
    return ErrorTable(
        hand_id=np.array([f"h{i}" for i in range(n)]),
        clip_id=np.array(clips or [f"c{i}" for i in range(n)]),
        subset=np.array(["newdays"] * n),
        box_side=np.full(n, side),
        distance_px=side * np.asarray(error, dtype=np.float64),
        visibility=np.where(np.isnan(error), 0, 2).astype(np.uint8),
    )


@pytest.mark.parametrize("threshold", [0.05, 0.1, 0.15])
def test_a_keypoint_exactly_at_the_threshold_is_correct(threshold: float) -> None:
    errors = np.full((1, 21), threshold)
    cell = select(table_of(errors, side=128.0), "newdays", "all")
    assert pck_sums(cell, threshold).value() == 100
    assert pck_curve(cell, np.array([np.nextafter(threshold, 0), threshold])).tolist() == [0, 100]
    beyond = np.nextafter(errors, 1)
    assert pck_sums(select(table_of(beyond, side=128.0), "newdays", "all"), threshold).value() == 0


def test_pixels_that_make_exactly_the_threshold_are_correct() -> None:
    labels, _ = random_case(0, n=4)
    labels = replace(
        labels,
        box_xyxy=np.array([[0, 0, 100, 40], [0, 0, 30, 300], [10, 20, 810, 120], [5, 5, 25, 15]], dtype=float),
        keypoints_2d=np.full((4, 21, 2), 64.0),
    )
    offset = np.array([[3.0, 4.0], [-9.0, 12.0], [24.0, 32.0], [0.6, -0.8]])
    predictions = Predictions(labels.hand_id, (labels.keypoints_2d + offset[:, None]))
    table, _ = compute_errors(labels, predictions)
    exact = table.error[:3][labels.existence[:3]]
    assert (exact == 0.05).all()  # the last hand has no exact float32 prediction
    assert np.isclose(table.error[3][labels.existence[3]], 0.05, atol=1e-6).all()


def test_joints_count_alike_however_often_they_are_annotated() -> None:
    errors = np.full((10, 21), np.nan)
    errors[:, 0] = 0.0  # ten wrists, all correct
    errors[0, 1] = 1.0  # one thumb joint, wrong
    cell = select(table_of(errors), "newdays", "all")
    assert pck_sums(cell, 0.05).value() == 50  # over keypoints it would be 10 / 11


def test_joints_without_data_are_left_out_and_named() -> None:
    errors = np.zeros((3, 21))
    errors[:, [4, 8]] = np.nan
    scores = score_table(table_of(errors), PROTOCOL, with_intervals=False)
    everything, visible, occluded = scores.empty_joints
    assert everything.joints == visible.joints == ("thumb_tip", "index_tip")
    assert occluded.joints == JOINT_NAMES
    assert {s.value for s in scores.scores if s.metric == "pck"} == {100.0}
    assert not [s for s in scores.scores if s.visibility == "occluded"]
    assert not [r for r in scores.per_joint if r.joint in ("thumb_tip", "index_tip")]
    assert len(scores.curves) == 2


def test_nothing_predicted_scores_zero_and_has_no_pixel_error() -> None:
    scores = score_table(table_of(np.full((3, 21), np.inf)), PROTOCOL)
    rows = [s for s in scores.scores if s.visibility == "all"]
    assert [(s.metric, s.value) for s in rows] == [("pck", 0), ("pck", 0), ("pck", 0), ("auc", 0)]
    assert all(s.n_keypoints == 63 for s in rows)
    assert set(scores.curves[0].values) == {0.0}


def test_pixel_errors_leave_out_what_was_not_predicted() -> None:
    errors = np.full((2, 21), np.nan)
    errors[0, :3] = [0.1, 0.2, np.inf]
    errors[1, 0] = 0.6
    rows = score_table(table_of(errors), PROTOCOL, with_intervals=False).scores
    found = {s.metric: (s.value, s.n_keypoints, s.n_hands) for s in rows if s.visibility == "all"}
    assert found["epe_mean_px"] == (pytest.approx(30), 3, 2)
    assert found["epe_median_px"] == (pytest.approx(20), 3, 2)
    assert found["auc"][1] == 4


def test_subsets_come_in_the_order_of_the_protocol_then_the_others() -> None:
    table = replace(table_of(np.zeros((3, 21))), subset=np.array(["mine", "ego4d", "newdays"]))
    scores = score_table(table, PROTOCOL, with_intervals=False).scores
    assert list(dict.fromkeys(s.subset for s in scores)) == ["newdays", "ego4d", "mine"]


def test_unknown_cells_and_metrics_are_refused() -> None:
    table = table_of(np.zeros((1, 21)))
    with pytest.raises(UnknownNameError, match="did you mean newdays"):
        select(table, "newday", "all")
    with pytest.raises(UnknownNameError, match="did you mean occluded"):
        select(table, "newdays", "ocluded")
    with pytest.raises(UnknownNameError, match="unknown metric 'pkc'"):
        metric_sums(select(table, "newdays", "all"), "pkc", 0.05, 0.3)


def test_long_clips_and_many_hands_are_summed_whole() -> None:
    rng = np.random.default_rng(0)
    errors = rng.exponential(0.1, (13_000, 21))
    clips = ["long"] * 9000 + [f"c{i}" for i in range(3999)] + ["z"]
    cell = select(table_of(errors, clips), "newdays", "all")
    assert cell.annotated.sum() == errors.size
    assert len(cell.annotated) == 4001
    assert pck_sums(cell, 0.1).value() == pytest.approx(100 * np.mean(errors <= 0.1))
    assert auc_sums(cell, 0.3).value() == pytest.approx(100 * np.mean(np.maximum(0, 1 - errors / 0.3)))


seeds = st.integers(0, 10_000)


@given(seeds)
@settings(max_examples=30)
def test_visible_and_occluded_keypoints_add_up_to_all(seed: int) -> None:
    table, _ = compute_errors(*random_case(seed))
    for threshold in (0.05, 0.15):
        everything, visible, occluded = (pck_sums(select(table, "ego4d", v), threshold) for v in VISIBILITIES)
        assert np.array_equal(everything.numerator, visible.numerator + occluded.numerator)
        assert np.array_equal(everything.denominator, visible.denominator + occluded.denominator)
        assert everything.n_keypoints == visible.n_keypoints + occluded.n_keypoints


@given(seeds)
@settings(max_examples=30)
def test_a_wider_threshold_never_loses_a_keypoint(seed: int) -> None:
    table, _ = compute_errors(*random_case(seed))
    curve = pck_curve(select(table, "ego4d", "all"), curve_thresholds(0.3, 61))
    assert (np.diff(curve) >= 0).all()
    assert 0 <= curve[0] <= curve[-1] <= 100


@given(seeds)
@settings(max_examples=30)
def test_the_curve_passes_through_the_table(seed: int) -> None:
    cell = select(compute_errors(*random_case(seed))[0], "newdays", "visible")
    thresholds = curve_thresholds(0.3, 61)
    assert {0.05, 0.1, 0.15} <= set(thresholds.tolist())
    curve = dict(zip(thresholds.tolist(), pck_curve(cell, thresholds).tolist(), strict=True))
    for threshold in (0.05, 0.1, 0.15, 0.3):
        assert curve[threshold] == pytest.approx(pck_sums(cell, threshold).value(), rel=1e-12)


@given(seeds)
@settings(max_examples=10)
def test_the_area_is_that_of_a_finely_sampled_curve(seed: int) -> None:
    cell = select(compute_errors(*random_case(seed))[0], "newdays", "all")
    steps = 20_000
    curve = pck_curve(cell, (np.arange(steps) + 0.5) * (0.3 / steps))
    # A midpoint sum is off by at most half a step per jump, and the curve climbs 100 in all.
    assert auc_sums(cell, 0.3).value() == pytest.approx(curve.mean(), abs=100 * 0.5 / steps)


@given(st.permutations(range(40)), seeds)
@settings(max_examples=20)
def test_the_order_of_hands_changes_no_score(order: list[int], seed: int) -> None:
    labels, predictions = random_case(seed)
    before = score_table(compute_errors(labels, predictions)[0], PROTOCOL).scores
    after = score_table(compute_errors(labels.select(order), predictions)[0], PROTOCOL).scores
    for a, b in zip(before, after, strict=True):
        assert b.value == pytest.approx(a.value, rel=1e-12)
        assert (b.ci is None) == (a.ci is None)
        if a.ci and b.ci:
            assert (b.ci.low, b.ci.high) == pytest.approx((a.ci.low, a.ci.high), rel=1e-9)


@given(seeds, st.floats(0.2, 5))
@settings(max_examples=20)
def test_pixel_errors_grow_with_the_image_and_shares_do_not(seed: int, scale: float) -> None:
    table, _ = compute_errors(*random_case(seed))
    bigger = replace(table, box_side=table.box_side * scale, distance_px=table.distance_px * scale)
    cells = [select(t, "newdays", "all") for t in (table, bigger)]
    assert epe_sums(cells[1]).value() == pytest.approx(scale * epe_sums(cells[0]).value())
    assert epe_median_px(cells[1]) == pytest.approx(scale * epe_median_px(cells[0]))
    assert pck_sums(cells[1], 0.1).value() == pck_sums(cells[0], 0.1).value()
