"""ViTPose for whole bodies, which MMPose 1.3 has no config of: its config for 17 joints, widened to 133.

The encoder is HaMeR's, which began as ViTPose's; MMPose's own needs another package.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from hint.methods.hamer.config import VitSizes
from hint.methods.hamer.vit import PATCH, VisionTransformer

#: COCO-WholeBody's, as MMPose's configs for whole bodies name them.
_KEYPOINTS = 133
_METAINFO = {"from_file": "configs/_base_/datasets/coco_wholebody.py"}

#: Parts of keys that ViTPose+ has for its other tasks.
_OTHER_TASKS = (".mlp.experts.", "associate_keypoint_heads.")


class Encoder(VisionTransformer):
    """The ViT as MMPose asks for it: a tuple of feature maps."""

    def forward(self, images: Tensor) -> tuple[Tensor]:  # type: ignore[override]  # not tokens
        """Map (N,3,256,192) to one map (N,width,16,12)."""
        tokens = super().forward(images).transpose(1, 2)
        return (tokens.reshape(*tokens.shape[:2], images.shape[2] // PATCH, -1),)


def widen(config: Any, sizes: VitSizes) -> None:
    """Turn MMPose's config of ViTPose for 17 joints into one for whole bodies."""
    config.model.backbone = {"type": Encoder, "sizes": sizes}
    config.model.head.in_channels = sizes.width
    config.model.head.out_channels = _KEYPOINTS
    for loader in (config.train_dataloader, config.test_dataloader):
        loader.dataset.metainfo = _METAINFO


def own_weights(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return weights without those for other tasks."""
    return {key: value for key, value in state.items() if not any(part in key for part in _OTHER_TASKS)}
