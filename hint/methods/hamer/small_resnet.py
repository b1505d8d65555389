"""A residual network for small crops on a CPU: what a small HaMeR sees with.

Source: He et al. 2016 for the blocks; patches as first layer, as in ViT, because that is fast.
"""

from __future__ import annotations

from itertools import pairwise

from timm.models._features import FeatureInfo
from torch import Tensor, nn
from torch.nn import functional

#: Name among the backbones -> channels and blocks of each stage, each half as large as the one before.
SIZES = {
    "small-resnet": ((32, 64, 128, 256), (2, 2, 3, 2)),
    "mini-resnet": ((16, 32, 64, 128), (1, 1, 1, 1)),
}

#: Side of the patches, px.
PATCH = 4


class Block(nn.Module):
    """Two 3x3 convolutions and a shortcut."""

    def __init__(self, width_in: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width_in, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1 or width_in != width:
            self.shortcut = nn.Sequential(nn.Conv2d(width_in, width, 1, stride, bias=False), nn.BatchNorm2d(width))

    def forward(self, x: Tensor) -> Tensor:
        """Map (N,width_in,H,W) to (N,width,H/stride,W/stride)."""
        inner = functional.relu(self.bn1(self.conv1(x)))
        return functional.relu(self.bn2(self.conv2(inner)) + self.shortcut(x))


class SmallResnet(nn.Module):
    """Patches, then stages of blocks; looks like a feature network of timm with one feature map.

    Args:
        name: A name of :data:`SIZES`.
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        widths, depths = SIZES[name]
        stem = nn.Conv2d(3, widths[0], PATCH, PATCH, bias=False)
        self.stem = nn.Sequential(stem, nn.BatchNorm2d(widths[0]), nn.ReLU())
        stages: list[nn.Module] = []
        for k, (width_in, width) in enumerate(pairwise((widths[0], *widths))):
            first = Block(width_in, width, 1 if k == 0 else 2)
            stages.append(nn.Sequential(first, *(Block(width, width, 1) for _ in range(depths[k] - 1))))
        self.stages = nn.Sequential(*stages)
        reduction = PATCH * 2 ** (len(widths) - 1)
        self.feature_info = FeatureInfo([{"num_chs": widths[-1], "reduction": reduction, "module": "stages"}], (0,))

    def forward(self, images: Tensor) -> list[Tensor]:
        """Map (N,3,H,W) to the last feature map (N,C,H/32,W/32)."""
        return [self.stages(self.stem(images))]
