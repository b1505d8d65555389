"""The graph convolution of Mesh Graphormer: every vertex mixes with its neighbours on the mesh.

Source: Lin, Wang, Liu 2021 (Mesh Graphormer), section 3.3; Kipf and Welling 2017 for the convolution.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 - its name in the field
from torch import Tensor, nn


class ChannelMap(nn.Module):
    """A linear map of channels, under the names the released weights have for it."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.W = nn.Parameter(torch.zeros(outputs, inputs))
        self.b = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Tensor) -> Tensor:
        """Map (N,V,inputs) to (N,V,outputs)."""
        return F.linear(x, self.W, self.b)


class GraphConvolution(nn.Module):
    """A linear map of channels, then the mean over each vertex and its neighbours."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(width, width))
        self.bias = nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor, adjacency: Tensor) -> Tensor:
        """Map (N,V,C) to (N,V,C); the weight is multiplied from the right, unlike a linear layer's."""
        return adjacency @ (x @ self.weight) + self.bias


class GraphBlock(nn.Module):
    """A bottleneck around the convolution, added to its input; ``skip_conv`` of the released weights is not used."""

    def __init__(self, width: int, epsilon: float) -> None:
        super().__init__()
        self.pre_norm = nn.LayerNorm(width, eps=epsilon)
        self.lin1 = ChannelMap(width, width // 2)
        self.norm1 = nn.LayerNorm(width // 2, eps=epsilon)
        self.conv = GraphConvolution(width // 2)
        self.norm2 = nn.LayerNorm(width // 2, eps=epsilon)
        self.lin2 = ChannelMap(width // 2, width)

    def forward(self, x: Tensor, adjacency: Tensor) -> Tensor:
        """Map vertices (N,V,C) to (N,V,C).

        Args:
            x: The vertices.
            adjacency: (V,V), rows sum to 1, every vertex its own neighbour.
        """
        y = self.lin1(F.relu(self.pre_norm(x)))
        y = self.conv(F.relu(self.norm1(y)), adjacency)
        out: Tensor = x + self.lin2(F.relu(self.norm2(y)))
        return out
