from dataclasses import replace

import numpy as np
import pytest

from hint.errors import InputError
from hint.types import HandLabels, Predictions


def test_visibility_follows_the_two_flags(labels: HandLabels) -> None:
    expected = labels.existence.astype(int) * (2 - labels.occlusion.astype(int))
    assert np.array_equal(labels.visibility, expected)


def test_values_cannot_be_changed_in_place(labels: HandLabels) -> None:
    with pytest.raises(ValueError, match="read-only"):
        labels.keypoints_2d[0, 0, 0] = 1.0


def test_select_and_concatenate_are_inverse(labels: HandLabels) -> None:
    joined = HandLabels.concatenate([labels.select(slice(0, 5)), labels.select(slice(5, None))])
    assert np.array_equal(joined.hand_id, labels.hand_id)
    assert np.array_equal(joined.keypoints_2d, labels.keypoints_2d)


def test_a_subset_of_all_hands_is_the_labels_themselves(labels: HandLabels) -> None:
    name = labels.subsets[0]
    assert labels.part(name) is labels
    assert not len(labels.part("other"))
    two = replace(labels, subset=np.array(["other", *labels.subset[1:]]))
    assert two.part("other").hand_id.tolist() == labels.hand_id[:1].tolist()
    assert two.part(name).hand_id.tolist() == labels.hand_id[1:].tolist()


def test_a_method_sees_no_keypoints(labels: HandLabels) -> None:
    hand = labels.hands()[1]
    assert (hand.hand_id, hand.is_right, hand.image) == (labels.hand_id[1], False, None)
    assert hand.box_xyxy == tuple(labels.box_xyxy[1].tolist())
    assert not hasattr(hand, "keypoints_2d")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"keypoints_2d": np.zeros((12, 20, 2))}, r"keypoints_2d has shape \(12, 20, 2\), expected \(12, 21, 2\)"),
        ({"is_right": np.zeros(11, bool)}, r"is_right has shape \(11,\)"),
        ({"keypoints_2d": np.full((12, 21, 2), np.nan)}, r"not finite: ND_000_clip000_frame000000_r, .*\(12 in all\)"),
        ({"box_xyxy": np.zeros((12, 4))}, r"box of zero or negative size: .*\(12 in all\)"),
        ({"hand_id": np.full(12, "same_l")}, "duplicate hand ids: same_l"),
    ],
)
def test_labels_refuse_invalid_values(labels: HandLabels, change: dict[str, np.ndarray], message: str) -> None:
    with pytest.raises(InputError, match=message):
        replace(labels, **change)


def test_predictions_refuse_wrong_shapes_and_repeated_ids() -> None:
    ids = np.array(["a_l", "b_l"])
    with pytest.raises(InputError, match=r"keypoints_2d has shape \(2, 21, 3\)"):
        Predictions(ids, np.zeros((2, 21, 3)))
    with pytest.raises(InputError, match=r"keypoints_3d has shape \(2, 20, 3\)"):
        Predictions(ids, np.zeros((2, 21, 2)), keypoints_3d=np.zeros((2, 20, 3)))
    with pytest.raises(InputError, match="duplicate hand ids: a_l"):
        Predictions(np.array(["a_l", "a_l"]), np.zeros((2, 21, 2)))


def test_missing_predictions_stay_none() -> None:
    predictions = Predictions(np.array(["a_l", "b_l"]), np.zeros((2, 21, 2)), score=np.array([0.1, 0.9]))
    picked = predictions.select([1])
    assert picked.hand_id.tolist() == ["b_l"]
    assert picked.vertices is None
    assert picked.score is not None
    assert Predictions.concatenate([picked, predictions.select([0])]).hand_id.tolist() == ["b_l", "a_l"]
