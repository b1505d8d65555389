"""A block of a vision transformer, as timm has it: importing timm for it would double the time to start.

Source: Dosovitskiy et al. 2021; keys and arithmetic are those of timm's ``Block``.
"""

from __future__ import annotations

import torch.nn.functional as F  # noqa: N812 - its name in the field
from torch import Tensor, nn


class Attention(nn.Module):
    """Attention of all tokens to all."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Map (N,T,width) to (N,T,width)."""
        n, t, width = tokens.shape
        query, key, value = self.qkv(tokens).reshape(n, t, 3, self.heads, -1).permute(2, 0, 3, 1, 4).unbind(0)
        mixed = F.scaled_dot_product_attention(query, key, value)
        out: Tensor = self.proj(mixed.transpose(1, 2).reshape(n, t, width))
        return out


class Mlp(nn.Module):
    """Two layers for each token alone."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.act = nn.GELU()
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Map (N,T,width) to (N,T,width)."""
        out: Tensor = self.fc2(self.act(self.fc1(tokens)))
        return out


class Block(nn.Module):
    """Attention, then two layers per token, each added to what came in; training puts drop paths in."""

    def __init__(self, width: int, heads: int, mlp_width: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.attn = Attention(width, heads)
        self.drop_path1: nn.Module = nn.Identity()
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = Mlp(width, mlp_width)
        self.drop_path2: nn.Module = nn.Identity()

    def forward(self, tokens: Tensor) -> Tensor:
        """Map (N,T,width) to (N,T,width)."""
        tokens = tokens + self.drop_path1(self.attn(self.norm1(tokens)))
        out: Tensor = tokens + self.drop_path2(self.mlp(self.norm2(tokens)))
        return out
