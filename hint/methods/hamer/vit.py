"""The image encoder: a ViT without class token on a tall crop.

Source: Dosovitskiy et al. 2021; Xu et al. 2022 (ViTPose) for the padded patches and the shared position row.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from hint.methods.hamer.block import Block
from hint.methods.hamer.config import VitSizes

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

    def __init__(self, sizes: VitSizes) -> None:
        super().__init__()
        self.patch_embed = PatchEmbed(sizes.width)
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + _patches(sizes.crop_size), sizes.width))
        self.blocks = nn.ModuleList(Block(sizes.width, sizes.heads, sizes.mlp_width) for _ in range(sizes.depth))
        self.last_norm = nn.LayerNorm(sizes.width, eps=1e-6)
        #: Whether training keeps only the input of each block, and computes the rest again in the backward pass.
        self.gradient_checkpointing = False

    def forward(self, images: Tensor) -> Tensor:
        """Map (N,3,256,192) to tokens (N,192,width)."""
        return self.mix(self.embed(images))

    def embed(self, images: Tensor) -> Tensor:
        """Turn (N,3,256,192) into tokens (N,192,width) that know their place."""
        # The row of the class token, which there is none of, is added everywhere: so the weights were trained.
        tokens: Tensor = self.patch_embed(images) + self.pos_embed[:, 1:] + self.pos_embed[:, :1]
        return tokens

    def mix(self, tokens: Tensor) -> Tensor:
        """Pass any tokens (N,T,width) through the blocks and the last norm."""
        again = self.gradient_checkpointing and torch.is_grad_enabled()
        for block in self.blocks:
            tokens = checkpoint(block, tokens, use_reentrant=False) if again else block(tokens)
        normed: Tensor = self.last_norm(tokens)
        return normed


def middle_columns(crops: Tensor) -> Tensor:
    """Return what the encoder sees of square crops (N,3,S,S): the middle three quarters of their columns."""
    side = crops.shape[-1]
    return crops[..., side // 8 : side * 7 // 8]


def _patches(crop_size: int) -> int:
    rows = crop_size // PATCH
    return rows * (crop_size * 3 // 4 // PATCH)
