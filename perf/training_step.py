"""Time a training step alone: forward, backward, both optimisers; crops are made before the clock starts.

python perf/training_step.py hamer-tiny base --batch-size 32
"""

from __future__ import annotations

import argparse

import torch

from hint.methods.device import choose_device, device_name
from hint.training.preset import load_preset
from hint.training.timing import flops_per_hand, seconds_per_step


def main() -> None:
    """Print a table of hands per second."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("presets", nargs="+", help="presets of hint train --list, or .toml files")
    parser.add_argument("--batch-size", type=int, default=32, help="hands per step")
    parser.add_argument("--steps", type=int, default=10, help="steps to time; the median is printed")
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"), help="where the network runs")
    parser.add_argument("--precision", default="fp32", choices=("fp32", "bf16", "fp16"), help="numbers of the backbone")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="CPU threads")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    device = choose_device(options.device)
    changes = [("batch_size", options.batch_size), ("sum_over", 1), ("precision", options.precision)]
    print(f"{device_name(device)}, {options.threads} threads, {options.precision}, batch {options.batch_size}\n")
    print("| preset | ms per step | hands/s | GFLOP per hand forward |\n|---|---:|---:|---:|")
    for name in options.presets:
        preset = load_preset(name, changes)
        seconds, flops = seconds_per_step(preset, device, options.steps), flops_per_hand(preset.config)
        print(f"| {name} | {1000 * seconds:.1f} | {options.batch_size / seconds:.1f} | {flops / 1e9:.3f} |")


if __name__ == "__main__":
    main()
