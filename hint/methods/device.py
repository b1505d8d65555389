"""Devices and precision of networks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from hint.errors import InputError, MissingRequirementError
from hint.methods.setup import require_device


def choose_device(name: str) -> torch.device:
    """Return the device "auto", "cpu" or "cuda" means on this machine.

    Raises:
        UnknownNameError: If it is none of them.
        MissingRequirementError: If "cuda" is requested and not available.
    """
    require_device(name)
    has_cuda = torch.cuda.is_available()
    if name == "cuda" and not has_cuda:
        raise MissingRequirementError("no CUDA device that PyTorch can use; leave out --device, or use --device cpu")
    return torch.device("cuda" if has_cuda and name != "cpu" else "cpu")


def device_name(device: torch.device) -> str:
    """Return "cpu", or which GPU it is."""
    return f"cuda, {torch.cuda.get_device_name(device)}" if device.type == "cuda" else device.type


@contextmanager
def float32_math(precision: str) -> Iterator[None]:
    """Multiply float32 on a GPU in full precision unless "tf32" is requested; PyTorch convolves in TF32 by default."""
    before = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    torch.set_float32_matmul_precision("high" if precision == "tf32" else "highest")
    torch.backends.cudnn.allow_tf32 = precision == "tf32"
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before[0])
        torch.backends.cudnn.allow_tf32 = before[1]


@contextmanager
def memory_for(n_hands: int) -> Iterator[None]:
    """Turn an out-of-memory error of the GPU into one line with the batch size to try.

    Raises:
        InputError: If the memory does not suffice.
    """
    try:
        yield
    except torch.cuda.OutOfMemoryError as error:
        fewer = max(n_hands // 2, 1)
        message = f"{n_hands} hands at once do not fit into the GPU's memory; type: --batch-size {fewer}"
        raise InputError(message) from error
