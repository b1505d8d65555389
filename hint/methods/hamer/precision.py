"""Numbers of fewer bits: faster, and by how much the keypoints move is measured in ``benchmarks/vit_precision.py``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from hint.errors import InputError, MissingRequirementError, UnknownNameError
from hint.methods.hamer.network import Hamer

#: Name -> whether it needs a GPU.
PRECISIONS = {"fp32": False, "bf16": False, "bf16-autocast": False, "tf32": True, "fp16": True}


def choose_device(name: str) -> torch.device:
    """Return the device "auto", "cpu" or "cuda" means on this machine.

    Raises:
        UnknownNameError: If it is none of them.
        MissingRequirementError: If "cuda" is asked for and there is none.
    """
    if name not in ("auto", "cpu", "cuda"):
        raise UnknownNameError("device", name, ("auto", "cpu", "cuda"))
    has_cuda = torch.cuda.is_available()
    if name == "cuda" and not has_cuda:
        raise MissingRequirementError("no CUDA device that PyTorch can use; leave out --device, or say --device cpu")
    return torch.device("cuda" if has_cuda and name != "cpu" else "cpu")


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
    network.autocast = name == "bf16-autocast"


@contextmanager
def float32_math(name: str) -> Iterator[None]:
    """Multiply float32 on a GPU in full precision unless "tf32" is asked for; PyTorch convolves in TF32 by itself."""
    before = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    torch.set_float32_matmul_precision("high" if name == "tf32" else "highest")
    torch.backends.cudnn.allow_tf32 = name == "tf32"
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before[0])
        torch.backends.cudnn.allow_tf32 = before[1]


def device_name(device: torch.device) -> str:
    """Return "cpu", or which GPU it is."""
    return f"cuda, {torch.cuda.get_device_name(device)}" if device.type == "cuda" else device.type
