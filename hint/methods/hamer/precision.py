"""Lower precision and compiled kernels: faster; ``perf/`` measures how far the keypoints move."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import nn

#: Name -> whether it needs a GPU.
PRECISIONS = {"fp32": False, "bf16": False, "bf16-autocast": False, "tf32": True, "fp16": True}


class Network(Protocol):
    """A network whose costly part may compute in a lower precision."""

    autocast: torch.dtype | None

    @property
    def costly(self) -> nn.ModuleList:
        """The part that does nearly all the work."""
        ...


def set_precision(network: Network, name: str) -> None:
    """Make the costly part compute in a precision of :data:`PRECISIONS`."""
    if name in ("bf16", "fp16"):
        network.costly.to(torch.bfloat16 if name == "bf16" else torch.float16)
    network.autocast = torch.bfloat16 if name == "bf16-autocast" else None


def set_compiled(network: Network) -> None:
    """Let the costly part run compiled: slower at the first batch of each size, until PyTorch has its kernels on disk.

    The blocks of a transformer are alike and share what is compiled.
    """
    costly = network.costly
    lists = [part for part in costly.modules() if isinstance(part, nn.ModuleList) and part is not costly]
    for part in [block for blocks in lists for block in blocks] or costly:
        part.compile(dynamic=False)
