"""Faster arithmetic and compiled kernels; ``perf/`` measures how fast, and how far the keypoints move."""

from __future__ import annotations

import sys
from typing import Protocol

import torch
from torch import Tensor, nn

from hint.errors import InputError
from hint.methods.processor import this_processor

#: Name -> whether it needs a GPU.
PRECISIONS = {"fp32": False, "bf16": False, "bf16-autocast": False, "fp32-onednn": False, "tf32": True, "fp16": True}

#: Float32 too, with the products of oneDNN: other roundings in the last bit, on some processors twice as fast.
ONEDNN = "fp32-onednn"

#: Weights of linear layers from which on a network is large enough for another way of multiplying to matter.
_LARGE = 50_000_000


class Network(Protocol):
    """A network whose costly part may compute in a lower precision."""

    autocast: torch.dtype | None

    @property
    def costly(self) -> nn.ModuleList:
        """The part that does nearly all the work."""
        ...


class OneDnnLinear(nn.Linear):
    """A linear layer that oneDNN computes; the weights stay as they are."""

    @classmethod
    def of(cls, layer: nn.Linear) -> OneDnnLinear:
        """Return the same layer, with the same weights in memory."""
        with torch.device("meta"):
            other = cls(layer.in_features, layer.out_features, layer.bias is not None)
        other.weight, other.bias = layer.weight, layer.bias
        return other

    def forward(self, inputs: Tensor) -> Tensor:
        """Map (...,in_features) to (...,out_features)."""
        out: Tensor = torch.ops.mkldnn._linear_pointwise(inputs, self.weight, self.bias, "none", [], "")
        return out


def fastest_exact(network: Network, device: torch.device) -> str:
    """Return the fastest precision that keeps keypoints within 0.05 px; the same on every run of a processor.

    bfloat16 is not among them: it moves keypoints of HaMeR by up to 0.35 px of a crop of 256 px.
    """
    if device.type != "cpu" or not this_processor().is_slow_in_fp32 or not _has_onednn():
        return "fp32"
    weights = sum(layer.weight.numel() for layer in network.costly.modules() if isinstance(layer, nn.Linear))
    return ONEDNN if weights >= _LARGE else "fp32"


def set_precision(network: Network, name: str, device: torch.device) -> None:
    """Make the costly part compute in a precision of :data:`PRECISIONS`.

    Raises:
        InputError: If the device cannot compute so.
    """
    if name in ("bf16", "fp16"):
        network.costly.to(torch.bfloat16 if name == "bf16" else torch.float16)
    if name == ONEDNN:
        _use_onednn(network.costly, device)
    if name.startswith("bf16") and device.type == "cpu" and this_processor().is_slow_in_bf16:
        sys.stderr.write(f"hint: {name} is slow on this processor, which has no instructions for it; fp32 is faster\n")
    network.autocast = torch.bfloat16 if name == "bf16-autocast" else None


def set_compiled(network: Network) -> None:
    """Let the costly part run compiled: slower at the first batch of each size, until PyTorch has its kernels on disk.

    The blocks of a transformer are alike and share what is compiled.
    """
    costly = network.costly
    lists = [part for part in costly.modules() if isinstance(part, nn.ModuleList) and part is not costly]
    for part in [block for blocks in lists for block in blocks] or costly:
        part.compile(dynamic=False)


def _use_onednn(part: nn.Module, device: torch.device) -> None:
    if device.type != "cpu" or not _has_onednn():
        raise InputError(f"precision {ONEDNN} is for processors, with a PyTorch that has oneDNN; leave out --precision")
    for module in list(part.modules()):
        for name, child in module.named_children():
            if type(child) is nn.Linear:
                setattr(module, name, OneDnnLinear.of(child))


def _has_onednn() -> bool:
    return hasattr(torch.ops.mkldnn, "_linear_pointwise")
