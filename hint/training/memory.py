"""How much memory a training takes, counted without taking it."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode

from hint.methods.hamer.config import VIT, HamerConfig
from hint.methods.hamer.network import Hamer
from hint.methods.hamer.vit import VisionTransformer
from hint.training.model import TrainingModel
from hint.training.precision import AUTOCAST
from hint.training.preset import Preset

#: Bytes per weight in float32: itself, its gradient, and AdamW's two averages.
_PER_WEIGHT = 16


@dataclass(frozen=True)
class TrainingMemory:
    """Memory of one training process.

    Attributes:
        state: Bytes of weights, gradients, AdamW's averages and, with ema, averaged weights.
        per_hand: Bytes that every hand computed at once keeps for the backward pass.
    """

    state: int
    per_hand: int


def training_memory(preset: Preset, processes: int = 1) -> TrainingMemory:
    """Count the memory of a training process; MANO, the batch, and what a GPU's libraries take are left out.

    Args:
        preset: What is trained.
        processes: Training processes; they share the state with ``spread``.
    """
    with torch.device("meta"):
        model = TrainingModel(preset.config)
    count = _weights_of(model)
    averaged = sum(value.numel() for value in model.network.state_dict().values()) if preset.optimiser.ema else 0
    state = _PER_WEIGHT * count + 4 * averaged
    if preset.spread and processes > 1:
        state = state // processes + _gathered(model.network)
    return TrainingMemory(state, _per_hand(preset.config, preset.precision, preset.gradient_checkpointing))


def _gathered(network: Hamer) -> int:
    """Return the bytes of what is whole at once of spread weights: all but the blocks, two of them, a gradient."""
    total = _weights_of(network)
    blocks = list(network.backbone.blocks) if isinstance(network.backbone, VisionTransformer) else [network]
    return 4 * (total - sum(map(_weights_of, blocks)) + 3 * max(map(_weights_of, blocks)))


def _weights_of(module: nn.Module) -> int:
    return sum(weight.numel() for weight in module.parameters())


def _per_hand(config: HamerConfig, precision: str, checkpointing: bool) -> int:
    if config.backbone != VIT:
        return _kept(config, precision)
    one, two = (_kept(replace(config, depth=depth), precision) for depth in (1, 2))
    block, rest = two - one, 2 * one - two
    if not checkpointing:
        return rest + config.depth * block
    # Every block keeps what goes in, float32; one at a time computes the rest again.
    tokens = (config.crop_size // 16) * (config.crop_size * 3 // 4 // 16)
    return rest + block + config.depth * tokens * config.width * 4


def _kept(config: HamerConfig, precision: str) -> int:
    """Return the bytes that one more hand in a batch keeps for the backward pass."""
    # Convolutional networks are small, and timm's cannot be made of fake tensors.
    with FakeTensorMode() if config.backbone == VIT else nullcontext():
        network = Hamer(config)
        network.autocast = AUTOCAST[precision]
        return _saved(network, 3) - _saved(network, 2)


def _saved(network: Hamer, hands: int) -> int:
    """Return the bytes of all tensors but weights that a forward pass keeps."""
    weights = {weight.untyped_storage()._cdata for weight in network.parameters()}
    kept: dict[int, int] = {}
    alive: list[Any] = []  # so that no storage's address is used again

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in weights:
            kept[storage._cdata] = storage.nbytes()
            alive.append(storage)
        return tensor

    side = network.config.crop_size
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        alive.append(network(torch.empty(hands, 3, side, side)))
    return sum(kept.values())
