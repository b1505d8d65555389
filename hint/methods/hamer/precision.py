"""Numbers of fewer bits: faster, and by how much the keypoints move is measured in ``perf/vit_precision.py``."""

from __future__ import annotations

import torch

from hint.errors import InputError, UnknownNameError
from hint.methods.hamer.network import Hamer

#: Name -> whether it needs a GPU.
PRECISIONS = {"fp32": False, "bf16": False, "bf16-autocast": False, "tf32": True, "fp16": True}


def check_precision(name: str, device: torch.device) -> None:
    """Refuse a precision the network or the device does not have."""
    if name not in PRECISIONS:
        raise UnknownNameError("precision", name, PRECISIONS)
    if PRECISIONS[name] and device.type != "cuda":
        usual = ", ".join(other for other, needs_gpu in PRECISIONS.items() if not needs_gpu)
        raise InputError(f"precision {name} needs a GPU; on the CPU there are {usual}")


def set_precision(network: Hamer, name: str) -> None:
    """Make the backbone compute in a precision of :data:`PRECISIONS`."""
    if name in ("bf16", "fp16"):
        network.backbone.to(torch.bfloat16 if name == "bf16" else torch.float16)
    network.autocast = torch.bfloat16 if name == "bf16-autocast" else None
