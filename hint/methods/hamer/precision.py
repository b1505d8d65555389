"""Lower precision: faster; ``perf/vit_precision.py`` measures how far the keypoints move."""

from __future__ import annotations

import torch

from hint.methods.hamer.network import Hamer

#: Name -> whether it needs a GPU.
PRECISIONS = {"fp32": False, "bf16": False, "bf16-autocast": False, "tf32": True, "fp16": True}


def set_precision(network: Hamer, name: str) -> None:
    """Make the backbone compute in a precision of :data:`PRECISIONS`."""
    if name in ("bf16", "fp16"):
        network.backbone.to(torch.bfloat16 if name == "bf16" else torch.float16)
    network.autocast = torch.bfloat16 if name == "bf16-autocast" else None
