"""The two transformers: one puts features of the hand where it is hidden (FIT), one refines the result (SET).

Source: Park et al. 2022 (HandOccNet), sections 3.2 and 3.3.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F  # noqa: N812 - its name in the field
from timm.layers import Mlp
from torch import Tensor, nn

from hint.methods.handoccnet.backbone import MAP_SIZE

HEADS = 4
DEPTH = 2


class Layer(nn.Module):
    """Attention over the places of a map; its keys are those of the released weights.

    Args:
        width: Channels.
        injects: Whether what is attended to replaces the query, weighed by how well the two fit together at all, or is
            added to it.
    """

    def __init__(self, width: int, injects: bool) -> None:
        super().__init__()
        self.injects = injects
        for name in ("value", "query", "key", *(("query2", "key2") if injects else ())):
            setattr(self, f"encode_{name}", nn.Conv2d(width, width, 1))
        self.norm2 = nn.LayerNorm(width)
        self.mlp = Mlp(width, 4 * width)
        self.q_embedding = nn.Parameter(torch.zeros(1, width, MAP_SIZE, MAP_SIZE))
        self.k_embedding = nn.Parameter(torch.zeros(1, width, MAP_SIZE, MAP_SIZE))

    def forward(self, query: Tensor, key: Tensor) -> Tensor:
        """Attend from every place of the query (N,C,32,32) to every place of the key."""
        placed = query + self.q_embedding, key + self.k_embedding
        q, k = self._heads("query", placed[0]), self._heads("key", placed[1])
        attended = F.scaled_dot_product_attention(q, k, self._heads("value", key))
        x = _joined(attended * self._fit(*placed)) if self.injects else query.flatten(2).mT + _joined(attended)
        out: Tensor = x + self.mlp(self.norm2(x))
        return out.mT.reshape(query.shape)

    def _heads(self, name: str, x: Tensor) -> Tensor:
        """Encode a map and part its channels: (N,C,H,W) to (N,heads,H*W,C/heads)."""
        encoded: Tensor = getattr(self, f"encode_{name}")(x)
        return encoded.reshape(len(x), HEADS, -1, x.shape[2] * x.shape[3]).mT

    def _fit(self, query: Tensor, key: Tensor) -> Tensor:
        """Return how well each place fits to all others together (N,heads,H*W,1), 0 to 1."""
        q, k = self._heads("query2", query), self._heads("key2", key)
        # The sum over all keys of q . k is q . (sum of k): no table of all pairs is needed.
        agreement = (q * k.sum(2, keepdim=True)).sum(-1, keepdim=True)
        return torch.sigmoid(agreement / math.sqrt(q.shape[-1]))


def _joined(heads: Tensor) -> Tensor:
    """Join heads (N,heads,T,C/heads) to tokens (N,T,C)."""
    return heads.transpose(1, 2).flatten(2)


class Injection(nn.Module):
    """The feature injecting transformer."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Layer(width, injects=True) for _ in range(DEPTH))
        wide = nn.Conv2d(2 * width, width, 3, padding=1)
        self.conv1 = nn.Sequential(wide, nn.ReLU(), nn.Conv2d(width, width, 3, padding=1))
        self.conv2 = nn.Sequential(nn.Conv2d(2 * width, width, 1))

    def forward(self, secondary: Tensor, primary: Tensor) -> Tensor:
        """Put features of the hand (N,C,32,32) where the others (N,C,32,32) need them."""
        x = secondary
        for layer in self.layers:
            x = layer(x, primary)
        both = torch.cat([primary, x], 1)
        out: Tensor = self.conv1(both) + self.conv2(both)
        return out


class Enhancement(nn.Module):
    """The self-enhancing transformer: every layer asks the same features it was given."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Layer(width, injects=False) for _ in range(DEPTH))

    def forward(self, features: Tensor) -> Tensor:
        """Map (N,C,32,32) to (N,C,32,32)."""
        x = features
        for layer in self.layers:
            x = layer(x, features)
        return x
