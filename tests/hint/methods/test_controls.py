"""The controls: mean pose, box centre, ground truth plus noise."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hint.errors import InputError, UnknownNameError
from hint.methods.box_centre import BoxCentre
from hint.methods.mean_pose import MeanPose, fit, frozen_table
from hint.methods.oracle_noise import OracleNoise
from hint.types import HandLabels, MethodOptions, Predictions


def labels_of(
    keypoints: np.ndarray, boxes: np.ndarray, is_right: np.ndarray, existence: np.ndarray | None = None
) -> HandLabels:
    n = len(keypoints)
    ids = np.array([f"hand{k}" for k in range(n)])
    if existence is None:
        existence = np.ones((n, 21), bool)
    nothing = np.zeros((n, 21), bool)
    return HandLabels(ids, ids, np.full(n, "a"), boxes, is_right, keypoints, existence, nothing, np.full(n, ""))


def random_labels(n: int = 6, seed: int = 0) -> HandLabels:
    rng = np.random.default_rng(seed)
    corner, sides = rng.uniform(-50, 300, (n, 2)), rng.uniform(10, 200, (n, 2))
    keypoints = corner[:, None] + rng.uniform(0, 1, (n, 21, 2)) * sides[:, None]
    return labels_of(keypoints, np.hstack([corner, corner + sides]), rng.random(n) < 0.5)


def predict(method: MeanPose | BoxCentre | OracleNoise, labels: HandLabels) -> Predictions:
    hands = labels.hands()
    return method.infer(hands, [method.prepare(hand, None) for hand in hands])


def test_box_centre_is_the_middle_of_the_box() -> None:
    labels = labels_of(np.zeros((1, 21, 2)), np.array([[10.0, 20.0, 30.0, 60.0]]), np.array([True]))
    predictions = predict(BoxCentre.create(MethodOptions()), labels)
    np.testing.assert_array_equal(predictions.keypoints_2d, np.full((1, 21, 2), [20, 40]))


def test_a_mean_pose_fitted_on_one_hand_gives_that_hand_back() -> None:
    labels = random_labels(1)
    method = MeanPose.create(MethodOptions(train_labels=labels))
    np.testing.assert_allclose(predict(method, labels).keypoints_2d, labels.keypoints_2d, atol=1e-3)


def test_the_mean_of_two_hands_lies_halfway() -> None:
    boxes = np.array([[0.0, 0.0, 100.0, 50.0], [0.0, 0.0, 50.0, 100.0]])
    keypoints = np.stack([np.full((21, 2), [60.0, 25.0]), np.full((21, 2), [25.0, 70.0])])
    table = fit(labels_of(keypoints, boxes, np.array([True, True])))
    np.testing.assert_allclose(table, np.full((21, 2), [0.05, 0.1]))


def test_joints_out_of_frame_do_not_count() -> None:
    existence = np.ones((2, 21), bool)
    existence[0, 8] = False
    labels = random_labels(2)
    partly = replace(labels, existence=existence)
    np.testing.assert_allclose(fit(partly)[8], fit(labels.select([1]))[8])
    np.testing.assert_allclose(fit(partly)[7], fit(labels)[7])


def test_a_joint_that_exists_nowhere_is_named() -> None:
    existence = np.ones((3, 21), bool)
    existence[:, 4] = False
    with pytest.raises(InputError, match=r"3 hands: thumb_tip exists in none"):
        fit(replace(random_labels(3), existence=existence))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_mirrored_labels_give_the_same_table_and_mirrored_predictions(seed: int) -> None:
    labels = random_labels(5, seed)
    width = 640.0
    boxes = labels.box_xyxy[:, [2, 1, 0, 3]] * [-1, 1, -1, 1] + [width, 0, width, 0]
    mirrored = labels_of(labels.keypoints_2d * [-1, 1] + [width, 0], boxes, ~labels.is_right)
    np.testing.assert_allclose(fit(labels), fit(mirrored), atol=1e-9)
    here = predict(MeanPose(fit(labels)), labels).keypoints_2d
    there = predict(MeanPose(fit(labels)), mirrored).keypoints_2d
    np.testing.assert_allclose(here, there * [-1, 1] + [width, 0], atol=1e-3)


def test_the_frozen_table_is_a_right_hand_inside_the_box_with_its_fingers_up() -> None:
    table = frozen_table()
    assert table.shape == (21, 2)
    assert 0.05 < np.abs(table).max() < 0.5
    assert (table[[5, 9, 13, 17], 1] < table[0, 1]).all()
    assert table[2, 0] < table[17, 0]
    assert MeanPose.create(MethodOptions()).fingerprint == MeanPose(table).fingerprint


def test_fingerprints_follow_what_changes_the_output() -> None:
    labels, other = random_labels(seed=0), random_labels(seed=1)
    assert MeanPose(fit(labels)).fingerprint != MeanPose(fit(other)).fingerprint
    prints = [
        OracleNoise(given_labels, sigma, seed).fingerprint
        for given_labels, sigma, seed in [(labels, 0.05, 0), (other, 0.05, 0), (labels, 0.1, 0), (labels, 0.05, 1)]
    ]
    assert len({json.dumps(p) for p in prints}) == 4
    backwards = labels.select(np.arange(len(labels))[::-1])
    assert OracleNoise(backwards, 0.05, 0).fingerprint == prints[0]


def test_noise_is_gaussian_of_the_size_asked_for() -> None:
    keypoints = np.zeros((400, 21, 2))
    boxes = np.tile([0.0, 0.0, 50.0, 200.0], (400, 1))
    labels = labels_of(keypoints, boxes, np.ones(400, bool))
    noise = predict(OracleNoise.create(MethodOptions(labels=labels)), labels).keypoints_2d / 200
    assert noise.std(axis=(0, 1)) == pytest.approx([0.05, 0.05], rel=0.03)
    assert np.abs(noise.mean(axis=(0, 1))).max() < 0.002
    distance = np.linalg.norm(noise, axis=2)
    shares = [(distance <= t).mean() for t in (0.05, 0.1, 0.15)]
    assert shares == pytest.approx([0.393, 0.865, 0.989], abs=0.02)


def test_noise_depends_on_neither_order_nor_batch_but_on_hand_and_seed() -> None:
    labels = random_labels(8)
    method = OracleNoise.create(MethodOptions(labels=labels, seed=3))
    together = predict(method, labels).keypoints_2d
    order = np.array([5, 0, 7])
    np.testing.assert_array_equal(predict(method, labels.select(order)).keypoints_2d, together[order])
    other = predict(OracleNoise.create(MethodOptions(labels=labels, seed=4)), labels).keypoints_2d
    assert np.abs(other - together).min() > 0
    sides = (labels.box_xyxy[:, 2:] - labels.box_xyxy[:, :2]).max(1)[:, None, None]
    relative = (together - labels.keypoints_2d) / sides
    assert np.abs(relative[0] - relative[1]).max() > 0.01


def test_no_noise_is_the_ground_truth() -> None:
    labels = random_labels()
    exact = predict(OracleNoise.create(MethodOptions(labels=labels, extra={"sigma": "0"})), labels)
    np.testing.assert_array_equal(exact.keypoints_2d, labels.keypoints_2d.astype(np.float32))


def test_noise_needs_labels_and_says_which_hands_have_none() -> None:
    with pytest.raises(InputError, match="ground truth"):
        OracleNoise.create(MethodOptions())
    labels = random_labels(8)
    method = OracleNoise.create(MethodOptions(labels=labels.select([0])))
    with pytest.raises(InputError, match=r"hand1, hand2, hand3, hand4, hand5, \.\.\. \(7 in all\)"):
        predict(method, labels)


@pytest.mark.parametrize("value", ["much", "nan", "inf", "-0.1"])
def test_a_sigma_that_is_no_size_is_refused(value: str) -> None:
    with pytest.raises(InputError, match="sigma"):
        OracleNoise.create(MethodOptions(labels=random_labels(), extra={"sigma": value}))


def test_unknown_settings_are_refused_with_a_suggestion() -> None:
    with pytest.raises(UnknownNameError, match="did you mean sigma"):
        OracleNoise.create(MethodOptions(labels=random_labels(), extra={"sigmaa": "0.1"}))
    with pytest.raises(UnknownNameError, match="setting of box-centre 'sigma'"):
        BoxCentre.create(MethodOptions(extra={"sigma": "1"}))
