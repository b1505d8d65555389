from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.error_table import FORMAT, ErrorTable, compute_errors, read_error_table, write_error_table
from hint.errors import InputError
from hint.types import HandLabels, Predictions


def some_labels(n: int, seed: int = 0) -> HandLabels:
    rng = np.random.default_rng(seed)
    corner, size = rng.uniform(0, 500, (n, 2)), rng.uniform(20, 400, (n, 2))
    return HandLabels(
        hand_id=np.array([f"ND_{i:011d}_frame000001_r" for i in range(n)]),
        clip_id=np.array([f"clip{i % 3}" for i in range(n)]),
        subset=np.array(["newdays"] * n),
        box_xyxy=np.concatenate([corner, corner + size], 1),
        is_right=np.ones(n, bool),
        keypoints_2d=corner[:, None] + size[:, None] * rng.random((n, 21, 2)),
        existence=rng.random((n, 21)) < 0.9,
        occlusion=rng.random((n, 21)) < 0.4,
        image=np.array([""] * n),
    )


def some_predictions(labels: HandLabels, seed: int = 1) -> Predictions:
    noise = np.random.default_rng(seed).normal(0, 10, labels.keypoints_2d.shape)
    return Predictions(labels.hand_id, labels.keypoints_2d + noise)


def one_hand(box: tuple[float, float, float, float] = (100, 50, 300, 150)) -> HandLabels:
    """A hand 200 px wide and 100 px high whose joints all lie at its top left corner and are visible."""
    hand = some_labels(1)
    return replace(
        hand,
        box_xyxy=np.array([box]),
        keypoints_2d=np.full((1, 21, 2), box[:2], dtype=float),
        existence=np.ones((1, 21), bool),
        occlusion=np.zeros((1, 21), bool),
    )


def test_an_error_is_the_distance_over_the_longest_side_of_the_box() -> None:
    labels = one_hand()
    table, coverage = compute_errors(labels, Predictions(labels.hand_id, labels.keypoints_2d + np.array([6, 8])))
    assert table.box_side.tolist() == [200]
    assert (table.error == 10 / 200).all()
    assert coverage.complete
    assert coverage.n_hands == 1


def test_a_tall_box_counts_its_height() -> None:
    labels = one_hand((0, 0, 50, 400))
    assert compute_errors(labels, Predictions(labels.hand_id, labels.keypoints_2d))[0].box_side.tolist() == [400]


def test_joints_out_of_the_frame_have_no_error() -> None:
    labels = some_labels(30)
    table, _ = compute_errors(labels, some_predictions(labels))
    assert np.array_equal(np.isnan(table.error), ~labels.existence)
    assert np.array_equal(table.visibility, labels.visibility)


def test_missing_hands_and_keypoints_are_infinitely_far_and_named() -> None:
    labels = replace(some_labels(4), existence=np.ones((4, 21), bool))
    keypoints = labels.keypoints_2d.copy()
    keypoints[1, 3, 0], keypoints[2, 5, 1] = np.nan, np.inf
    table, coverage = compute_errors(labels, Predictions(labels.hand_id[:3], keypoints[:3]))
    assert np.isinf(table.error).sum() == 21 + 2
    assert np.isinf(table.error[3]).all()
    assert np.isinf(table.error[[1, 2], [3, 5]]).all()
    assert (coverage.missing, coverage.non_finite) == ((labels.hand_id[3],), tuple(labels.hand_id[1:3]))
    assert not coverage.complete


def test_a_keypoint_out_of_the_frame_need_not_be_predicted() -> None:
    labels = some_labels(20)
    keypoints = np.where(labels.existence[..., None], labels.keypoints_2d, np.nan)
    table, coverage = compute_errors(labels, Predictions(labels.hand_id, keypoints))
    assert coverage.complete
    assert not np.isinf(table.error).any()


def test_no_predictions_at_all_miss_every_hand() -> None:
    labels = some_labels(7)
    table, coverage = compute_errors(labels, Predictions(np.array([], dtype=str), np.empty((0, 21, 2))))
    assert coverage.missing == tuple(labels.hand_id)
    assert np.isinf(table.error[labels.existence]).all()


def test_ids_without_a_label_are_refused_by_name() -> None:
    labels = some_labels(10)
    with pytest.raises(InputError, match=r"ND_00000000002_frame000001_r, .*\(8 in all\)"):
        compute_errors(labels.select(slice(0, 2)), some_predictions(labels))


