"""The head: one query that attends to the image tokens and becomes pose, shape and camera.

Source: Pavlakos et al. 2024 (HaMeR), section 3; Goel et al. 2023 (HMR 2.0) for the decoder.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812 - its name in the field
from torch import Tensor, nn

from hint.methods.hamer.config import HamerConfig

#: 6D rotations of 16 joints.
POSE = 16 * 6


class HandNumbers(NamedTuple):
    """A hand as networks write it: pose (N,96), 6D rotations; betas (N,10); cam (N,3) = (scale, x, y)."""

    pose: Tensor
    betas: Tensor
    cam: Tensor


class Attention(nn.Module):
    """What self- and cross-attention share."""

    def __init__(self, config: HamerConfig) -> None:
        super().__init__()
        self.heads = config.decoder_heads
        self.inner = config.decoder_heads * config.decoder_head_width
        self.to_out = nn.Sequential(nn.Linear(self.inner, config.decoder_width))

    def attend(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Attend head by head: (N,T,inner), (N,S,inner), (N,S,inner) to (N,T,decoder_width)."""
        mixed = F.scaled_dot_product_attention(self.split(query), self.split(key), self.split(value))
        out: Tensor = self.to_out(mixed.transpose(1, 2).flatten(2))
        return out

    def split(self, x: Tensor) -> Tensor:
        """Split the heads: (N,T,inner) to (N,heads,T,head width)."""
        return x.reshape(*x.shape[:2], self.heads, -1).transpose(1, 2)


class SelfAttention(Attention):
    """Attention of the query with itself."""

    def __init__(self, config: HamerConfig) -> None:
        super().__init__(config)
        self.to_qkv = nn.Linear(config.decoder_width, 3 * self.inner, bias=False)

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        """Mix the tokens of x (N,T,C); the context is ignored."""
        del context
        return self.attend(*self.to_qkv(x).chunk(3, -1))


class CrossAttention(Attention):
    """Attention of the query with the image tokens."""

    def __init__(self, config: HamerConfig) -> None:
        super().__init__(config)
        self.to_q = nn.Linear(config.decoder_width, self.inner, bias=False)
        self.to_kv = nn.Linear(config.width, 2 * self.inner, bias=False)

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        """Attend from x (N,T,C) to the context (N,S,width)."""
        return self.attend(self.to_q(x), *self.to_kv(context).chunk(2, -1))


class FeedForward(nn.Module):
    """Two layers on every token; the gaps in the numbering are dropouts, used in training only."""

    def __init__(self, config: HamerConfig) -> None:
        super().__init__()
        wide = nn.Linear(config.decoder_width, config.decoder_mlp_width)
        narrow = nn.Linear(config.decoder_mlp_width, config.decoder_width)
        self.net = nn.Sequential(wide, nn.GELU(), nn.Identity(), narrow)

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        """Map (N,T,C) to (N,T,C); the context is ignored."""
        del context
        out: Tensor = self.net(x)
        return out


class PreNorm(nn.Module):
    """A normed branch to be added to its input."""

    def __init__(self, width: int, fn: nn.Module) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.fn = fn

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        """Map (N,T,C) to (N,T,C)."""
        out: Tensor = self.fn(self.norm(x), context)
        return out


class Layers(nn.Module):
    """Self-attention, cross-attention and feed-forward, several times."""

    def __init__(self, config: HamerConfig) -> None:
        super().__init__()
        parts = (SelfAttention, CrossAttention, FeedForward)
        self.layers = nn.ModuleList(
            nn.ModuleList(PreNorm(config.decoder_width, part(config)) for part in parts)
            for _ in range(config.decoder_depth)
        )

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        """Map (N,T,C) to (N,T,C), attending to the context (N,S,width)."""
        for layer in self.layers:
            for branch in layer:  # type: ignore[attr-defined]  # a ModuleList, which mypy sees as a Module
                x = x + branch(x, context)
        return x


class Decoder(nn.Module):
    """One query token, which starts from nothing but its position."""

    def __init__(self, config: HamerConfig) -> None:
        super().__init__()
        self.to_token_embedding = nn.Linear(1, config.decoder_width)
        self.pos_embedding = nn.Parameter(torch.zeros(1, 1, config.decoder_width))
        self.transformer = Layers(config)

    def forward(self, context: Tensor) -> Tensor:
        """Map image tokens (N,S,width) to one token (N,1,decoder_width)."""
        query = self.to_token_embedding(context.new_zeros(len(context), 1, 1)) + self.pos_embedding
        out: Tensor = self.transformer(query, context)
        return out


class ManoHead(nn.Module):
    """Regress offsets from the mean pose, shape and camera; keys as in the released weights."""

    init_hand_pose: Tensor
    init_betas: Tensor
    init_cam: Tensor

    def __init__(self, config: HamerConfig) -> None:
        super().__init__()
        self.transformer = Decoder(config)
        self.decpose = nn.Linear(config.decoder_width, POSE)
        self.decshape = nn.Linear(config.decoder_width, 10)
        self.deccam = nn.Linear(config.decoder_width, 3)
        for name, size in (("hand_pose", POSE), ("betas", 10), ("cam", 3)):
            self.register_buffer(f"init_{name}", torch.zeros(1, size))

    def forward(self, context: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Map image tokens to rotations (N,16,3,3), shape (N,10) and camera (N,3) = (scale, x, y)."""
        hand = self.read(context)
        return rot6d_to_matrix(hand.pose), hand.betas, hand.cam

    def read(self, context: Tensor) -> HandNumbers:
        """Map image tokens (N,S,width) to a hand."""
        token = self.transformer(context)[:, 0]
        return HandNumbers(
            self.decpose(token) + self.init_hand_pose,
            self.decshape(token) + self.init_betas,
            self.deccam(token) + self.init_cam,
        )


def rot6d_to_matrix(rot6d: Tensor) -> Tensor:
    """Turn 6D rotations into matrices: three numbers for the first column, three for the second.

    Args:
        rot6d: (N,6*J).

    Returns:
        (N,J,3,3).

    Source: Zhou et al. 2019, section B.
    """
    a, b = rot6d.reshape(len(rot6d), -1, 2, 3).unbind(-2)
    x = F.normalize(a, dim=-1)
    y = F.normalize(b - (x * b).sum(-1, keepdim=True) * x, dim=-1)
    return torch.stack([x, y, torch.linalg.cross(x, y)], -1)
