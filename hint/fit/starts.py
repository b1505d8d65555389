"""Where fits begin: those of a table of grasps, seen from many sides, that look most like the keypoints.

One view does not say which way a hand is bent, so a fit needs several starts. A table of some thousand views is
compared with the keypoints by a few matrix products: shift, scale and turn in the picture follow in closed form.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hint.fit.articulation import Articulation
from hint.fit.objective import State, Trust
from hint.fit.observation import MARGIN, Target
from hint.fit.prior import gaussian
from hint.mano.poses import GRASPS, grasp, sample_angles

_Array = NDArray[np.float64]

#: Sampled poses beside the named grasps, their seed, and directions they are seen from.
_SAMPLES, _SEED, _VIEWS = 17, 2, 160

#: Error that a pose of the table has anyway, as a share of the hand's extent and in metres.
_COARSE_2D, _COARSE_3D = 0.06, 0.012

#: Starts of one hand differ by at least this angle of the view, or turn in the picture.
_APART = np.deg2rad(35.0)


class Starts:
    """The table of one hand model."""

    def __init__(self, hand: Articulation) -> None:
        sampled = sample_angles(np.random.default_rng(_SEED), _SAMPLES)
        angles = np.concatenate([[grasp(name) for name in GRASPS], sampled])
        views = _views(_VIEWS)
        self._angles, self._views = torch.tensor(angles, dtype=hand.dtype), torch.tensor(views, dtype=hand.dtype)
        n = len(angles)
        upright, shape = torch.eye(3, dtype=hand.dtype).expand(n, 3, 3), torch.zeros(n, 10, dtype=hand.dtype)
        self._places = hand.pose(upright, self._angles, shape).places
        seen = (self._places[:, None] @ self._views.transpose(1, 2)).flatten(0, 1)
        self._x, self._y, self._z = (seen[..., axis].T.contiguous() for axis in range(3))
        self._size = self._x.square() + self._y.square()
        self._between = _between(self._views)
        mean, precision = gaussian()
        away = angles - mean
        unlikely = torch.tensor(np.einsum("pi,ij,pj->p", away, precision, away), dtype=hand.dtype)
        self._unlikely = unlikely.repeat_interleave(len(views))

    def choose(self, target: Target, trust: Trust, number: int) -> State:
        """Return ``number`` starts of each hand, one after another: (N * number) states."""
        cost, turn = self._compare(target, trust)
        picked = self._spread(cost, turn, number)
        flat = picked.flatten()
        rows = torch.arange(len(picked)).repeat_interleave(number)
        poses, views = flat // _VIEWS, flat % _VIEWS
        wrist = _about_z(turn[rows, flat]) @ self._views[views]
        seen = (self._places[poses] @ wrist.transpose(1, 2))[..., :2]
        angles = self._angles[poses]
        camera = _camera(seen, target.places_2d[rows], target.weight[rows])
        return State(wrist, angles, angles.new_zeros(len(flat), 10), camera)

    def _compare(self, target: Target, trust: Trust) -> tuple[Tensor, Tensor]:
        """Return the cost (N,M) of every entry of the table, and its best turn in the picture, radians."""
        weight = target.weight
        total = weight.sum(1, keepdim=True).clamp_min(1e-9)
        apart = target.places_2d - (weight[..., None] * target.places_2d).sum(1, keepdim=True) / total[..., None]
        u, v = (weight[..., None] * apart).unbind(2)
        along, across = u @ self._x + v @ self._y, v @ self._x - u @ self._y
        square = weight @ self._size - ((weight @ self._x).square() + (weight @ self._y).square()) / total
        left = (weight[..., None] * apart.square()).sum((1, 2))[:, None]
        left = left - (along.square() + across.square()) / square.clamp_min(1e-9)
        cost = left * (MARGIN / max(_COARSE_2D, trust.sigma_2d)) ** 2 + trust.pose * self._unlikely
        turn = torch.atan2(across, along)
        if target.weight_3d.any():
            cost = cost + self._compare_in_space(target, turn) / max(_COARSE_3D, trust.sigma_3d) ** 2
        return cost, turn

    def _compare_in_space(self, target: Target, turn: Tensor) -> Tensor:
        """Return (N,M) weighted squared distances in space of the turned entries, about their means."""
        weight = target.weight_3d
        total = weight.sum(1, keepdim=True).clamp_min(1e-9)
        apart = target.places_3d - (weight[..., None] * target.places_3d).sum(1, keepdim=True) / total[..., None]
        u, v, w = (weight[..., None] * apart).unbind(2)
        along, across = u @ self._x + v @ self._y, v @ self._x - u @ self._y
        common = turn.cos() * along + turn.sin() * across + w @ self._z
        means = sum((weight @ axis).square() for axis in (self._x, self._y, self._z)) / total
        own = weight @ (self._size + self._z.square()) - means
        return own + (weight[..., None] * apart.square()).sum((1, 2))[:, None] - 2 * common

    def _spread(self, cost: Tensor, turn: Tensor, number: int) -> Tensor:
        """Return (N,number) entries: the best one, then always the best of those that are seen differently."""
        left, picked, rows = cost, [], torch.arange(len(cost))
        for _ in range(number):
            best = left.argmin(1)
            picked.append(best)
            apart = turn - turn[rows, best][:, None]
            even, odd, rest = (table[best % _VIEWS].repeat(1, len(self._angles)) for table in self._between)
            # 1 + 2 cos of the angle between two views: the trace of the rotation from one to the other.
            trace = apart.cos() * even + apart.sin() * odd + rest
            left = torch.where(trace > 1 + 2 * np.cos(_APART), torch.inf, left)
        return torch.stack(picked, 1)


def _between(views: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return what the trace of the rotation between two turned views is made of, (V,V) each."""
    relative = torch.einsum("vij,wkj->vwik", views, views)
    even = relative[..., 0, 0] + relative[..., 1, 1]
    return even, relative[..., 1, 0] - relative[..., 0, 1], relative[..., 2, 2]


