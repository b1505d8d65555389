"""The transformer blocks: BERT layers over the points of a hand, between two linear maps; keys as in the weights.

Source: Lin, Wang, Liu 2021 (METRO), section 3; Devlin et al. 2019 (BERT) for the layers, normed after their sums.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 - its name in the field
from torch import Tensor, nn

from hint.methods.vertex_transformers.graph import GraphBlock
from hint.methods.vertex_transformers.sizes import N_JOINTS, N_POINTS, Sizes

EPSILON = 1e-12


class SelfAttention(nn.Module):
    """Queries, keys and values, head by head."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        """Mix the tokens (N,T,C)."""
        query, key, value = (self._split(part(x)) for part in (self.query, self.key, self.value))
        return F.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)

    def _split(self, x: Tensor) -> Tensor:
        return x.reshape(*x.shape[:2], self.heads, -1).transpose(1, 2)


class Output(nn.Module):
    """The end of a branch: a linear map, then the norm of its sum with the branch's start."""

    def __init__(self, inner: int, width: int) -> None:
        super().__init__()
        self.dense = nn.Linear(inner, width)
        self.LayerNorm = nn.LayerNorm(width, eps=EPSILON)

    def forward(self, x: Tensor, start: Tensor) -> Tensor:
        """Map (N,T,inner) and (N,T,C) to (N,T,C)."""
        out: Tensor = self.LayerNorm(self.dense(x) + start)
        return out


class Attention(nn.Module):
    """The first branch of a layer."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        # The name is that of the released weights.
        self.add_module("self", SelfAttention(width, heads))
        self.output = Output(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N,T,C) to (N,T,C)."""
        out: Tensor = self.output(self.get_submodule("self")(x), x)
        return out


class Intermediate(nn.Module):
    """The widening half of the second branch."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.dense = nn.Linear(width, inner)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N,T,C) to (N,T,inner)."""
        return F.gelu(self.dense(x))


class Layer(nn.Module):
    """Attention, a graph convolution in Mesh Graphormer's last block, and a feed-forward branch."""

    def __init__(self, width: int, heads: int, expansion: int, is_graph: bool) -> None:
        super().__init__()
        self.attention = Attention(width, heads)
        self.graph_conv = GraphBlock(width, EPSILON) if is_graph else None
        self.intermediate = Intermediate(width, expansion * width)
        self.output = Output(expansion * width, width)

    def forward(self, x: Tensor, adjacency: Tensor | None) -> Tensor:
        """Map tokens (N,T,C) to (N,T,C); only those of vertices take part in the graph."""
        x = self.attention(x)
        if self.graph_conv is not None:
            joints, vertices, cells = x.tensor_split((N_JOINTS, N_POINTS), 1)
            x = torch.cat([joints, self.graph_conv(vertices, adjacency), cells], 1)
        out: Tensor = self.output(self.intermediate(x), x)
        return out


class Layers(nn.Module):
    """The layers of a block."""

    def __init__(self, sizes: Sizes, width: int, is_graph: bool) -> None:
        super().__init__()
        make = (Layer(width, sizes.heads, sizes.expansion, is_graph) for _ in range(sizes.layers))
        self.layer = nn.ModuleList(make)

    def forward(self, x: Tensor, adjacency: Tensor | None) -> Tensor:
        """Map (N,T,C) to (N,T,C)."""
        for layer in self.layer:
            x = layer(x, adjacency)
        return x


class Bert(nn.Module):
    """Tokens on their way in: a linear map, their positions, the layers; the embeddings of words are left out."""

    def __init__(self, sizes: Sizes, block: int) -> None:
        super().__init__()
        width = sizes.hidden[block]
        self.img_embedding = nn.Linear(sizes.inputs[block], width)
        self.position_embeddings = nn.Embedding(sizes.positions, width)
        self.encoder = Layers(sizes, width, sizes.is_graph and block == len(sizes.hidden) - 1)

    def forward(self, x: Tensor, adjacency: Tensor | None) -> Tensor:
        """Map (N,T,inputs) to (N,T,hidden)."""
        embedded = self.img_embedding(x) + self.position_embeddings.weight[: x.shape[1]]
        out: Tensor = self.encoder(embedded, adjacency)
        return out


class Block(nn.Module):
    """One of the blocks that make tokens narrower, down to points."""

    def __init__(self, sizes: Sizes, block: int) -> None:
        super().__init__()
        self.bert = Bert(sizes, block)
        self.cls_head = nn.Linear(sizes.hidden[block], sizes.outputs[block])
        self.residual = nn.Linear(sizes.inputs[block], sizes.outputs[block])

    def forward(self, x: Tensor, adjacency: Tensor | None) -> Tensor:
        """Map (N,T,inputs) to (N,T,outputs)."""
        out: Tensor = self.cls_head(self.bert(x, adjacency)) + self.residual(x)
        return out
