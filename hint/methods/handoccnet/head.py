"""The head: heat maps of the joints, and the pose and shape that follow from them.

Source: Park et al. 2022 (HandOccNet), section 3.4; Newell et al. 2016 for the hourglass.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 - its name in the field
from torch import Tensor, nn

from hint.methods.handoccnet.backbone import MAP_SIZE, Config
from hint.skeleton import N_JOINTS

#: How often the hourglass halves the map, and how often the encoder does.
DEPTH = 4

#: Names of the norms of a residual block, in the hourglass and in the encoder.
_HOURGLASS, _ENCODER = ("bn1", "bn2", "bn3"), ("bn", "bn1", "bn2")

#: 6D rotations of 16 joints.
POSE = 16 * 6


class Residual(nn.Module):
    """Three convolutions, each after a norm and a leaky ReLU, added to their input.

    Args:
        width: Channels; half as many between the convolutions.
        norms: Names of the norms in the weights.
    """

    def __init__(self, width: int, norms: tuple[str, str, str]) -> None:
        super().__init__()
        self.norms = norms
        half = width // 2
        for number, (inner, outer, side) in enumerate(((width, half, 1), (half, half, 3), (half, width, 1))):
            self.add_module(norms[number], nn.BatchNorm2d(inner))
            self.add_module(f"conv{number + 1}", nn.Conv2d(inner, outer, side, padding=side // 2))

    def forward(self, x: Tensor) -> Tensor:
        """Map (N,C,H,W) to (N,C,H,W)."""
        out = x
        for norm, conv in zip(self.norms, ("conv1", "conv2", "conv3"), strict=True):
            out = getattr(self, conv)(F.leaky_relu(getattr(self, norm)(out)))
        return x + out


class Hourglass(nn.Module):
    """Look at a map at five sizes, from its own to a sixteenth of it."""

    def __init__(self, width: int) -> None:
        super().__init__()
        # Per size: beside, on the way down, on the way up, and at the bottom what lies between the two.
        self.hg = nn.ModuleList(
            nn.ModuleList(nn.Sequential(Residual(width, _HOURGLASS)) for _ in range(4 if level == 0 else 3))
            for level in range(DEPTH)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (N,C,32,32) to (N,C,32,32)."""
        return self._level(DEPTH - 1, x)

    def _level(self, level: int, x: Tensor) -> Tensor:
        parts: list[nn.Module] = list(self.hg[level].children())
        beside, down, up = parts[:3]
        low = down(F.max_pool2d(x, 2))
        low = parts[3](low) if level == 0 else self._level(level - 1, low)
        out: Tensor = beside(x) + F.interpolate(up(low), scale_factor=2)
        return out


class Activated(nn.Module):
    """A 1x1 convolution, a norm and a leaky ReLU."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.block = nn.Sequential(nn.Conv2d(width, width, 1), nn.BatchNorm2d(width), nn.LeakyReLU())

    def forward(self, x: Tensor) -> Tensor:
        """Map (N,C,H,W) to (N,C,H,W)."""
        out: Tensor = self.block(x)
        return out


class HeatMaps(nn.Module):
    """One heat map per joint and its centre; the lists have room for several hourglasses, of which there is one."""

    uu: Tensor
    vv: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.betas = nn.Parameter(torch.ones(N_JOINTS, 1))
        centres = (torch.arange(MAP_SIZE) + 0.5) / MAP_SIZE
        self.register_buffer("uu", centres.expand(MAP_SIZE, -1).contiguous())
        self.register_buffer("vv", centres[:, None].expand(-1, MAP_SIZE).contiguous())
        self.hg = nn.ModuleList([Hourglass(width)])
        self.res = nn.ModuleList([nn.Sequential(Residual(width, _HOURGLASS))])
        self.fc = nn.ModuleList([Activated(width)])
        self.score = nn.ModuleList([nn.Conv2d(width, N_JOINTS, 1)])

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Map features (N,C,32,32) to heat maps (N,21,32,32), features (N,C,32,32) and joints (N,21,2).

        The joints are in sides of the crop, 0 to 1.
        """
        encoded = self.fc[0](self.res[0](self.hg[0](features)))
        latents: Tensor = self.score[0](encoded)
        heat = (latents.flatten(2) * self.betas).softmax(-1).reshape(latents.shape)
        joints = torch.stack([(heat * self.uu).sum((2, 3)), (heat * self.vv).sum((2, 3))], -1)
        return heat, encoded, joints


class HandEncoder(nn.Module):
    """Turn heat maps and features into one vector."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.heatmap_conv = nn.Conv2d(N_JOINTS, width, 1)
        self.encoding_conv = nn.Conv2d(width, width, 1)
        self.reg = nn.ModuleList(Residual(width, _ENCODER) for _ in range(2 * DEPTH))

    def forward(self, heat: Tensor, encoded: Tensor) -> Tensor:
        """Map heat maps (N,21,32,32) and features (N,C,32,32) to (N,4*C)."""
        x = self.heatmap_conv(heat) + self.encoding_conv(encoded)
        for number, block in enumerate(self.reg):
            x = F.max_pool2d(block(x), 2) if number % 2 else block(x)
        out: Tensor = x.flatten(1)
        return out


class ManoHead(nn.Module):
    """Regress pose and shape."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        first, second = config.hidden
        places = (MAP_SIZE >> DEPTH) ** 2
        self.mano_base_layer = nn.Sequential(
            nn.Linear(places * config.width, first), nn.LeakyReLU(), nn.Linear(first, second), nn.LeakyReLU()
        )
        self.pose_reg = nn.Linear(second, POSE)
        self.shape_reg = nn.Linear(second, 10)

    def forward(self, encoding: Tensor) -> tuple[Tensor, Tensor]:
        """Map (N,4*C) to 6D rotations (N,96) and shape (N,10)."""
        features = self.mano_base_layer(encoding)
        return self.pose_reg(features), self.shape_reg(features)