def _camera(seen: Tensor, places: Tensor, weight: Tensor) -> Tensor:
    """Return the cameras (B,3) that bring points (B,21,2) in metres nearest to keypoints."""
    share = (weight / weight.sum(1, keepdim=True).clamp_min(1e-9))[..., None]
    centre, middle = (share * seen).sum(1), (share * places).sum(1)
    around = share * (seen - centre[:, None])
    spread = (around * seen).sum((1, 2)).clamp_min(1e-9)
    scale = ((around * places).sum((1, 2)) / spread).clamp_min(0.1)
    return torch.cat([scale.log()[:, None], middle - scale[:, None] * centre], 1)


def _views(n: int) -> _Array:
    """Return (n,3,3) rotations that turn n directions, evenly spread over the sphere, towards the camera.

    Source: González 2010, Measurement of areas on a sphere using Fibonacci and latitude-longitude lattices.
    """
    number = np.arange(n) + 0.5
    z = 1 - 2 * number / n
    longitude = np.pi * (1 + 5**0.5) * number
    direction = np.stack([np.sqrt(1 - z**2) * np.cos(longitude), np.sqrt(1 - z**2) * np.sin(longitude), z], 1)
    helper = np.where(np.abs(z)[:, None] < 0.9, (0.0, 0.0, 1.0), (1.0, 0.0, 0.0))
    right = np.cross(helper, direction)
    right /= np.linalg.norm(right, axis=1, keepdims=True)
    return np.stack([right, np.cross(direction, right), direction], 1)


def _about_z(turn: Tensor) -> Tensor:
    """Return (B,3,3) turns in the picture by (B,) radians."""
    cosine, sine, nothing = turn.cos(), turn.sin(), torch.zeros_like(turn)
    rows = torch.stack([cosine, -sine, nothing, sine, cosine, nothing, nothing, nothing, nothing + 1], 1)
    return rows.view(-1, 3, 3)
