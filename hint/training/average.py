"""Averaged weights, which are often better than the last ones."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Average:
    """Exponential moving average of a network's weights; integer buffers are copied.

    Args:
        network: The network with its initial weights.
        decay: Share of the average that is kept at each step; smaller at first, to forget the initial weights soon.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay = decay
        self.state = {key: value.detach().clone() for key, value in network.state_dict().items()}

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        """Include the weights after a step; the first step is 0."""
        share = 1 - min(self.decay, (1 + step) / (10 + step))
        for key, value in network.state_dict().items():
            mine = self.state[key]
            if mine.is_floating_point():
                mine.lerp_(value, share)
            else:
                mine.copy_(value)

    def load(self, state: dict[str, Tensor]) -> None:
        """Restore a saved average."""
        for key, value in self.state.items():
            value.copy_(state[key])
