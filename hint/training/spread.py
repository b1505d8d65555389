"""Weights spread over the processes (FSDP2 of PyTorch): each keeps a part of every weight, gradient and average.

Whole weights exist only where they compute, one block of the ViT at a time. PyTorch is asked itself: Accelerate 1.15
spreads every module that it prepares, the discriminator too, and does so on GPUs only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

from hint.methods.hamer.network import Hamer
from hint.methods.hamer.vit import VisionTransformer


def spread(network: Hamer, device: torch.device) -> Hamer:
    """Spread a network over all processes, in place; the weights of the first one count."""
    network.to(device)
    for value in network.state_dict().values():
        distributed.broadcast(value, 0)
    mesh = init_device_mesh(device.type, (distributed.get_world_size(),))
    assert isinstance(network.backbone, VisionTransformer)
    for part in (*network.backbone.blocks, network):
        fully_shard(part, mesh=mesh)
    return network


def exchange_gradients(network: nn.Module, now: bool) -> None:
    """Say whether the next backward pass adds up the gradients of the processes, or leaves that to a later one."""
    if isinstance(network, FSDPModule):
        network.set_requires_gradient_sync(now)


def whole(value: Any, keep: bool = True) -> Any:
    """Return a state with whole tensors on the CPU in place of spread ones; every process must ask.

    Args:
        value: A tensor, or dicts and lists with tensors; what is not spread stays as it is.
        keep: Whether this process needs it; elsewhere the tensors are empty.
    """
    if isinstance(value, DTensor):
        full = value.full_tensor()
        return full.cpu() if keep else full.new_empty(0)
    if isinstance(value, Mapping):
        return {key: whole(item, keep) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [whole(item, keep) for item in value]
    return value


def part_of(full: Tensor, like: Tensor) -> Tensor:
    """Return a whole tensor in the form of another: this process's part where that is spread."""
    if not isinstance(like, DTensor) or isinstance(full, DTensor):
        return full
    return distribute_tensor(full.to(like.device, like.dtype), like.device_mesh, like.placements, src_data_rank=None)


def parts_of_optimiser(state: dict[str, Any], optimiser: torch.optim.Optimizer) -> dict[str, Any]:
    """Return the state of an optimiser in the form of its weights."""
    weights = [weight for group in optimiser.param_groups for weight in group["params"]]
    moments = {
        number: {name: part_of(value, weights[number]) if value.ndim else value for name, value in values.items()}
        for number, values in state["state"].items()
    }
    return {**state, "state": moments}
