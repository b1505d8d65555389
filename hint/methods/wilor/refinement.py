"""The refinement: features under the vertices of the first hand correct its pose, shape and camera.

Source: Potamias et al. 2025 (WiLoR), section 4.3; released network, keys as in its weights.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from hint.methods.device import beside
from hint.methods.hamer.head import POSE, HandNumbers
from hint.methods.hamer.network import camera_translation, project


class FeaturePyramid(nn.Module):
    """The feature map, halved in channels, and two finer ones."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first_conv = nn.Sequential(nn.Conv2d(width, width // 2, 1))
        self.deconv = nn.ModuleList([_upsample(width // 2, width // 4), _upsample(width // 2, width // 4, width // 8)])

    def forward(self, features: Tensor) -> list[Tensor]:
        """Map (N,C,16,12) to (N,C/8,64,48), (N,C/4,32,24) and (N,C/2,16,12)."""
        coarse = self.first_conv(features)
        return [self.deconv[1](coarse), self.deconv[0](coarse), coarse]


class Refinement(nn.Module):
    """Look where the vertices of a hand lie, and correct the hand."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.deconv = FeaturePyramid(width)
        seen = width // 2 + width // 4 + width // 8
        self.dec_pose = nn.Linear(seen, POSE)
        self.dec_cam = nn.Linear(seen, 3)
        self.dec_shape = nn.Linear(seen, 10)

    def forward(self, features: Tensor, hand: HandNumbers, vertices: Tensor) -> HandNumbers:
        """Correct a hand.

        Args:
            features: (N,C,16,12).
            hand: What was read off the tokens.
            vertices: (N,778,3) its mesh, metres.
        """
        seen = self.look(features, hand, vertices)
        return HandNumbers(
            hand.pose + self.dec_pose(seen), hand.betas + self.dec_shape(seen), hand.cam + self.dec_cam(seen)
        )

    def look(self, features: Tensor, hand: HandNumbers, vertices: Tensor) -> Tensor:
        """Return what is seen under the vertices (N,C/8+C/4+C/2), finest level first."""
        return torch.cat([_under(level, vertices, hand.cam) for level in self.deconv(features)], 1)


def _under(level: Tensor, vertices: Tensor, cam: Tensor) -> Tensor:
    """Return the largest value (N,C) of each channel among those under the vertices.

    The weights were trained with projections that span -0.5 to 0.5 taken for pixels of the feature map, so only its
    first pixels are read; looking where the vertices are would give them something they never saw.
    """
    height, width = level.shape[2:]
    points = project(vertices + camera_translation(cam, height)[:, None], height)
    places = 2 * points / beside(points, (width - 1, height - 1)) - 1
    found = functional.grid_sample(level, places[:, :, None], align_corners=True, padding_mode="zeros")
    return found.flatten(2).amax(2)


def _upsample(*channels: int) -> nn.Sequential:
    """Double the size of a map for every pair of channels."""
    layers: list[nn.Module] = []
    for before, after in pairwise(channels):
        layers += [
            nn.ConvTranspose2d(before, after, 4, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(after),
            nn.ReLU(),
        ]
    return nn.Sequential(*layers)
