"""3D metrics against the official formulas written as loops, against hand-worked cases, and as properties."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from benchmark.mesh.alignment import procrustes, scale_and_translate
from benchmark.mesh.error_table import compute_mesh_errors, read_mesh_errors, write_mesh_errors
from benchmark.mesh.f_score import f_scores
from benchmark.mesh.metrics import area_under_curve, curve_thresholds, first_reached
from benchmark.mesh.protocol import load_mesh_protocol
from benchmark.mesh.scores import score_mesh_errors
from hint.errors import InputError
from hint.files.mesh_labels import MeshLabels
from hint.skeleton import JOINT_NAMES

HO3D, FREIHAND = load_mesh_protocol("ho3d-v2"), load_mesh_protocol("freihand")
THRESHOLDS = curve_thresholds(0.05, 100)
seeds = st.integers(0, 2**32 - 1)


def hands(count=7, vertices=778, seed=0):
    rng = np.random.default_rng(seed)
    mesh = rng.normal((0.1, 0, 0.6), (0.03, 0.05, 0.02), (count, vertices, 3))
    ids = np.array([f"{k:04d}" for k in range(count)])
    return MeshLabels(ids, np.array([f"clip{k // 2}" for k in range(count)]), mesh[:, :21] * 1.01, mesh)


def noisy(points, seed=1, sigma=0.006):
    rng = np.random.default_rng(seed)
    turn = Rotation.random(len(points), random_state=seed).as_matrix()
    size = rng.uniform(0.5, 2, (len(points), 1, 1))
    return (points + rng.normal(0, sigma, points.shape)) @ turn * size + rng.normal(0, 0.02, (len(points), 1, 3))


def scores(labels, joints, vertices, protocol=HO3D):
    table, coverage = compute_mesh_errors(labels, joints, vertices, protocol)
    rows = score_mesh_errors(table, protocol, JOINT_NAMES).scores
    return {row.metric: row.value for row in rows}, coverage


@pytest.mark.parametrize("kind", ["turned", "near", "other mesh", "mirrored", "zeros"])
def test_scores_are_those_of_the_official_formulas(kind, reference):
    labels = hands()
    joints, vertices = {
        "turned": lambda: (noisy(labels.joints), noisy(labels.vertices, 2)),
        "near": lambda: (
            labels.joints + np.random.default_rng(4).normal(0, 0.008, (7, 21, 3)),
            labels.vertices + np.random.default_rng(5).normal(0, 0.008, (7, 778, 3)),
        ),
        "other mesh": lambda: (noisy(labels.joints), noisy(hands(7, 431).vertices, 2)),
        "mirrored": lambda: (noisy(labels.joints) * [-1, 1, 1], noisy(labels.vertices) * [-1, 1, 1]),
        "zeros": lambda: (labels.joints * 0, labels.vertices * 0),
    }[kind]()
    expected = reference.official_scores(labels.joints, labels.vertices, joints, vertices)
    found, coverage = scores(labels, joints, vertices)
    assert found == pytest.approx(expected, abs=1e-9)
    assert coverage.complete


def test_chunks_and_single_precision_input_change_nothing(reference):
    """More hands than one chunk holds, few enough points for the loops to be quick."""
    labels = hands(150, 30)
    joints, vertices = (noisy(points).astype(np.float32) for points in (labels.joints, labels.vertices))
    as_written = (joints.astype(np.float64), vertices.astype(np.float64))
    expected = reference.official_scores(labels.joints, labels.vertices, *as_written)
    assert scores(labels, joints, vertices)[0] == pytest.approx(expected, abs=1e-9)


def test_a_shift_of_ten_millimetres_by_hand():
    """Unaligned: 10 mm everywhere, correct from threshold 20 of 0..99 on (19.8 steps); aligned: nothing is left."""
    labels = hands(2)
    shift = np.array([0, 0, 0.01])
    found, _ = scores(labels, labels.joints + shift, labels.vertices + shift)
    assert found["mpjpe_mm"] == pytest.approx(10)
    assert found["mpvpe_mm"] == pytest.approx(10)
    assert found["auc_j_raw"] == found["auc_v_raw"] == pytest.approx((99 - 20 + 0.5) / 99)
    assert found["pa_mpjpe_mm"] == pytest.approx(0, abs=1e-4)
    assert found["st_mpjpe_mm"] == pytest.approx(0, abs=1e-4)
    assert (found["f_at_5mm"], found["f_at_15mm"], found["f_at_15mm_raw"]) == (1, 1, 1)


def test_f_score_by_hand():
    """Two of three points have a neighbour, one of two true points has: harmonic mean of 2/3 and 1/2."""
    truth = np.array([[[0, 0, 0], [1, 0, 0]]], dtype=float)
    points = np.array([[[0, 0.004, 0], [0, 0, 0.003], [5, 5, 5]]], dtype=float)
    assert f_scores(truth, points, [0.005]) == pytest.approx(np.array([[2 * (2 / 3) * (1 / 2) / (2 / 3 + 1 / 2)]]))


def test_a_distance_equal_to_the_threshold_is_not_near_but_correct():
    truth, points = np.zeros((1, 1, 3)), np.array([[[0.0, 0.0, 0.5]]])
    assert f_scores(truth, points, [0.5, np.nextafter(0.5, 1)]).tolist() == [[0, 1]]
    # Where the true point is not the origin, subtracting squares alone would not decide this.
    assert f_scores(truth + 1000.5, points + 1000.5, [0.5, np.nextafter(0.5, 1)]).tolist() == [[0, 1]]
    assert area_under_curve(THRESHOLDS[[98]], THRESHOLDS) == (1 + 0.5) / 99
    assert area_under_curve(np.nextafter(THRESHOLDS[[98]], 1), THRESHOLDS) == 0.5 / 99


@pytest.mark.parametrize(
    ("distance", "area"), [(0.0, 1.0), (0.05, 0.5 / 99), (0.051, 0.0), (np.inf, 0.0), (1e-12, 98.5 / 99)]
)
def test_area_under_one_points_curve(distance, area):
    curve = (distance <= THRESHOLDS).astype(float)
    assert np.trapezoid(curve, THRESHOLDS) / 0.05 == pytest.approx(area)
    assert area_under_curve(np.array(distance), THRESHOLDS) == pytest.approx(area)


def test_procrustes_takes_a_reflection_where_it_fits_better():
    truth = hands(3).vertices
    assert procrustes(truth, truth * [1, 1, -1]) == pytest.approx(truth, abs=1e-7)


@given(seeds)
def test_aligned_scores_do_not_depend_on_a_similarity(seed):
    rng = np.random.default_rng(seed)
    labels = hands(2, 40, seed)
    joints, vertices = (p + rng.normal(0, 0.01, p.shape) for p in (labels.joints, labels.vertices))
    turn, size, shift = Rotation.random(random_state=seed).as_matrix(), rng.uniform(0.1, 10), rng.normal(0, 1, 3)
    plain, _ = scores(labels, joints, vertices)
    moved, _ = scores(labels, joints @ turn * size + shift, vertices @ turn * size + shift)
    for metric in ("pa_mpjpe_mm", "pa_mpvpe_mm"):
        assert moved[metric] == pytest.approx(plain[metric], rel=1e-6)
    scaled, _ = scores(labels, joints * size + shift, vertices)
    assert scaled["st_mpjpe_mm"] == pytest.approx(plain["st_mpjpe_mm"], rel=1e-6)


@given(seeds)
def test_procrustes_never_has_more_squared_error_than_other_alignments(seed):
    rng = np.random.default_rng(seed)
    truth = rng.normal(0, 0.05, (4, 21, 3))
    points = truth + rng.normal(0, 0.02, truth.shape)
    best = ((procrustes(truth, points) - truth) ** 2).sum((1, 2))
    for other in (points, scale_and_translate(truth, points, 0, 4)):
        assert (best <= ((other - truth) ** 2).sum((1, 2)) + 1e-12).all()


def test_the_first_threshold_reached_is_what_a_search_finds():
    ties = np.concatenate([THRESHOLDS, np.nextafter(THRESHOLDS, 1), np.nextafter(THRESHOLDS[1:], 0)])
    odd = [np.inf, np.nan, 1e300, -1, 0.0999999, 0.1, 0.1000001]
    for distance in (np.concatenate([ties, odd]), np.random.default_rng(0).random((50, 50), np.float32) * 0.06):
        assert np.array_equal(first_reached(distance, THRESHOLDS), np.searchsorted(THRESHOLDS, distance))


def grid(n):
    return np.stack(np.meshgrid(*[np.arange(n) * 0.005] * 3), -1).reshape(1, -1, 3)


@pytest.mark.parametrize(
    ("truth", "points"),
    [
        pytest.param(grid(5), grid(5) + np.array([0.005, 0, 0]), id="distances equal to a threshold"),
        pytest.param(grid(5) + 0.1, (grid(5) + 0.003) * 40, id="far too large"),
        pytest.param(grid(5), grid(5) * 1000 - 1, id="another unit"),
        pytest.param(grid(5) * 1e5, grid(5) * 1e5 + 0.004, id="truth of kilometres"),
        pytest.param(grid(5), grid(2) * 0 + 0.0123, id="one point"),
        pytest.param(np.repeat(grid(4), 40, 0), hands(40, 64).vertices - [0.1, 0, 0.6], id="more hands than one batch"),
    ],
)
def test_f_scores_are_those_of_double_precision(truth, points, reference):
    found = f_scores(truth, points, [0.005, 0.015])
    pairs = zip(truth, points, strict=True)
    assert found.tolist() == [[pytest.approx(reference.f_score(a, b, t)) for t in (0.005, 0.015)] for a, b in pairs]


@given(seeds)
def test_f_scores_are_symmetric_and_grow_with_the_threshold(seed):
    rng = np.random.default_rng(seed)
    a, b = rng.normal(0, 0.02, (2, 30, 3)), rng.normal(0, 0.02, (2, 50, 3))
    found = f_scores(a, b, [0.002, 0.005, 0.015])
    assert found == pytest.approx(f_scores(b, a, [0.002, 0.005, 0.015]))
    assert (np.diff(found) >= 0).all()


@pytest.mark.parametrize("poison", [np.nan, np.inf, 1e300])
def test_hands_that_are_not_finite_are_misses_and_leave_no_mean(poison):
    labels = hands(4)
    joints, vertices = labels.joints.copy(), labels.vertices.copy()
    joints[1, 3, 2] = poison
    vertices[2, 5, 0] = poison
    joints[3], vertices[3] = np.nan, np.nan
    found, coverage = scores(labels, joints, vertices, FREIHAND)
    assert (coverage.missing, coverage.non_finite) == (("0003",), ("0001", "0002"))
    assert found == pytest.approx(
        {"auc_j_raw": 0.5, "auc_v_raw": 0.5, "auc_j": 0.5, "auc_v": 0.5}
        | {"f_at_5mm_raw": 0.5, "f_at_15mm_raw": 0.5, "f_at_5mm": 0.5, "f_at_15mm": 0.5},
        abs=0.01,  # a perfect prediction is moved by rounding, and only a distance of exactly 0 counts at threshold 0
    )


def test_scores_are_a_function_of_the_file(tmp_path):
    labels = hands()
    table, _ = compute_mesh_errors(labels, noisy(labels.joints), noisy(labels.vertices), HO3D)
    write_mesh_errors(table, tmp_path / "errors.npz")
    again = read_mesh_errors(tmp_path / "errors.npz")
    assert score_mesh_errors(again, HO3D, JOINT_NAMES) == score_mesh_errors(table, HO3D, JOINT_NAMES)


def test_curves_and_joints_agree_with_the_scores():
    labels = hands()
    table, _ = compute_mesh_errors(labels, noisy(labels.joints), noisy(labels.vertices), HO3D)
    everything = score_mesh_errors(table, HO3D, JOINT_NAMES)
    value = {row.metric: row.value for row in everything.scores}
    for curve, metric in zip(everything.curves, ("auc_j", "auc_v"), strict=True):
        assert np.trapezoid(curve.values, curve.thresholds) / 50 / 100 == pytest.approx(value[metric], abs=1e-5)
    assert np.mean([row.value for row in everything.per_joint]) == pytest.approx(value["pa_mpjpe_mm"])


def test_intervals_resample_clips_and_one_clip_has_none():
    labels = hands()
    joints, vertices = noisy(labels.joints), noisy(labels.vertices)
    rows = score_mesh_errors(compute_mesh_errors(labels, joints, vertices, HO3D)[0], HO3D, JOINT_NAMES).scores
    assert {row.n_clips for row in rows} == {4}
    assert all(row.ci is not None and row.ci.low <= row.value <= row.ci.high for row in rows)
    alone = labels.select(slice(0, 2))
    table, _ = compute_mesh_errors(alone, joints[:2], vertices[:2], HO3D)
    assert {row.ci for row in score_mesh_errors(table, HO3D, JOINT_NAMES).scores} == {None}


def test_shapes_that_do_not_fit_are_refused():
    labels = hands(2)
    with pytest.raises(InputError, match="21 joints of every hand"):
        compute_mesh_errors(labels, labels.joints[:, :20], labels.vertices, HO3D)
    with pytest.raises(InputError, match="a mesh of every hand"):
        compute_mesh_errors(labels, labels.joints, labels.vertices[:1], HO3D)
    with pytest.raises(InputError, match="no hand to score"):
        compute_mesh_errors(labels.select([]), labels.joints[:0], labels.vertices[:0], HO3D)
