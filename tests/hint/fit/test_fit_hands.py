"""Fitted hands: how near they come, and what they never do."""

from dataclasses import fields

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

import hint
import hint.fit
from hint.errors import InputError
from hint.fit import MIN_JOINTS, FittedHands, Trust
from hint.mano.poses import LIMITS_DEGREES
from hint.types import ManoParameters


def pa_mpjpe(fitted: FittedHands, truth) -> np.ndarray:
    """Return (N,) mm after the best rotation, scale and shift; no reflection, so a hand that is bent away counts."""
    errors = []
    for right, found in zip(truth.keypoints_3d, fitted.keypoints_3d.astype(float), strict=True):
        target, points = right - right.mean(0), found - found.mean(0)
        turned = Rotation.align_vectors(target, points)[0].apply(points)
        scaled = turned * (turned * target).sum() / (turned * turned).sum()
        errors.append(1000 * np.linalg.norm(scaled - target, axis=1).mean())
    return np.array(errors)


def share_of_extent(fitted: FittedHands, truth) -> np.ndarray:
    """Return (N,21) 2D distances to the truth."""
    return np.linalg.norm(fitted.keypoints_2d - truth.keypoints_2d, axis=2) / truth.extent[:, None]


def assert_same_bytes(one: FittedHands, other: FittedHands) -> None:
    for f in fields(ManoParameters):
        assert getattr(one.parameters, f.name).tobytes() == getattr(other.parameters, f.name).tobytes(), f.name
    assert one.keypoints_2d.tobytes() == other.keypoints_2d.tobytes()
    assert one.residual.tobytes() == other.residual.tobytes()
    assert one.vertices.tobytes() == other.vertices.tobytes()


@pytest.fixture(scope="module")
def flat(model, truth) -> FittedHands:
    """Hands fitted to exact 2D keypoints."""
    return hint.fit_hands(truth.keypoints_2d, True, mano=model)


def test_exact_2d_keypoints_give_the_hand(flat, truth) -> None:
    assert pa_mpjpe(flat, truth).mean() < 4
    assert (share_of_extent(flat, truth) <= 0.05).mean() >= 0.985
    assert flat.usable.all()
    assert flat.quality.min() > 0.8


def test_exact_3d_keypoints_settle_the_depth(model, truth) -> None:
    fitted = hint.fit_hands(truth.keypoints_2d, True, keypoints_3d=truth.keypoints_3d + 0.3, mano=model)
    assert pa_mpjpe(fitted, truth).mean() < 0.7
    assert (share_of_extent(fitted, truth) <= 0.02).all()


def test_no_angle_leaves_its_limits(flat) -> None:
    low, high = np.deg2rad(LIMITS_DEGREES.T)
    assert ((flat.angles >= low) & (flat.angles <= high)).all()
    # Sampled hands rest at some of them, and so do fitted ones.
    assert ((flat.angles == low) | (flat.angles == high)).any()


def test_mesh_and_points_agree(model, flat) -> None:
    joints, vertices = hint.fit.pose(model, flat.parameters)
    seen = joints + flat.parameters.cam_t[:, None]
    pixels = flat.parameters.focal_length[:, None, None] * seen[..., :2] / seen[..., 2:]
    pixels += flat.parameters.square[:, None, :2]
    assert pixels == pytest.approx(flat.keypoints_2d, abs=0.01)
    assert vertices == pytest.approx(flat.vertices)


def test_a_hand_is_the_same_alone_and_in_any_batch(model, truth, flat) -> None:
    for rows in ([3], [3, 7], list(range(3, 20)), [20, 3, 1]):
        again = hint.fit_hands(truth.keypoints_2d[rows], True, mano=model)
        k = rows.index(3)
        assert_same_bytes(_row(again, k), _row(flat, 3))


def _row(fitted: FittedHands, k: int) -> FittedHands:
    rows = {f.name: getattr(fitted, f.name)[k : k + 1] for f in fields(fitted) if f.name not in ("parameters", "model")}
    return FittedHands(parameters=fitted.parameters.select([k]), model=fitted.model, **rows)


def test_left_hands_are_mirrored_right_ones(model, truth) -> None:
    flipped = truth.keypoints_2d[:8] * (-1, 1)
    solid = truth.keypoints_3d[:8]
    left = hint.fit_hands(flipped, False, keypoints_3d=solid * (-1, 1, 1), mano=model)
    right = hint.fit_hands(truth.keypoints_2d[:8], True, keypoints_3d=solid, mano=model)
    assert left.keypoints_2d == pytest.approx(right.keypoints_2d * (-1, 1), abs=1e-3)
    assert left.keypoints_3d == pytest.approx(right.keypoints_3d * (-1, 1, 1), abs=1e-6)
    assert left.vertices == pytest.approx(right.vertices * (-1, 1, 1), abs=1e-6)
    assert left.parameters.hand_pose == pytest.approx(right.parameters.hand_pose, abs=1e-6)


def test_another_hand_model_gives_the_same_2d(model, other, sample) -> None:
    truth = sample(other, 8, 11)
    for hand in (model, other):
        fitted = hint.fit_hands(truth.keypoints_2d, True, mano=hand)
        assert (share_of_extent(fitted, truth) <= 0.05).mean() >= 0.985
    assert pa_mpjpe(fitted, truth).mean() < 6


