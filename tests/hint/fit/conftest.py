"""Hands to fit, and what they look like."""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from hint.fit.result import pose
from hint.mano.model import TIP_VERTICES, ManoModel
from hint.mano.poses import pose_from_angles, sample_angles
from hint.mano.procedural import procedural_hand
from hint.types import ManoParameters

#: Depth of the hands in front of the camera, metres, and its focal length, px: that of HaMeR's crop.
DEPTH, FOCAL = 8.0, 8000.0


class Truth(NamedTuple):
    """Right hands, and where their joints are.

    Attributes:
        parameters: What poses them.
        keypoints_2d: (N,21,2) px.
        keypoints_3d: (N,21,3) metres.
    """

    parameters: ManoParameters
    keypoints_2d: NDArray[np.float64]
    keypoints_3d: NDArray[np.float64]

    @property
    def extent(self) -> NDArray[np.float64]:
        """(N,) px."""
        extent: NDArray[np.float64] = np.ptp(self.keypoints_2d, axis=1).max(1)
        return extent


def draw(model: ManoModel, n: int, seed: int) -> Truth:
    """Draw hands of plausible poses and shapes, seen from anywhere."""
    rng = np.random.default_rng(seed)
    hand_pose = Rotation.from_rotvec(pose_from_angles(sample_angles(rng, n)).reshape(-1, 3)).as_matrix()
    wrist = Rotation.random(n, random_state=seed).as_matrix()[:, None]
    betas = 0.7 * rng.normal(size=(n, 10))
    zeros = (np.zeros((n, 3)), np.zeros((n, 3)), np.zeros(n), np.zeros((n, 3)))
    parameters = ManoParameters(wrist, hand_pose.reshape(n, 15, 3, 3), betas, *zeros)
    joints = pose(model, parameters)[0].astype(np.float64)
    seen = joints + np.array((0, 0, DEPTH))
    return Truth(parameters, FOCAL * seen[..., :2] / seen[..., 2:] + (300, 200), joints)


def other_model() -> ManoModel:
    """Return a hand with another rest pose, other proportions, and fingertips that hang on two bones."""
    model, rng = procedural_hand(), np.random.default_rng(7)
    grown = model.v_template * (1.06, 0.95, 1.03)
    # Fingers fan out a little more, the farther from the wrist: 5 degrees at the tips.
    angle = 0.5 * (grown[:, 0].max() - grown[:, 0]) * np.sign(grown[:, 2])
    x, y, z = grown.T
    turned = np.stack([x * np.cos(angle) - z * np.sin(angle), y, x * np.sin(angle) + z * np.cos(angle)], 1)
    weights = model.lbs_weights.copy()
    for tip in TIP_VERTICES:
        last = weights[tip].argmax()
        weights[tip] = 0
        weights[tip, [last - 1, last]] = 0.15, 0.85
    shapes = model.shapedirs + 0.002 * rng.normal(size=(1, 3, 10))
    return replace(model, v_template=turned, lbs_weights=weights, shapedirs=shapes, source="another hand")


@pytest.fixture(scope="session")
def model() -> ManoModel:
    """The procedural hand."""
    return procedural_hand()


@pytest.fixture(scope="session")
def other() -> ManoModel:
    """A hand that differs from the procedural one."""
    return other_model()


@pytest.fixture(scope="session")
def sample() -> Callable[[ManoModel, int, int], Truth]:
    """The function that draws hands: model, number and seed in."""
    return draw


@pytest.fixture(scope="session")
def truth(model: ManoModel) -> Truth:
    """Sampled hands."""
    return draw(model, 24, seed=5)
