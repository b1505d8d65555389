"""An average of the weights over the last steps, which is often better than the last weights."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Average:
    """Exponential moving average of a network's weights; numbers that are no floats are copied.

    Args:
        network: The network, at its first weights.
        decay: Share that stays at a step; less at first, so that the first weights are soon forgotten.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay = decay
        self.state = {key: value.detach().clone() for key, value in network.state_dict().items()}

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        """Take in the weights after a step, the first being 0."""
        share = 1 - min(self.decay, (1 + step) / (10 + step))
        for key, value in network.state_dict().items():
            mine = self.state[key]
            if mine.is_floating_point():
                mine.lerp_(value, share)
            else:
                mine.copy_(value)

    def load(self, state: dict[str, Tensor]) -> None:
        """Go on from an average that was kept."""
        for key, value in self.state.items():
            value.copy_(state[key])