def test_joints_without_pull_change_nothing(model, truth) -> None:
    given = truth.keypoints_2d[:4].copy()
    gone = np.zeros((4, 21), bool)
    gone[:, [4, 7, 8, 20]] = True
    spoilt = np.where(gone[..., None], given + 500, given)
    unknown = np.where(gone[..., None], np.nan, given)
    fits = [
        hint.fit_hands(unknown, True, mano=model),
        hint.fit_hands(spoilt, True, existence=~gone, mano=model),
        hint.fit_hands(spoilt, True, confidence=np.where(gone, 0, 1), mano=model),
        hint.fit_hands(spoilt, True, confidence=np.where(gone, np.nan, 1), mano=model),
    ]
    for fitted in fits[1:]:
        assert_same_bytes(fits[0], fitted)
    assert fits[0].n_joints.tolist() == [17] * 4
    assert np.isfinite(fits[0].keypoints_2d).all()
    assert (fits[0].quality <= 17 / 21).all()


def test_an_occluded_joint_pulls_less(model, truth) -> None:
    moved, hidden = truth.keypoints_2d[:8].copy(), np.zeros((8, 21), bool)
    moved[:, 8] += 0.15 * truth.extent[:8, None]
    hidden[:, 8] = True
    apart = [
        np.linalg.norm(hint.fit_hands(moved, True, occlusion=o, mano=model).keypoints_2d[:, 8] - moved[:, 8], axis=1)
        for o in (None, hidden)
    ]
    assert (apart[1] > apart[0]).mean() >= 0.8


def test_an_outlier_is_overruled(model, truth) -> None:
    moved = truth.keypoints_2d.copy()
    moved[:, 11] += 0.6 * truth.extent[:, None]
    fitted = hint.fit_hands(moved, True, mano=model)
    rest = np.delete(share_of_extent(fitted, truth), 11, axis=1)
    assert np.median(rest) < 0.02


def test_hands_with_few_joints_are_marked_and_counted(model, truth) -> None:
    given = truth.keypoints_2d[:3].copy()
    given[0, 3:] = np.nan
    given[1] = np.nan
    fitted = hint.fit_hands(given, True, mano=model)
    assert fitted.n_joints.tolist() == [3, 0, 21]
    assert fitted.usable.tolist() == [False, False, True]
    assert fitted.quality[:2].tolist() == [0, 0]
    assert fitted.reasons == [
        f"3 of 21 joints are known, {MIN_JOINTS} are needed",
        f"0 of 21 joints are known, {MIN_JOINTS} are needed",
        "",
    ]
    assert np.isfinite(fitted.keypoints_2d[0]).all()
    assert np.isnan(fitted.keypoints_2d[1]).all()
    assert np.isnan(fitted.parameters.hand_pose[1]).all()
    assert np.isnan(fitted.vertices[1]).all()
    assert repr(fitted) == "FittedHands(3 hands, 1 usable)"


def test_one_joint_and_joints_in_one_place_give_a_finite_hand(model) -> None:
    given = np.full((3, 21, 2), np.nan)
    given[0, 5] = (30, 40)
    given[1] = (30, 40)
    given[2] = np.stack([np.arange(21), np.zeros(21)], 1)
    fitted = hint.fit_hands(given, True, mano=model)
    assert np.isfinite(fitted.keypoints_2d).all()
    assert np.isfinite(fitted.vertices).all()
    assert fitted.usable.tolist() == [False, False, True]
    assert (fitted.quality[1], fitted.reasons[1]) == (0, "its joints lie at one place")


def test_no_hand_at_all(model) -> None:
    fitted = hint.fit_hands(np.empty((0, 21, 2)), np.empty(0, bool), mano=model)
    assert len(fitted) == 0
    assert fitted.vertices.shape == (0, 778, 3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"keypoints_2d": np.zeros((2, 20, 2))}, r"keypoints_2d has shape \(2, 20, 2\), expected \(n, 21, 2\)"),
        ({"is_right": [True]}, r"is_right has shape \(1,\), expected \(2,\)"),
        ({"keypoints_3d": np.zeros((1, 21, 3))}, r"keypoints_3d has shape \(1, 21, 3\), expected \(2, 21, 3\)"),
        ({"confidence": np.full((2, 21), 3.0)}, "between 0 and 1"),
        ({"existence": np.ones((2, 5), bool)}, "existence has shape"),
        ({"is_right": ["left", "right"]}, "is_right holds 'left'; write True"),
        ({"keypoints_2d": "points"}, "keypoints_2d holds something that is no number"),
    ],
    ids=[
        "twenty joints",
        "one side for two hands",
        "one hand in space",
        "confidence of 3",
        "five flags",
        "words",
        "text",
    ],
)
def test_wrong_shapes_are_named(model, change, message) -> None:
    given = {"keypoints_2d": np.zeros((2, 21, 2)), "is_right": [True, False], **change}
    with pytest.raises(InputError, match=message):
        hint.fit_hands(**given, mano=model)


def test_less_trust_lets_the_priors_decide(model, truth) -> None:
    sure = hint.fit_hands(truth.keypoints_2d[:4], True, mano=model)
    unsure = hint.fit_hands(truth.keypoints_2d[:4], True, mano=model, trust=Trust(sigma_2d=0.2))
    assert (unsure.residual > sure.residual).all()
    assert np.abs(unsure.parameters.betas).sum() < np.abs(sure.parameters.betas).sum()


@pytest.mark.slow
def test_many_hands_from_exact_keypoints(model, sample) -> None:
    truth = sample(model, 1024, 99)
    flat = hint.fit_hands(truth.keypoints_2d, True, mano=model)
    assert pa_mpjpe(flat, truth).mean() < 6
    assert (share_of_extent(flat, truth) <= 0.05).mean() >= 0.985
    solid = hint.fit_hands(truth.keypoints_2d, True, keypoints_3d=truth.keypoints_3d, mano=model)
    assert pa_mpjpe(solid, truth).mean() < 1
    low, high = np.deg2rad(LIMITS_DEGREES.T)
    assert ((solid.angles >= low) & (solid.angles <= high)).all()
