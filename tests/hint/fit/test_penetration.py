"""How deep fingers are inside each other: nothing at rest, much where one is put into another."""

import numpy as np
import pytest

import hint
from hint.fit.penetration import DEEP, penetration
from hint.fit.result import pose
from hint.mano.model import TIP_VERTICES
from hint.skeleton import FROM_MANO


@pytest.fixture
def rest(model):
    joints = np.concatenate([model.j_regressor @ model.v_template, model.v_template[list(TIP_VERTICES)]])
    return joints[list(FROM_MANO)][None], np.array(model.v_template)[None]


def test_a_flat_hand_is_not_in_itself(model, rest) -> None:
    assert penetration(model, *rest)[0] < DEEP / 2


def test_a_finger_that_is_moved_into_its_neighbour_is_found(model, rest) -> None:
    joints, vertices = rest
    index, middle = slice(5, 9), slice(9, 13)
    shift = (joints[0, middle] - joints[0, index]).mean(0)
    mine = np.isin(model.lbs_weights.argmax(1), (1, 2, 3))
    joints, vertices = joints.copy(), vertices.copy()
    joints[0, index] += shift
    vertices[0, mine] += shift
    assert penetration(model, joints, vertices)[0] > DEEP


def test_fits_are_in_themselves_no_more_than_the_hands_they_are_fitted_to(model, truth) -> None:
    fitted = hint.fit_hands(truth.keypoints_2d, True, mano=model)
    own = penetration(model, *pose(model, truth.parameters)) > DEEP
    found = penetration(model, fitted.keypoints_3d, fitted.vertices) > DEEP
    assert found.mean() <= own.mean() + 0.1
