"""The network: a crop in, camera, pose and shape out.

Source: Rong et al. 2021 (FrankMocap), section 3.1; Kanazawa et al. 2018 (HMR) for the regression in steps.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 - its name in the field
from timm.models.resnet import Bottleneck, ResNet
from torch import Tensor, nn

#: Numbers that are regressed: weak camera (scale, x, y), rotations of wrist and 15 finger joints, shape.
CAM, POSE, BETAS = 3, 48, 10
N_PARAMS = CAM + POSE + BETAS

#: How often the answer is improved.
STEPS = 3


@dataclass(frozen=True)
class EncoderConfig:
    """Sizes; the defaults are the released ones.

    Attributes:
        blocks: Residual blocks of each stage.
        channels: Inner width of each stage, a quarter of its outer one.
        features: Width of the input of the regression.
    """

    blocks: tuple[int, ...] = (3, 4, 6, 3)
    channels: tuple[int, ...] = (64, 128, 256, 512)
    features: int = 1024


class MainEncoder(ResNet):  # type: ignore[misc]  # timm has no types
    """ResNet-50 with a linear layer of its own."""

    def __init__(self, config: EncoderConfig) -> None:
        stem = config.channels[0]
        super().__init__(Bottleneck, config.blocks, num_classes=0, stem_width=stem, channels=config.channels)
        self.fc1 = nn.Linear(4 * config.channels[-1], config.features)

    def forward(self, crops: Tensor) -> Tensor:
        """Map normalised crops (N,3,224,224) to features (N,F)."""
        pooled = self.forward_features(crops).mean((2, 3))
        return F.relu(self.fc1(F.relu(pooled)))


class Encoder(nn.Module):
    """The regression; keys as in the released weights, whose first ``feat_encoder`` is a ReLU without numbers."""

    def __init__(self, config: EncoderConfig | None = None) -> None:
        super().__init__()
        config = config or EncoderConfig()
        relu = nn.ReLU()
        self.main_encoder = MainEncoder(config)
        self.feat_encoder = nn.Sequential(relu, nn.Linear(config.features, config.features), relu)
        self.regressor = nn.Sequential(nn.Linear(config.features + N_PARAMS, N_PARAMS))

    def forward(self, crops: Tensor, start: Tensor) -> Tensor:
        """Improve a first answer.

        Args:
            crops: (N,3,224,224) as :func:`normalise` makes them.
            start: (61,) where the regression starts.

        Returns:
            (N,61) camera, axis-angle pose in radians without the mean pose of the hand, and shape.
        """
        features = self.feat_encoder(self.main_encoder(crops))
        params = start.expand(len(crops), -1)
        for _ in range(STEPS):
            params = params + self.regressor(torch.cat([features, params], 1))
        return params


def normalise(crops: Tensor) -> Tensor:
    """Turn RGB crops (N,S,S,3) in 0..255 into network input (N,3,S,S): BGR, as the network was trained, in -1..1."""
    return (crops.flip(-1) / 255 - 0.5).permute(0, 3, 1, 2) / 0.5
