"""How likely a pose is: a Gaussian over the anatomical angles of sampled grasps."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from hint.mano.poses import LIMITS_DEGREES, sample_angles

_Array = NDArray[np.float64]

_SEED, _SAMPLES = 1, 5000

#: Radians by which every angle may leave the grasps, so that no direction is forbidden.
_SLACK = np.deg2rad(4.0)


@cache
def gaussian() -> tuple[_Array, _Array]:
    """Return the mean (21,) and the inverse covariance (21,21) of the angles, radians."""
    samples = sample_angles(np.random.default_rng(_SEED), _SAMPLES)
    return samples.mean(0), np.linalg.inv(np.cov(samples.T) + _SLACK**2 * np.eye(21))


@cache
def limits() -> tuple[_Array, _Array]:
    """Return the lowest and the highest value (21,) of each angle, radians."""
    low, high = np.deg2rad(LIMITS_DEGREES.T)
    return low, high