def test_ids_of_other_subsets_are_known_and_ignored() -> None:
    labels = some_labels(10)
    few = labels.select(slice(0, 2))
    table, coverage = compute_errors(few, some_predictions(labels), known=labels.hand_id.tolist())
    assert len(table) == 2
    assert coverage.complete
    with pytest.raises(InputError, match="ND_00000000009_frame000001_r;"):
        compute_errors(few, some_predictions(labels), known=labels.hand_id[:9].tolist())


def test_many_hands_give_the_same_errors_as_few() -> None:
    labels = some_labels(70_000)
    predictions = some_predictions(labels)
    table, _ = compute_errors(labels, predictions)
    picked = np.array([0, 32767, 32768, 65536, 69_999])
    few, _ = compute_errors(labels.select(picked), predictions.select(picked))
    assert np.array_equal(table.error[picked], few.error, equal_nan=True)


@given(st.randoms(use_true_random=False))
def test_the_order_of_predictions_does_not_matter(random: Any) -> None:
    labels = some_labels(12)
    predictions = some_predictions(labels)
    order = random.sample(range(12), 12)
    table, _ = compute_errors(labels, predictions.select(order))
    assert np.array_equal(table.error, compute_errors(labels, predictions)[0].error, equal_nan=True)


def moved(labels: HandLabels, predictions: Predictions, scale: float, shift: float) -> tuple[HandLabels, Predictions]:
    image = replace(labels, box_xyxy=labels.box_xyxy * scale + shift, keypoints_2d=labels.keypoints_2d * scale + shift)
    return image, replace(predictions, keypoints_2d=predictions.keypoints_2d * scale + shift)


@given(st.floats(0.1, 10), st.floats(-2000, 2000))
def test_moving_and_scaling_the_image_changes_nothing(scale: float, shift: float) -> None:
    labels = some_labels(5)
    predictions = some_predictions(labels)
    before = compute_errors(labels, predictions)[0].error
    after = compute_errors(*moved(labels, predictions, scale, shift))[0].error
    # Predictions are float32: at 4000 px a step is 0.0005 px, and the smallest box is 2 px here.
    np.testing.assert_allclose(after, before, atol=5e-4)


@given(st.integers(600, 4000))
def test_a_mirrored_image_gives_the_same_errors(width: int) -> None:
    labels = some_labels(5)
    predictions = some_predictions(labels)
    flip = np.array([-1.0, 1.0])
    edge = np.array([float(width), 0.0])
    box = labels.box_xyxy
    mirrored = replace(
        labels,
        box_xyxy=np.stack([width - box[:, 2], box[:, 1], width - box[:, 0], box[:, 3]], 1),
        keypoints_2d=labels.keypoints_2d * flip + edge,
        is_right=~labels.is_right,
    )
    after = compute_errors(mirrored, replace(predictions, keypoints_2d=predictions.keypoints_2d * flip + edge))[0]
    np.testing.assert_allclose(after.error, compute_errors(labels, predictions)[0].error, atol=2e-5)


def test_a_table_survives_its_file(tmp_path: Path) -> None:
    labels = some_labels(9)
    table, _ = compute_errors(labels, some_predictions(labels).select(slice(0, 8)))
    write_error_table(table, tmp_path / "errors.npz")
    again = read_error_table(tmp_path / "errors.npz")
    for f in fields(ErrorTable):
        np.testing.assert_array_equal(getattr(again, f.name), getattr(table, f.name))
        assert getattr(again, f.name).dtype == getattr(table, f.name).dtype
    assert [p.name for p in tmp_path.iterdir()] == ["errors.npz"]


def stored(tmp_path: Path, **changes: Any) -> Path:
    """Write a table with some arrays replaced, or dropped where the change is None."""
    labels = some_labels(3)
    table, _ = compute_errors(labels, some_predictions(labels))
    arrays = {"format": np.array(FORMAT), **{f.name: getattr(table, f.name) for f in fields(table)}} | changes
    path = tmp_path / "errors.npz"
    np.savez(path, **{k: v for k, v in arrays.items() if v is not None})
    return path


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": np.array("something-else")}, "format something-else"),
        ({"format": np.array("hint-error-table-1"), "distance_px": None}, "format hint-error-table-1"),
        ({"distance_px": None}, "lacks distance_px"),
        ({"box_side": np.ones(2)}, "box_side has shape"),
        ({"visibility": np.zeros((3, 21), np.uint8)}, "NaN exactly where visibility is 0"),
        ({"hand_id": np.array(["a", "b", "a"])}, "a hand id occurs twice"),
        ({"hand_id": np.array(["a", "b", None], dtype=object)}, "errors.npz"),
    ],
)
def test_a_file_that_is_not_an_error_table_is_refused(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_error_table(stored(tmp_path, **changes))


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_error_table(tmp_path / "missing.npz")
