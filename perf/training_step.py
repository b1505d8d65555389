"""Hands per second of a training step alone: forward, backward, both optimisers; crops are ready beforehand.

python perf/training_step.py hamer-tiny base --batch-size 32
"""

import argparse
import json

import torch

from hint.methods.device import choose_device, device_name
from hint.training.preset import load_preset
from hint.training.timing import flops_per_hand, seconds_per_step

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("presets", nargs="+")
parser.add_argument("--batch-size", type=int, default=32)
parser.add_argument("--steps", type=int, default=10)
parser.add_argument("--device", default="auto")
parser.add_argument("--precision", default="fp32")
parser.add_argument("--threads", type=int, default=torch.get_num_threads())
arguments = parser.parse_args()

torch.set_num_threads(arguments.threads)
device = choose_device(arguments.device)
changes = [("batch_size", arguments.batch_size), ("sum_over", 1), ("precision", arguments.precision)]
for name in arguments.presets:
    preset = load_preset(name, changes)
    seconds = seconds_per_step(preset, device, arguments.steps)
    row = {
        "preset": name,
        "device": device_name(device),
        "threads": arguments.threads,
        "precision": arguments.precision,
        "batch": arguments.batch_size,
        "ms_per_step": round(1000 * seconds, 1),
        "hands_per_second": round(arguments.batch_size / seconds, 1),
        "gflop_per_hand_forward": round(flops_per_hand(preset.config) / 1e9, 3),
    }
    print(json.dumps(row))
