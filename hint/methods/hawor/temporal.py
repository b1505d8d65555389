"""Attention over the frames of a window.

Source: Zhang et al. 2025 (HaWoR), section 3.2; keys as in the released weights.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

#: Heads of every layer; not visible in the shapes of the weights.
HEADS = 4

#: Frames the released position embedding has rows for.
_MOST_FRAMES = 100


class FramePositions(nn.Module):
    """What a frame's place in the window is told by: stored sines and cosines."""

    pe: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.register_buffer("pe", waves(width)[:, None])

    def forward(self, x: Tensor) -> Tensor:
        """Add it to sequences (N,T,width)."""
        return x + self.pe[: x.shape[1], 0]


class TemporalAttention(nn.Module):
    """Post-norm transformer layers along a window, narrower than what goes in and out.

    Args:
        inputs: Channels in.
        outputs: Channels out.
        width: Channels within.
        depth: Layers.
        hidden: Channels of the layers' two-layer networks.
    """

    def __init__(self, inputs: int, outputs: int, width: int, depth: int, hidden: int = 1024) -> None:
        super().__init__()
        self.l1 = nn.Linear(inputs, width)
        self.l2 = nn.Linear(width, outputs)
        self.pos_embedding = FramePositions(width)
        layer = nn.TransformerEncoderLayer(width, HEADS, hidden, activation="gelu", batch_first=True)
        self.trans = nn.TransformerEncoder(layer, depth, enable_nested_tensor=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map sequences (N,T,inputs) to (N,T,outputs)."""
        mixed: Tensor = self.l2(self.trans(self.pos_embedding(self.l1(x))))
        return mixed


def waves(width: int) -> Tensor:
    """Return sines and cosines (100,width) by turns, ever slower.

    Source: Vaswani et al. 2017, section 3.5.
    """
    speed = 10000.0 ** (-torch.arange(0, width, 2) / width)
    angle = torch.arange(_MOST_FRAMES)[:, None] * speed
    return torch.stack([angle.sin(), angle.cos()], 2).flatten(1)
