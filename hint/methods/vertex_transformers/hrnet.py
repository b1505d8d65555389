"""HRNet with the classification head it was pre-trained with, as timm has it; keys as in the released weights.

Source: Wang et al. 2020 (HRNet), image classification.
"""

from __future__ import annotations

from typing import Any

from timm.models.hrnet import HighResolutionNet
from torch import Tensor, nn

from hint.methods.vertex_transformers.sizes import HRNetSizes


def hrnet(sizes: HRNetSizes) -> nn.Module:
    """Make the trunk, without the classifier, whose weights the released files contain."""
    stages = {f"stage{k + 2}": _stage(sizes, k + 2, sizes.modules[k]) for k in range(3)}
    first = _settings("BOTTLENECK", 1, (sizes.first_blocks,), (sizes.planes,))
    network: nn.Module = HighResolutionNet({"stem_width": 64, "stage1": first, **stages}, num_classes=0)
    return network


def _stage(sizes: HRNetSizes, branches: int, modules: int) -> dict[str, Any]:
    return _settings("BASIC", modules, (sizes.blocks,) * branches, sizes.channels[:branches])


def _settings(block: str, modules: int, blocks: tuple[int, ...], channels: tuple[int, ...]) -> dict[str, Any]:
    return {
        "num_modules": modules,
        "num_branches": len(channels),
        "block_type": block,
        "num_blocks": blocks,
        "num_channels": channels,
        "fuse_method": "SUM",
    }


def describe(trunk: Any, images: Tensor) -> tuple[Tensor, Tensor]:
    """Describe pictures as a whole and cell by cell.

    Args:
        trunk: What :func:`hrnet` made.
        images: (N,3,224,224), ImageNet mean 0 and deviation 1.

    Returns:
        Features (N,2048), and the map they are made of (N,1024,7,7).
    """
    x = trunk.act1(trunk.bn1(trunk.conv1(images)))
    x = trunk.act2(trunk.bn2(trunk.conv2(x)))
    branches = [widen(branch) for widen, branch in zip(trunk.incre_modules, trunk.stages(x), strict=True)]
    cells = branches[0]
    for shrink, branch in zip(trunk.downsamp_modules, branches[1:], strict=True):
        cells = branch + shrink(cells)
    return trunk.final_layer(cells).mean((2, 3)), cells
