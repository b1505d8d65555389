"""Random numbers in place of trained weights, for trying things out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from fnmatch import fnmatchcase

import torch
from torch import nn


@torch.no_grad()
def draw_weights(network: nn.Module, seed: int, gains: Mapping[str, float] | None = None) -> None:
    """Fill a network with random numbers that keep what passes through it at about the same size.

    Args:
        network: Its parameters are overwritten; biases become zero, scales of norms one.
        seed: The same seed gives the same numbers.
        gains: Patterns of parameter names -> how much larger than usual they are; the first that fits counts.
    """
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in network.named_parameters():
        if parameter.ndim < 2:
            parameter.fill_(1.0 if name.endswith("weight") else 0.0)
            continue
        gain = next((g for pattern, g in (gains or {}).items() if fnmatchcase(name, pattern)), 1.0)
        parameter.normal_(0, gain / math.sqrt(math.prod(parameter.shape[1:])), generator=generator)
