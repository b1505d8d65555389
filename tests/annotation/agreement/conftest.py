"""Two annotators who each see the same truth through their own noise."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from hint.types import HandLabels


def annotate(truth: HandLabels, seed: int, noise: float = 0.03, flips: float = 0.05) -> HandLabels:
    """Annotate: points within a share of the box, a share of the occlusion flags the other way."""
    rng = np.random.default_rng(seed)
    side = (truth.box_xyxy[:, 2:] - truth.box_xyxy[:, :2]).max(1)[:, None, None]
    points = truth.keypoints_2d + rng.normal(size=truth.keypoints_2d.shape) * noise * side
    return replace(truth, keypoints_2d=points, occlusion=truth.occlusion ^ (rng.random((len(truth), 21)) < flips))


@pytest.fixture(scope="session")
def annotated() -> Callable[..., HandLabels]:
    """The function that annotates a truth once."""
    return annotate
