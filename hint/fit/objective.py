"""What a fit minimises, with its gradient and the Gauss-Newton approximation of its curvature.

The sum of
* robust squared distances of the projected joints, in units of ``sigma_2d`` of the hand's extent,
* robust squared distances of the joints in space, about their weighted mean, in units of ``sigma_3d`` metres,
* the squared Mahalanobis distance of the angles to those of sampled grasps, and the squared norm of the shape.

The camera is that of HaMeR's crop, so a fitted hand is written, drawn and scored as a predicted one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from hint.fit.articulation import N_BETAS, N_TURNS, Articulation, Points
from hint.fit.observation import MARGIN, Target
from hint.fit.prior import gaussian, limits
from hint.render.camera import CROP_SIZE, FOCAL_LENGTH

#: Focal length of the crop's camera, sides of the crop.
FOCAL = FOCAL_LENGTH / CROP_SIZE

_ANGLES = slice(3, N_TURNS)
_BETAS = slice(N_TURNS, N_TURNS + N_BETAS)
_SCALE = N_TURNS + N_BETAS


@dataclass(frozen=True)
class Trust:
    """How much each part of the objective counts.

    Attributes:
        sigma_2d: Expected error of a keypoint, as a share of the hand's extent in the picture.
        sigma_3d: Expected error of a 3D keypoint, metres.
        outlier: Errors beyond this many sigmas count less and less (Cauchy).
        pose: Weight of the prior of the angles.
        shape: Weight of the prior of the shape.
    """

    sigma_2d: float = 0.01
    sigma_3d: float = 0.002
    outlier: float = 5.0
    pose: float = 1.0
    shape: float = 1.0


class State(NamedTuple):
    """The unknowns of B hands.

    Attributes:
        wrist: (B,3,3) rotation.
        angles: (B,21) radians.
        betas: (B,10).
        camera: (B,3) logarithm of the scale (sides of the square per metre), and where the origin is seen (sides).
    """

    wrist: Tensor
    angles: Tensor
    betas: Tensor
    camera: Tensor

    def select(self, rows: Tensor) -> State:
        """Return some rows."""
        return State(*(values[rows] for values in self))

    def where(self, mask: Tensor, other: State) -> State:
        """Return the rows of this where the mask (B,) is set, else those of the other."""
        return State(*(choose(mask, a, b) for a, b in zip(self, other, strict=True)))


class Slope(NamedTuple):
    """The objective around a state.

    Attributes:
        cost: (B,).
        gradient: (B,37), halved.
        curvature: (B,37,37), halved.
    """

    cost: Tensor
    gradient: Tensor
    curvature: Tensor

    def where(self, mask: Tensor, other: Slope) -> Slope:
        """Return the rows of this where the mask (B,) is set, else those of the other."""
        return Slope(*(choose(mask, a, b) for a, b in zip(self, other, strict=True)))


def choose(mask: Tensor, one: Tensor, other: Tensor) -> Tensor:
    """Return rows of one tensor where the mask (B,) is set, else rows of the other."""
    return torch.where(mask.view(-1, *[1] * (one.dim() - 1)), one, other)


class Objective:
    """The objective for one hand model."""

    def __init__(self, hand: Articulation, trust: Trust) -> None:
        mean, precision = gaussian()
        low, high = limits()
        self.hand, self.trust = hand, trust
        self.mean = torch.tensor(mean, dtype=hand.dtype)
        self.precision = torch.tensor(trust.pose * precision, dtype=hand.dtype)
        self.low, self.high = torch.tensor(low, dtype=hand.dtype), torch.tensor(high, dtype=hand.dtype)
        self._root_2d = MARGIN / trust.sigma_2d
        self._root_3d = 1 / trust.sigma_3d

    def slope(self, state: State, target: Target) -> Slope:
        """Return the objective and its derivatives at a state."""
        points = self.hand.pose(state.wrist, state.angles, state.betas)
        solid = torch.cat([points.by_turn, points.by_betas], 3)
        flat, by_flat = _project(points.places, solid, state.camera)
        parts = [_robust((flat - target.places_2d) * self._root_2d, by_flat * self._root_2d, target.weight, self.trust)]
        if target.weight_3d.any():
            parts.append(self._in_space(points.places, solid, target))
        cost, rows, columns = parts[0]
        if len(parts) == 2:
            cost = cost + parts[1][0]
            rows, columns = torch.cat([rows, parts[1][1]], 1), torch.cat([columns, parts[1][2]], 1)
        gradient = (columns.transpose(1, 2) @ rows[..., None]).squeeze(-1)
        return self._with_priors(state, cost, gradient, columns.transpose(1, 2) @ columns)

    def step(self, state: State, change: Tensor) -> State:
        """Return the state moved by (B,37); angles stay inside their limits."""
        angles = torch.minimum(torch.maximum(state.angles + change[:, _ANGLES], self.low), self.high)
        wrist = rotation(change[:, :3]) @ state.wrist
        return State(wrist, angles, state.betas + change[:, _BETAS], state.camera + change[:, _SCALE:])

    def blocked(self, state: State, gradient: Tensor) -> Tensor:
        """Return (B,37): which unknowns are at a limit that the objective pushes against."""
        pushed = gradient[:, _ANGLES]
        held = ((state.angles <= self.low) & (pushed > 0)) | ((state.angles >= self.high) & (pushed < 0))
        mask = torch.zeros_like(gradient, dtype=torch.bool)
        mask[:, _ANGLES] = held
        return mask

    def seen(self, state: State) -> tuple[Points, Tensor]:
        """Return the posed joints, and (B,21,2) where they are seen, sides of the square."""
        points = self.hand.pose(state.wrist, state.angles, state.betas)
        return points, perspective(points.places, state.camera)

    def _in_space(self, places: Tensor, solid: Tensor, target: Target) -> tuple[Tensor, Tensor, Tensor]:
        """Compare joints in space, both about their weighted means: where the hand is does not matter."""
        share = target.weight_3d / target.weight_3d.sum(1, keepdim=True).clamp_min(1e-9)
        apart = places - target.places_3d
        apart = apart - (share[..., None] * apart).sum(1, keepdim=True)
        moved = solid - (share[..., None, None] * solid).sum(1, keepdim=True)
        unseen = moved.new_zeros(*moved.shape[:3], 3)
        by_all = torch.cat([moved, unseen], 3) * self._root_3d
        return _robust(apart * self._root_3d, by_all, target.weight_3d, self.trust)

    def _with_priors(self, state: State, cost: Tensor, gradient: Tensor, curvature: Tensor) -> Slope:
        away = state.angles - self.mean
        pull = away @ self.precision
        cost = cost + (away * pull).sum(1) + self.trust.shape * state.betas.square().sum(1)
        gradient[:, _ANGLES] += pull
        gradient[:, _BETAS] += self.trust.shape * state.betas
        curvature[:, _ANGLES, _ANGLES] += self.precision
        curvature[:, _BETAS, _BETAS] += self.trust.shape * torch.eye(N_BETAS, dtype=cost.dtype)
        return Slope(cost, gradient, curvature)


def perspective(places: Tensor, camera: Tensor) -> Tensor:
    """Project points (B,P,3) with the crop's camera: (B,P,2) sides of the square."""
    scale = camera[:, None, :1].exp()
    seen: Tensor = (scale * places[..., :2] + camera[:, None, 1:]) / (1 + scale / FOCAL * places[..., 2:])
    return seen


