"""The joints of a hand and their derivatives, against the MANO layer and differences."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from hint.errors import InputError
from hint.fit.articulation import Articulation
from hint.mano.layer import ManoLayer
from hint.mano.poses import finger_frame, pose_from_angles, sample_angles
from hint.skeleton import FINGERS

N = 4


@pytest.fixture(params=["procedural hand", "another hand"])
def hand(request, model, other):
    return model if request.param == "procedural hand" else other


@pytest.fixture
def given():
    rng = np.random.default_rng(0)
    wrist = Rotation.random(N, random_state=1).as_matrix()
    return [torch.tensor(array) for array in (wrist, sample_angles(rng, N), rng.normal(size=(N, 10)))]


def test_joints_are_those_of_the_mano_layer(hand, given) -> None:
    wrist, angles, betas = given
    points = Articulation(hand).pose(wrist, angles, betas)
    joints, _ = ManoLayer(hand)(wrist[:, None].float(), points.rotations.float(), betas.float())
    assert points.places.numpy() == pytest.approx(joints.double().numpy(), abs=2e-6)
    by_rotations = Articulation(hand).joints(wrist[:, None], points.rotations, betas)
    assert by_rotations.numpy() == pytest.approx(points.places.numpy(), abs=1e-12)


def test_rotations_are_those_of_the_sampled_pose(model, given) -> None:
    wrist, angles, betas = given
    expected = Rotation.from_rotvec(pose_from_angles(angles.numpy()).reshape(-1, 3)).as_matrix()
    found = Articulation(model).pose(wrist, angles, betas).rotations
    assert found.numpy().reshape(-1, 3, 3) == pytest.approx(expected, abs=1e-7)


def test_derivatives_are_those_of_small_steps(hand, given) -> None:
    articulation, h = Articulation(hand), 1e-6
    points = articulation.pose(*given)

    def slope(move) -> torch.Tensor:
        ahead, behind = (articulation.pose(*move(step)).places for step in (h, -h))
        return (ahead - behind) / (2 * h)

    wrist, angles, betas = given
    for axis in range(3):
        turn = [torch.tensor(Rotation.from_rotvec(step * np.eye(3)[axis]).as_matrix()) for step in (h, -h)]
        found = slope(lambda step, turn=turn: ((turn[0] if step > 0 else turn[1]) @ wrist, angles, betas))
        assert torch.allclose(found, points.by_turn[..., axis], atol=1e-8)
    for k in range(21):
        found = slope(lambda step, k=k: (wrist, angles + step * torch.eye(21, dtype=torch.double)[k], betas))
        assert torch.allclose(found, points.by_turn[..., 3 + k], atol=1e-8)
    for k in range(10):
        found = slope(lambda step, k=k: (wrist, angles, betas + step * torch.eye(10, dtype=torch.double)[k]))
        assert torch.allclose(found, points.by_betas[..., k], atol=1e-8)


def test_axes_follow_from_the_rest_joints_of_the_hand(other) -> None:
    joints = other.j_regressor @ other.v_template
    rows = Articulation(other)._axes.numpy()
    for finger, base in zip(FINGERS, (12, 0, 3, 9, 6), strict=True):
        flexion = rows[base + 1, 0]
        along = joints[base + 3] - joints[base + 1]
        assert flexion @ along == pytest.approx(0, abs=1e-9)
        assert abs(flexion @ finger_frame(finger)[0]) < 0.9999


def test_a_hand_of_another_tree_is_refused(model) -> None:
    parents = np.array(model.parents)
    parents[4] = 1
    with pytest.raises(InputError, match="MANO's tree"):
        Articulation(replace(model, parents=parents))
