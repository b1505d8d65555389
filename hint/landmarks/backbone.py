"""MediaPipe's hand landmark network in PyTorch, with its feature maps, to train on top of.

An EfficientNet-Lite without its last layers: a stem, sixteen blocks that widen, filter channel by channel and narrow
again, and four linear layers on the mean of the last map. ``tools/landmark_weights.py`` reads the weights from the
.tflite file of MediaPipe 0.10.21 (Google, Apache-2.0).

Source: Zhang et al. 2020, MediaPipe Hands; Sandler et al. 2018, MobileNetV2, for the blocks.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from hint.weights import load_into, read_checkpoint

#: The weights, which come with the toolkit.
WEIGHTS = Path(__file__).with_name("landmark_network.safetensors")

#: Stride of a feature map -> its channels.
CHANNELS = {4: 24, 8: 40, 16: 112, 32: 192}

#: Channels of the last map, whose mean the landmarks are read from.
LAST_CHANNELS = 1152

_STEM = 24

#: Channels of each block -> how many times they are widened, side of the filter, stride.
_BLOCKS = (
    (16, 1, 3, 1),
    *((24, 4, 3, 2), (24, 6, 3, 1)),
    *((40, 6, 5, 2), (40, 6, 5, 1)),
    *((80, 6, 3, 2), (80, 6, 3, 1), (80, 6, 3, 1)),
    *((112, 6, 5, 1), (112, 6, 5, 1), (112, 6, 5, 1)),
    *((192, 6, 5, 2), (192, 6, 5, 1), (192, 6, 5, 1), (192, 6, 5, 1)),
    (0, 6, 3, 1),
)


class Features(NamedTuple):
    """Feature maps of N crops of side S.

    Attributes:
        maps: Stride -> (N,C,S/stride,S/stride), channels as in :data:`CHANNELS`.
        last: (N,1152,S/32,S/32).
    """

    maps: dict[int, Tensor]
    last: Tensor


class CropLandmarks(NamedTuple):
    """What the network says about N crops.

    Attributes:
        points: (N,21,3) x, y in px of the crop, and depth on the same scale.
        presence: (N,) whether the crop shows a hand, 0..1.
        right: (N,) probability that what the crop shows is a right hand.
        world: (N,21,3) metres, origin at the hand's centre.
    """

    points: Tensor
    presence: Tensor
    right: Tensor
    world: Tensor


class Convolution(nn.Conv2d):
    """A convolution that puts the odd pixel of its border right and below, as TensorFlow does."""

    def __init__(self, width_in: int, width: int, side: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__(width_in, width, side, stride, groups=groups)
        self._border = side - stride

    def forward(self, x: Tensor) -> Tensor:
        """Map (N,width_in,H,W) to (N,width,H/stride,W/stride)."""
        if self._border > 0:
            before, after = self._border // 2, self._border - self._border // 2
            x = functional.pad(x, (before, after, before, after))
        return super().forward(x)


class Block(nn.Module):
    """Widen, filter each channel, narrow; a shortcut where the size stays.

    Args:
        width_in: Channels in.
        width: Channels out; 0 leaves out the narrowing.
        factor: How many times the channels are widened; 1 leaves that out.
        side: Side of the filter.
        stride: Its stride.
    """

    def __init__(self, width_in: int, width: int, factor: int, side: int, stride: int) -> None:
        super().__init__()
        inner = width_in * factor
        self.widen = Convolution(width_in, inner, 1) if factor > 1 else None
        self.filter = Convolution(inner, inner, side, stride, groups=inner)
        self.narrow = Convolution(inner, width, 1) if width else None
        self._has_shortcut = stride == 1 and width == width_in

    def forward(self, x: Tensor) -> Tensor:
        """Map (N,width_in,H,W) to (N,width,H/stride,W/stride)."""
        inner = x if self.widen is None else functional.relu6(self.widen(x))
        inner = functional.relu6(self.filter(inner))
        out = inner if self.narrow is None else self.narrow(inner)
        return out + x if self._has_shortcut else out


class LandmarkBackbone(nn.Module):
    """The network of :class:`hint.landmarks.network.LandmarkNetwork`, for batches; upright right hands suit it best."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = Convolution(3, _STEM, 3, 2)
        widths = pairwise((_STEM, *(width for width, *_ in _BLOCKS)))
        self.blocks = nn.ModuleList(Block(*pair, *rest) for pair, (_, *rest) in zip(widths, _BLOCKS, strict=True))
        self.points = nn.Linear(LAST_CHANNELS, 63)
        self.presence = nn.Linear(LAST_CHANNELS, 1)
        self.handedness = nn.Linear(LAST_CHANNELS, 1)
        self.world = nn.Linear(LAST_CHANNELS, 63)
        # Crops are in channels-last order; weights in another order are slower on a CPU.
        self.to(memory_format=torch.channels_last)

    def features(self, crops: Tensor) -> Features:
        """Map crops (N,3,S,S), RGB in 0..1, S a multiple of 32, to their feature maps."""
        x, maps, stride = functional.relu6(self.stem(crops)), {}, 2
        for block, (width, _, _, step) in zip(self.blocks, _BLOCKS, strict=True):
            x, stride = block(x), stride * step
            if width == CHANNELS.get(stride):
                maps[stride] = x
        return Features(maps, x)

    def landmarks(self, features: Features) -> CropLandmarks:
        """Read the landmarks from the feature maps of crops of :data:`CROP_SIZE`."""
        mean = features.last.mean((2, 3))
        presence, right = self.presence(mean).sigmoid()[:, 0], self.handedness(mean).sigmoid()[:, 0]
        return CropLandmarks(self.points(mean).view(-1, 21, 3), presence, right, self.world(mean).view(-1, 21, 3))

    def forward(self, crops: Tensor) -> CropLandmarks:
        """Map crops (N,3,224,224), RGB in 0..1, to landmarks."""
        return self.landmarks(self.features(crops))


def load_network(path: Path = WEIGHTS) -> LandmarkBackbone:
    """Return the network with its weights, which are stored in float16, in float32.

    Raises:
        InputError: If the file cannot be read or holds another network.
    """
    return load_into(LandmarkBackbone(), read_checkpoint(path)).eval()
