"""The features: a ResNet-50 that leaks, a pyramid on top of it, and a gate that parts hand from what hides it.

Source: Park et al. 2022 (HandOccNet), section 3.1; Lin et al. 2017 (FPN); Woo et al. 2018 (CBAM) for the gate.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F  # noqa: N812 - its name in the field
from timm.models.resnet import Bottleneck, ResNet
from torch import Tensor, nn

#: Side of the crop, px, and of every map after the pyramid.
CROP_SIZE, MAP_SIZE = 256, 32


@dataclass(frozen=True)
class Config:
    """Sizes; the defaults are the released ones.

    Attributes:
        blocks: Residual blocks of each stage of the ResNet.
        channels: Inner width of each stage, a quarter of its outer one.
        width: Channels of every map after the pyramid.
        hidden: Widths of the two layers before pose and shape.
    """

    blocks: tuple[int, ...] = (3, 4, 6, 3)
    channels: tuple[int, ...] = (64, 128, 256, 512)
    width: int = 256
    hidden: tuple[int, int] = (1024, 512)


class SpatialGate(nn.Module):
    """Part a map into what the gate lets through and what it holds back."""

    def __init__(self) -> None:
        super().__init__()
        conv = nn.Conv2d(2, 1, 7, padding=3, bias=False)
        self.spatial = nn.Sequential(OrderedDict(conv=conv, bn=nn.BatchNorm2d(1)))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map (N,C,H,W) to two maps of that shape, which add up to it."""
        strongest = torch.cat([x.amax(1, keepdim=True), x.mean(1, keepdim=True)], 1)
        gate = self.spatial(strongest).sigmoid()
        return x * gate, x * (1 - gate)


class Backbone(nn.Module):
    """Crops in, gated features out; keys as in the released weights, including ``smooth2``, which is unused."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        leaky = partial(nn.LeakyReLU, inplace=True)
        stem, width = config.channels[0], config.width
        resnet = ResNet(
            Bottleneck, config.blocks, num_classes=0, stem_width=stem, channels=config.channels, act_layer=leaky
        )
        self.layer0 = nn.Sequential(resnet.conv1, resnet.bn1, resnet.act1, resnet.maxpool)
        self.layer1 = nn.Sequential(resnet.layer1)
        self.layer2 = nn.Sequential(resnet.layer2)
        self.layer3 = nn.Sequential(resnet.layer3)
        self.layer4 = nn.Sequential(resnet.layer4)
        outer = [4 * channels for channels in config.channels]
        self.toplayer = nn.Conv2d(outer[3], width, 1)
        self.latlayer1 = nn.Conv2d(outer[2], width, 1)
        self.latlayer2 = nn.Conv2d(outer[1], width, 1)
        self.latlayer3 = nn.Conv2d(outer[0], width, 1)
        self.smooth2 = nn.Conv2d(width, width, 3, padding=1)
        self.smooth3 = nn.Conv2d(width, width, 3, padding=1)
        self.attention_module = SpatialGate()

    def forward(self, crops: Tensor) -> tuple[Tensor, Tensor]:
        """Map crops (N,3,256,256) to features (N,C,32,32) of the hand and of everything else."""
        fine = self.layer1(self.layer0(crops))
        middle = self.layer2(fine)
        coarse = self.layer3(middle)
        x = self.toplayer(self.layer4(coarse))
        for lateral, features in ((self.latlayer1, coarse), (self.latlayer2, middle), (self.latlayer3, fine)):
            side = lateral(features)
            x = side + F.interpolate(x, side.shape[2:], mode="bilinear", align_corners=False)
        out: tuple[Tensor, Tensor] = self.attention_module(F.avg_pool2d(self.smooth3(x), 2))
        return out