def rotation(turn: Tensor) -> Tensor:
    """Return (B,3,3) rotations about axis-angle vectors (B,3)."""
    angle = turn.norm(dim=1).clamp_min(1e-12)[:, None, None]
    x, y, z = (turn / angle[..., 0]).unbind(1)
    nothing = torch.zeros_like(x)
    cross = torch.stack([nothing, -z, y, z, nothing, -x, -y, x, nothing], 1).view(-1, 3, 3)
    turned: Tensor = torch.eye(3, dtype=turn.dtype) + angle.sin() * cross + (1 - angle.cos()) * (cross @ cross)
    return turned


def _project(places: Tensor, solid: Tensor, camera: Tensor) -> tuple[Tensor, Tensor]:
    """Project joints; also return (B,21,2,37), their derivatives by all unknowns."""
    scale = camera[:, :1].exp()[..., None]
    depth = 1 / (1 + scale / FOCAL * places[..., 2:])
    flat = (scale * places[..., :2] + camera[:, None, 1:]) * depth
    by_space = scale[..., None] * depth[..., None] * (solid[:, :, :2] - flat[..., None] / FOCAL * solid[:, :, 2:])
    by_scale = scale * depth * (places[..., :2] - flat / FOCAL * places[..., 2:])
    by_shift = depth[..., None] * torch.eye(2, dtype=flat.dtype)
    return flat, torch.cat([by_space, by_scale[..., None], by_shift], 3)


def _robust(apart: Tensor, by_all: Tensor, weight: Tensor, trust: Trust) -> tuple[Tensor, Tensor, Tensor]:
    """Weigh distances.

    Args:
        apart: (B,21,d) in sigmas.
        by_all: (B,21,d,37) their derivatives.
        weight: (B,21).
        trust: Where outliers begin.

    Returns:
        The cost (B,), and rows (B,21d) and columns (B,21d,37) whose products are gradient and curvature.
    """
    reach = trust.outlier**2
    square = apart.square().sum(2) / reach
    cost = (weight * reach * torch.log1p(square)).sum(1)
    root = (weight / (1 + square)).sqrt()
    return cost, (root[..., None] * apart).flatten(1), (root[..., None, None] * by_all).flatten(1, 2)
