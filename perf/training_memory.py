"""Compare the memory that hint train estimates with what a small network takes, and print the estimates of presets.

python perf/training_memory.py
"""

from __future__ import annotations

import argparse

import torch
from torch.profiler import ProfilerActivity, profile

from hint.methods.hamer.network import Hamer
from hint.training.memory import training_memory
from hint.training.precision import AUTOCAST
from hint.training.preset import Preset, load_preset

_SMALL = [("network.width", 256), ("network.depth", 8), ("network.heads", 8), ("network.mlp_width", 1024)]


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hands", type=int, default=6, help="hands of the larger of two measured batches")
    options = parser.parse_args()
    print("| ViT of 8 blocks, 256 wide | estimated, MB per hand | measured on this CPU |\n|---|---:|---:|")
    for precision in ("fp32", "bf16"):
        for checkpointing in (False, True):
            preset = _preset("hamer", precision, checkpointing, _SMALL)
            measured = (_peak(preset, options.hands) - _peak(preset, 2)) / (options.hands - 2)
            estimate = training_memory(preset).per_hand
            name = f"{precision}{', gradient checkpointing' if checkpointing else ''}"
            print(f"| {name} | {estimate / 1e6:.1f} | {measured / 1e6:.1f} |")
    print("\n| preset | weights and AdamW, GB | MB per hand | 32 hands at once, GB |\n|---|---:|---:|---:|")
    for name, precision, checkpointing in (
        ("hamer", "fp32", False),
        ("hamer", "bf16", False),
        ("hamer", "bf16", True),
        ("base", "bf16", False),
    ):
        found = training_memory(_preset(name, precision, checkpointing))
        label = f"{name}, {precision}{', gradient checkpointing' if checkpointing else ''}"
        total = (found.state + 32 * found.per_hand) / 1e9
        print(f"| {label} | {found.state / 1e9:.1f} | {found.per_hand / 1e6:.0f} | {total:.1f} |")


def _preset(name: str, precision: str, checkpointing: bool, changes: list[tuple[str, int]] | None = None) -> Preset:
    return load_preset(name, [*(changes or []), ("precision", precision), ("gradient_checkpointing", checkpointing)])


def _peak(preset: Preset, hands: int) -> int:
    """Return the most bytes that a forward and a backward pass take beyond the weights and gradients."""
    network = Hamer(preset.config).train()
    network.autocast = AUTOCAST[preset.precision]
    network.backbone.gradient_checkpointing = preset.gradient_checkpointing
    for weight in network.parameters():
        weight.grad = torch.zeros_like(weight)
    crops = torch.zeros(hands, 3, preset.crop_size, preset.crop_size)
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as recorded:
        torch.autograd.backward(torch.stack([part.sum() for part in network(crops)]).sum())
    taken = most = 0
    for event in recorded.profiler.kineto_results.events():
        if event.name() == "[memory]":
            taken += event.nbytes()
            most = max(most, taken)
    return most


if __name__ == "__main__":
    main()
