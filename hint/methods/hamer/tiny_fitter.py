"""From 21 points to a MANO hand, learned: a small network that corrects its own hand a few times.

Source: Carreira et al. 2016 (iterative error feedback) and Song et al. 2020 (learned gradient descent for bodies);
sizes and inputs are ours.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from hint.methods.hamer.head import POSE, rot6d_to_matrix
from hint.methods.hamer.load import upright_hand
from hint.methods.hamer.network import camera_translation, project

#: Rotation of the wrist (N,1,3,3), of the finger joints (N,15,3,3) and shape (N,10) -> joints (N,21,3) in metres.
Joints = Callable[[Tensor, Tensor, Tensor], Tensor]

#: Corrections of the hand.
STEPS = 4

#: Metres to the fitter's unit, about the size of the numbers in crop units.
_METRE = 8.0

_STATE = POSE + 10 + 3


class Points(NamedTuple):
    """What the image says about N hands.

    Attributes:
        flat: (N,21,2) crop units.
        solid: (N,21,3) metres; where the hand is does not matter.
        trust: (N,21,2) how much to trust each point of ``flat`` and ``solid``; any number.
    """

    flat: Tensor
    solid: Tensor
    trust: Tensor


class FittedHand(NamedTuple):
    """A hand that the fitter arrives at.

    Attributes:
        rotations: (N,16,3,3).
        betas: (N,10).
        cam: (N,3) scale, x, y of the weak camera.
        joints: (N,21,3) metres, not translated.
        flat: (N,21,2) crop units.
    """

    rotations: Tensor
    betas: Tensor
    cam: Tensor
    joints: Tensor
    flat: Tensor


class Fitter(nn.Module):
    """Fits MANO to points.

    Args:
        width: Hidden channels.
    """

    start: Tensor

    def __init__(self, width: int = 640) -> None:
        super().__init__()
        observed = 21 * (2 + 3 + 2)
        self.observe = nn.Linear(observed, width)
        self.correct = nn.ModuleList(_Correction(width) for _ in range(2))
        pose, cam = upright_hand()
        self.register_buffer("start", torch.cat([pose, pose.new_zeros(1, 10), cam / cam.new_tensor([10, 1, 1])], 1))

    def forward(self, points: Points, joints: Joints) -> list[FittedHand]:
        """Return the hands after each correction; the last is the result."""
        solid = _METRE * (points.solid - points.solid.mean(1, keepdim=True))
        seen = self.observe(torch.cat([points.flat.flatten(1), solid.flatten(1), points.trust.flatten(1)], 1))
        state = self.start.expand(len(seen), -1)
        hands = [pose_hand(state, joints)]
        for step in range(STEPS):
            now = hands[-1]
            posed = _METRE * (now.joints - now.joints.mean(1, keepdim=True))
            missed = torch.cat([4 * (points.flat - now.flat).flatten(1), 2 * (solid - posed).flatten(1)], 1)
            state = state + self.correct[min(step, 1)](seen, missed, state)
            hands.append(pose_hand(state, joints))
        return hands[1:]


class _Correction(nn.Module):
    """What to add to the state: the first correction goes far, the others are alike."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.missed, self.state = nn.Linear(21 * 5, width), nn.Linear(_STATE, width)
        last = nn.Linear(width, _STATE)
        self.hidden = nn.Sequential(nn.GELU(), nn.Linear(width, width), nn.GELU(), last)
        nn.init.normal_(last.weight, std=0.01)
        nn.init.zeros_(last.bias)

    def forward(self, seen: Tensor, missed: Tensor, state: Tensor) -> Tensor:
        out: Tensor = self.hidden(seen + self.missed(missed) + self.state(state))
        return out


def pose_hand(state: Tensor, joints: Joints) -> FittedHand:
    """Pose the hand of a state (N,109): 6D rotations, shape, and the camera with a tenth of its scale."""
    rotations, betas = rot6d_to_matrix(state[:, :POSE]), state[:, POSE : POSE + 10]
    scale = 10 * state[:, -3:-2].clamp(0.03, 3)
    cam = torch.cat([scale, state[:, -2:]], 1)
    posed = joints(rotations[:, :1], rotations[:, 1:], betas)
    return FittedHand(rotations, betas, cam, posed, project(posed + camera_translation(cam)[:, None]))
