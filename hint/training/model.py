"""The trained model: network and discriminator, and their keys in a checkpoint."""

from __future__ import annotations

import numpy as np
import torch
from timm.layers import DropPath
from torch import Tensor, nn

from hint.methods.hamer.config import VIT, HamerConfig
from hint.methods.hamer.load import upright_hand
from hint.methods.hamer.network import Hamer
from hint.training.discriminator import Discriminator

#: Prefix of the discriminator's keys in a checkpoint; those of the network have none.
DISCRIMINATOR = "discriminator."

#: An unused flag that the official class keeps among its weights.
_FLAG = "initialized"


class TrainingModel(nn.Module):
    """Network and discriminator."""

    def __init__(self, config: HamerConfig, drop_path: float = 0.0) -> None:
        super().__init__()
        self.network = Hamer(config)
        self.discriminator = Discriminator()
        _initialise(self.network)
        if config.backbone == VIT:
            _drop_paths(self.network.backbone.blocks, drop_path)  # type: ignore[arg-type]  # which mypy cannot see

    def official_state(self) -> dict[str, Tensor]:
        """Return the weights under the keys of the released file, without MANO's arrays."""
        return official_state(self.network.state_dict(), self.discriminator.state_dict())


def official_state(network: dict[str, Tensor], discriminator: dict[str, Tensor]) -> dict[str, Tensor]:
    """Join the weights of both under the keys of the released file."""
    scored = {DISCRIMINATOR + key: value for key, value in discriminator.items()}
    return {_FLAG: torch.tensor(True), **network, **scored}


def _initialise(network: Hamer) -> None:
    """Draw the initial weights as the released code does, which leaves some layers to PyTorch.

    The mean parameters are an upright hand in the middle of the crop, unless others are read.
    """
    if network.config.backbone == VIT:
        for module in network.backbone.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                nn.init.zeros_(module.bias)
    nn.init.trunc_normal_(network.backbone.pos_embed, std=0.02)
    nn.init.normal_(network.mano_head.transformer.pos_embedding)
    head = network.mano_head
    head.init_hand_pose, head.init_cam = upright_hand()


def _drop_paths(blocks: nn.ModuleList, last: float) -> None:
    """Set stochastic depth: a rate that rises from 0 in the first block to ``last`` in the last.

    Source: Huang et al. 2016; Xu et al. 2022 (ViTPose) for the rate.
    """
    for block, share in zip(blocks, np.linspace(0, last, len(blocks)).tolist(), strict=True):
        block.drop_path1, block.drop_path2 = DropPath(share), DropPath(share)
