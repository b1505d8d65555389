"""From the maps of the landmark network to 21 points: queries that start at its own landmarks and look around.

Source: the queries and attention are those of DETR (Carion et al. 2020); that they start at landmarks and read the maps
there, and the heatmaps beside them (Sun et al. 2018, integral regression), are ours.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from hint.landmarks.backbone import CHANNELS, CropLandmarks
from hint.landmarks.network import SIZE as CROP_SIZE
from hint.methods.hamer.tiny_fitter import Points

#: Strides of the maps that are read.
STRIDES = (8, 16, 32)

_WIDTH, _HEADS, _HEAT = 128, 4, 64


class Reading(NamedTuple):
    """Points of N hands.

    Attributes:
        points: The result.
        heat: (N,21,2) where the heatmaps alone see the joints.
    """

    points: Points
    heat: Tensor


class Reader(nn.Module):
    """Corrects the landmarks: reads the maps there, then where heatmaps see the joints."""

    def __init__(self) -> None:
        super().__init__()
        seen = sum(CHANNELS[stride] for stride in STRIDES)
        self.narrow = nn.ModuleDict({str(stride): nn.Conv2d(CHANNELS[stride], _HEAT, 1) for stride in STRIDES})
        self.joint = nn.Parameter(torch.randn(21, _WIDTH) * 0.02)
        self.own = nn.Linear(6, _WIDTH)
        self.whole = nn.Sequential(nn.Linear(21 * 6 + 1, _WIDTH), nn.GELU(), nn.Linear(_WIDTH, _WIDTH))
        self.local = nn.ModuleList(nn.Linear(seen + 2, _WIDTH) for _ in range(2))
        self.layers = nn.ModuleList(_Layer(_WIDTH) for _ in range(3))
        self.norm = nn.LayerNorm(_WIDTH)
        self.kernel = nn.Linear(_WIDTH, _HEAT)
        self.moved = nn.Linear(_WIDTH, 2 + 3 + 2 + 1)
        nn.init.zeros_(self.moved.weight)
        nn.init.zeros_(self.moved.bias)

    def forward(self, maps: dict[int, Tensor], landmarks: CropLandmarks) -> Reading:
        """Read the points of N views."""
        flat, solid = landmarks.points[..., :2] / CROP_SIZE - 0.5, landmarks.world
        own = torch.cat([flat, landmarks.points[..., 2:] / CROP_SIZE, 10 * solid], -1)
        whole = self.whole(torch.cat([own.flatten(1), landmarks.presence[:, None]], 1))
        query = self.joint + self.own(own) + whole[:, None] + self.local[0](_sampled(maps, flat))
        query = self.layers[0](query)
        heat = self._heat(self._grid(maps), self.kernel(query))
        query = self.layers[1](query + self.local[1](_sampled(maps, heat)))
        moved = self.moved(self.norm(self.layers[2](query)))
        share = (moved[..., 7:] - 1).sigmoid()
        places = (1 - share) * flat + share * heat + 0.2 * moved[..., :2]
        return Reading(Points(places, solid + 0.05 * moved[..., 2:5], moved[..., 5:7]), heat)

    def _grid(self, maps: dict[int, Tensor]) -> Tensor:
        """Return (N,64,28,28): what the heatmaps are computed from."""
        coarse = self.narrow["16"](maps[16]) + _doubled(self.narrow["32"](maps[32]))
        return functional.gelu(self.narrow["8"](maps[8]) + _doubled(coarse))

    @staticmethod
    def _heat(grid: Tensor, kernel: Tensor) -> Tensor:
        """Return (N,21,2): the mean place in view units under each heatmap."""
        side = grid.shape[-1]
        share = (torch.einsum("nchw,njc->njhw", grid, kernel) / _HEAT**0.5).flatten(2).softmax(-1)
        steps = (torch.arange(side, device=grid.device) + 0.5) / side - 0.5
        share = share.view(*share.shape[:2], side, side)
        return torch.stack([(share.sum(2) * steps).sum(-1), (share.sum(3) * steps).sum(-1)], -1)


class _Layer(nn.Module):
    """Self-attention among the joints, and two layers on each joint."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))
        self.joints = nn.MultiheadAttention(width, _HEADS, batch_first=True)
        self.wide = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, query: Tensor) -> Tensor:
        x = self.norms[0](query)
        query = query + self.joints(x, x, x, need_weights=False)[0]
        out: Tensor = query + self.wide(self.norms[1](query))
        return out


def _sampled(maps: dict[int, Tensor], flat: Tensor) -> Tensor:
    """Return (N,21,232+2): the maps at points (N,21,2) in view units, and the points."""
    at = 2 * flat[:, :, None]
    seen = [functional.grid_sample(maps[s], at, align_corners=False, padding_mode="border") for s in STRIDES]
    local = torch.cat(seen, 1)[..., 0].transpose(1, 2)
    return torch.cat([local / 4, flat], -1)


def _doubled(grid: Tensor) -> Tensor:
    return functional.interpolate(grid, scale_factor=2, mode="nearest")
