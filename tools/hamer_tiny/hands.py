"""Sampled hands without pictures, to train the fitter on: MANO parameters and the points they have in a view."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor

from hint.fit.articulation import Articulation
from hint.landmarks.region import knuckles
from hint.mano.poses import sample_poses


class Truth(NamedTuple):
    """MANO parameters and points of N hands in their views.

    Attributes:
        rotations: (N,16,3,3).
        betas: (N,10).
        joints: (N,21,3) metres, origin at the wrist.
        flat: (N,21,2) view units, -0.5 to 0.5.
    """

    rotations: Tensor
    betas: Tensor
    joints: Tensor
    flat: Tensor


def sample_truth(rng: np.random.Generator, n: int, hand: Articulation) -> Truth:
    """Draw hands of every pose, shape and direction, seen in a view around themselves."""
    pose = Rotation.from_rotvec(sample_poses(rng, n).reshape(-1, 3)).as_matrix().reshape(n, 15, 3, 3)
    root = Rotation.random(n, rng).as_matrix()
    rotations = torch.tensor(np.concatenate([root[:, None], pose], 1), dtype=torch.float32)
    betas = torch.tensor(rng.normal(0, 0.8, (n, 10)), dtype=torch.float32)
    joints = hand.joints(rotations[:, :1], rotations[:, 1:], betas)
    rotations, joints = upright(rotations, joints - joints[:, :1], torch.tensor(rng.normal(0, 0.25, n)).float())
    depth = torch.tensor(rng.uniform(0.25, 1.5, n)).float()  # metres; near hands are seen in perspective
    seen = joints[..., :2] / (1 + (joints[..., 2:] - joints.mean(1)[:, None, 2:]) / depth[:, None, None])
    return Truth(rotations, betas, joints, in_view(seen, rng))


def upright(rotations: Tensor, joints: Tensor, jitter: Tensor) -> tuple[Tensor, Tensor]:
    """Turn hands about the line of sight until the wrist is below the knuckles, give or take (N,) radians."""
    towards = (knuckles(joints) - joints[:, 0])[:, :2]
    turn = -torch.pi / 2 - torch.atan2(towards[:, 1], towards[:, 0]) + jitter
    cos, sin, zero, one = turn.cos(), turn.sin(), torch.zeros_like(turn), torch.ones_like(turn)
    about = torch.stack([cos, -sin, zero, sin, cos, zero, zero, zero, one], 1).view(-1, 3, 3)
    turned = torch.cat([about[:, None] @ rotations[:, :1], rotations[:, 1:]], 1)
    return turned, joints @ about.transpose(1, 2)


def in_view(points: Tensor, rng: np.random.Generator) -> Tensor:
    """Scale and move points (N,21,2) to where a view of 1.6 times their box shows them; boxes are never quite right."""
    low, high = points.amin(1), points.amax(1)
    n, extent = len(points), (high - low).amax(1, keepdim=True)
    side = 1.75 * extent * torch.tensor(rng.lognormal(0, 0.12, (n, 1))).float()
    centre = (low + high) / 2 + torch.tensor(rng.normal(0, 0.05, (n, 2))).float() * side
    return (points - centre[:, None]) / side[:, None]
