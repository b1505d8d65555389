"""The image encoder: a ViT without class token on a tall crop.

Source: Dosovitskiy et al. 2021; Xu et al. 2022 (ViTPose) for the padded patches and the shared position row.
"""

from __future__ import annotations

from functools import partial

import torch
from timm.models.vision_transformer import Block
from torch import Tensor, nn

from hint.methods.hamer.config import HamerConfig

PATCH = 16


class PatchEmbed(nn.Module):
    """Turn 16 px patches into tokens; two px of padding, as the backbone was trained."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, width, PATCH, stride=PATCH, padding=2)

    def forward(self, images: Tensor) -> Tensor:
        """Map (N,3,256,192) to (N,192,width)."""
        tokens: Tensor = self.proj(images)
        return tokens.flatten(2).transpose(1, 2)


class VisionTransformer(nn.Module):
    """HaMeR's backbone; keys as in the released weights; a crop of 256 px has 16 x 12 patches."""

    def __init__(self, config: HamerConfig) -> None:
        super().__init__()
        norm = partial(nn.LayerNorm, eps=1e-6)
        ratio = config.mlp_width / config.width
        self.patch_embed = PatchEmbed(config.width)
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + _patches(config.crop_size), config.width))
        self.blocks = nn.ModuleList(
            Block(config.width, config.heads, ratio, qkv_bias=True, norm_layer=norm) for _ in range(config.depth)
        )
        self.last_norm = norm(config.width)

    def forward(self, images: Tensor) -> Tensor:
        """Map (N,3,256,192) to tokens (N,192,width)."""
        # The row of the class token, which there is none of, is added everywhere: so the weights were trained.
        tokens: Tensor = self.patch_embed(images) + self.pos_embed[:, 1:] + self.pos_embed[:, :1]
        for block in self.blocks:
            tokens = block(tokens)
        normed: Tensor = self.last_norm(tokens)
        return normed


def _patches(crop_size: int) -> int:
    rows = crop_size // PATCH
    return rows * (crop_size * 3 // 4 // PATCH)
