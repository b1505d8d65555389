"""Image encoders other than the ViT: convolutional networks of timm, for the base design and for small machines.

Source: Pavlakos et al. 2024, table 5 (a ResNet-50 in place of the ViT-H); how its features become tokens is ours.
"""

from __future__ import annotations

import warnings
from typing import Any

import timm
import torch
from timm.models._features import FeatureGetterNet
from torch import Tensor, nn

from hint.errors import InputError, UnknownNameError
from hint.methods.hamer import small_resnet
from hint.methods.hamer.config import HamerConfig


class ConvolutionalBackbone(nn.Module):
    """The last feature map of a convolutional network, one token per cell, each with its place."""

    def __init__(self, config: HamerConfig) -> None:
        super().__init__()
        self.features = features = _features(config.backbone)
        height, width = config.crop_size, config.crop_size * 3 // 4
        stride = features.feature_info.reduction()[-1]
        cells = -(-height // stride) * -(-width // stride)
        if config.width != channels(features):
            raise InputError(f"{config.backbone} has {channels(features)} channels, not {config.width}")
        self.pos_embed = nn.Parameter(torch.zeros(1, cells, config.width))
        # Crops are in channels-last order; weights in another order halve the speed on a CPU.
        self.to(memory_format=torch.channels_last)

    def forward(self, images: Tensor) -> Tensor:
        """Map (N,3,S,3S/4) to tokens (N,cells,width)."""
        tokens: Tensor = self.features(images)[-1].flatten(2).transpose(1, 2)
        return tokens + self.pos_embed


def backbone_width(name: str) -> int:
    """Return the channels of the last feature map of a network of timm.

    Raises:
        UnknownNameError: If timm has no convolutional network of this name.
    """
    with torch.device("meta"):
        return channels(_features(name))


def channels(features: Any) -> int:
    """Return the channels of the last feature map."""
    return int(features.feature_info.channels()[-1])


def _features(name: str) -> Any:
    if name in small_resnet.SIZES:
        return small_resnet.SmallResnet(name)
    if name not in timm.list_models():
        raise UnknownNameError("backbone", name, ["vit", *small_resnet.SIZES, *timm.list_models()])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            network = timm.create_model(name, pretrained=False, features_only=True, out_indices=(-1,))
    except (RuntimeError, TypeError, AttributeError) as error:
        raise _unfit(name) from error
    if isinstance(network, FeatureGetterNet):  # transformers, which accept one picture size only
        raise _unfit(name)
    return network


def _unfit(name: str) -> InputError:
    return InputError(f"backbone {name}: timm has no feature maps of it for any size; use another, such as resnet50")
