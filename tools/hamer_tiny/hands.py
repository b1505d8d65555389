"""Sampled hands without pictures, to train the fitter on: MANO parameters and the points they have in a view."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor, nn

from hint.landmarks.region import knuckles
from hint.mano.layer import ManoLayer
from hint.mano.model import TIP_VERTICES, ManoModel
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


class JointLayer(nn.Module):
    """The joints of a posed hand alone: no mesh, all fingers at once."""

    def __init__(self, model: ManoModel) -> None:
        super().__init__()
        full, tips = ManoLayer(model), list(TIP_VERTICES)
        regressor = full.j_regressor
        self.order = full.order
        self.rest = torch.cat([regressor @ full.v_template, full.v_template[tips]])
        self.shapes = torch.cat([torch.einsum("jv,vcs->jcs", regressor, full.shapedirs), full.shapedirs[tips]])
        self.correctives = full.posedirs.view(135, -1, 3)[:, tips].flatten(1)
        self.weights = full.lbs_weights[tips]

    def forward(self, global_orient: Tensor, hand_pose: Tensor, betas: Tensor) -> Tensor:
        """Return joints (N,21,3) in HInt order, metres."""
        n = len(betas)
        shaped = self.rest + (betas @ self.shapes.flatten(0, 1).T).view(n, 21, 3)
        rest, tips = shaped[:, :16], shaped[:, 16:]
        tips = tips + ((hand_pose - torch.eye(3)).flatten(1) @ self.correctives).view(n, 5, 3)
        turned, placed = self._chain(global_orient, hand_pose.view(n, 5, 3, 3, 3), rest)
        carried = (tips[:, None] - rest[:, :, None]) @ turned.transpose(2, 3) + placed[:, :, None]
        tips = torch.einsum("tj,njtc->ntc", self.weights, carried)
        return torch.cat([placed, tips], 1)[:, self.order]

    @staticmethod
    def _chain(wrist: Tensor, fingers: Tensor, rest: Tensor) -> tuple[Tensor, Tensor]:
        """Return rotations (N,16,3,3) and places (N,16,3) of the joints, metres."""
        bones = rest[:, 1:].view(-1, 5, 3, 3)
        turned, placed, before = (
            [wrist.expand(-1, 5, 3, 3)],
            [rest[:, :1].expand(-1, 5, 3)],
            rest[:, :1].expand(-1, 5, 3),
        )
        for level in range(3):
            bone = bones[:, :, level] - before
            placed.append(placed[-1] + (turned[-1] @ bone[..., None])[..., 0])
            turned.append(turned[-1] @ fingers[:, :, level])
            before = bones[:, :, level]
        rotations = torch.cat([wrist, torch.stack(turned[1:], 2).flatten(1, 2)], 1)
        return rotations, torch.cat([rest[:, :1], torch.stack(placed[1:], 2).flatten(1, 2)], 1)


def sample_truth(rng: np.random.Generator, n: int, layer: JointLayer) -> Truth:
    """Draw hands of every pose, shape and direction, seen in a view around themselves."""
    pose = Rotation.from_rotvec(sample_poses(rng, n).reshape(-1, 3)).as_matrix().reshape(n, 15, 3, 3)
    root = Rotation.random(n, rng).as_matrix()
    rotations = torch.tensor(np.concatenate([root[:, None], pose], 1), dtype=torch.float32)
    betas = torch.tensor(rng.normal(0, 0.8, (n, 10)), dtype=torch.float32)
    joints = layer(rotations[:, :1], rotations[:, 1:], betas)
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
