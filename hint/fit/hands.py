"""Fit MANO hands to keypoints: ``hint.fit_hands``."""

from __future__ import annotations

import os
from functools import cached_property

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from hint.apart import one_thread_each
from hint.fit.articulation import Articulation
from hint.fit.objective import FOCAL, Objective, State, Trust
from hint.fit.observation import BLOCK, MARGIN, Keypoints, Target, gather, squares, targets
from hint.fit.result import FittedHands
from hint.fit.solver import minimise
from hint.fit.starts import Starts
from hint.mano.model import ManoModel
from hint.mano.read import find_mano
from hint.types import Double, ManoParameters

#: Starts of each hand, steps with all of them, the best that go on, steps with those.
_STARTS, _FIRST_STEPS, _KEPT, _LAST_STEPS = 6, 5, 2, 12

_DTYPE = torch.float64


def fit_hands(
    keypoints_2d: ArrayLike,
    is_right: ArrayLike,
    *,
    keypoints_3d: ArrayLike | None = None,
    confidence: ArrayLike | None = None,
    existence: ArrayLike | None = None,
    occlusion: ArrayLike | None = None,
    mano: ManoModel | str | os.PathLike[str] | None = None,
    trust: Trust | None = None,
) -> FittedHands:
    """Fit MANO hands to 21 keypoints each.

    Joints that are NaN, do not exist or have no confidence do not pull; occluded ones pull less. What the keypoints
    leave open follows from a prior of grasps and shapes. Angles never leave the limits of
    :data:`hint.mano.poses.LIMITS_DEGREES`. The result of a hand does not depend on the others.

    Args:
        keypoints_2d: (N,21,2) px, NaN where unknown.
        is_right: (N,) sides, or one for all.
        keypoints_3d: (N,21,3) metres in camera axes (x right, y down, z forward), anywhere in space.
        confidence: (N,21) or (N,), 0..1.
        existence: (N,21) False where a joint is not in the frame.
        occlusion: (N,21) True where a joint is occluded.
        mano: A hand, its file, or "procedural"; None for the installed MANO.
        trust: Expected errors and weights of the priors.

    Raises:
        InputError: If shapes disagree, or the hand cannot be used.
        MissingRequirementError: If no MANO is named and none is found.
    """
    points = gather(keypoints_2d, is_right, keypoints_3d, confidence, existence, occlusion)
    model = mano if isinstance(mano, ManoModel) else find_mano(None if mano is None else os.fspath(mano))
    return HandFitter(model, trust).fit(points)


class HandFitter:
    """Fits one hand model; see :func:`fit_hands`."""

    def __init__(self, model: ManoModel, trust: Trust | None = None) -> None:
        self.model, self.trust = model, trust or Trust()
        self._hand = Articulation(model, _DTYPE)
        self._objective = Objective(self._hand, self.trust)

    @cached_property
    def _starts(self) -> Starts:
        return Starts(self._hand)

    @torch.inference_mode()
    def fit(self, points: Keypoints) -> FittedHands:
        """Fit hands; those without any joint get NaN."""
        square = squares(points)
        rows = np.flatnonzero(np.isfinite(square).all(1))
        target = targets(points, square, _DTYPE)
        blocks = [rows[k : k + BLOCK] for k in range(0, len(rows), BLOCK)]
        # The matrices are small: threads that share one wait for each other most of the time.
        fitted = one_thread_each(lambda k: self._chunk(target, blocks[k]), len(blocks))
        arrays = _Arrays(len(points.is_right), rows, fitted)
        mirror = np.where(points.is_right[:, None, None], 1.0, (-1.0, 1.0, 1.0))
        places = arrays.flat * mirror[..., :2] * square[:, None, 2:] + square[:, None, :2]
        return FittedHands(
            arrays.parameters(square),
            points.is_right,
            arrays.angles,
            places.astype(np.float32),
            (arrays.solid * mirror).astype(np.float32),
            points.weight.astype(np.float32),
            _residual(points, places, square),
            self.model,
        )

    @torch.inference_mode()
    def _chunk(self, target: Target, rows: NDArray[np.intp]) -> list[NDArray[np.float64]]:
        """Fit up to ``BLOCK`` hands; return what :class:`_Arrays` collects."""
        some = target.select(torch.from_numpy(np.resize(rows, BLOCK)))
        state = self._starts.choose(some, self.trust, _STARTS)
        state, cost = minimise(self._objective, state, some.repeat(_STARTS), _FIRST_STEPS)
        state = _best(state, cost, _STARTS, _KEPT)
        state, cost = minimise(self._objective, state, some.repeat(_KEPT), _LAST_STEPS)
        state = _best(state, cost, _KEPT, 1)
        points, flat = self._objective.seen(state)
        values = (*state, points.rotations, points.places, flat)
        return [value[: len(rows)].double().numpy() for value in values]


class _Arrays:
    """The arrays of all hands, NaN where a hand was not fitted."""

    def __init__(self, n: int, rows: NDArray[np.intp], fitted: list[list[NDArray[np.float64]]]) -> None:
        shapes = ((3, 3), (21,), (10,), (3,), (15, 3, 3), (21, 3), (21, 2))
        arrays = [np.full((n, *shape), np.nan) for shape in shapes]
        for array, parts in zip(arrays, zip(*fitted, strict=True) if fitted else [()] * len(arrays), strict=True):
            if parts:
                array[rows] = np.concatenate(parts)
        self._wrist, self.angles, self._betas, self._camera, self._rotations, self.solid, self.flat = arrays

    def parameters(self, square: Double) -> ManoParameters:
        """Return them as those of the crops that show the squares."""
        scale = np.exp(self._camera[:, :1])
        shift = self._camera[:, 1:] / scale
        return ManoParameters(
            global_orient=self._wrist[:, None],
            hand_pose=self._rotations,
            betas=self._betas,
            cam=np.concatenate([2 * scale, shift], 1),
            cam_t=np.concatenate([shift, FOCAL / scale], 1),
            focal_length=(FOCAL * square[:, 2]).astype(np.float32),
            square=square.astype(np.float32),
        )


def _best(state: State, cost: Tensor, among: int, kept: int) -> State:
    """Return the states of lowest cost of each hand."""
    order = cost.view(-1, among).argsort(stable=True, dim=1)[:, :kept]
    return state.select((order + among * torch.arange(len(order))[:, None]).flatten())


def _residual(points: Keypoints, places: Double, square: Double) -> NDArray[np.float32]:
    """Return (N,) weighted mean distances to the keypoints, as a share of the hand's extent."""
    apart = np.where(points.weight > 0, np.linalg.norm(places - points.places_2d, axis=2), 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = (points.weight * apart).sum(1) / points.weight.sum(1)
        return np.asarray(mean / (square[:, 2] / MARGIN), np.float32)
