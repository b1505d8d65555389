"""Time HaMeR at its released size in several precisions on this CPU, and measure how far each moves the keypoints.

    python perf/vit_precision.py                  seconds of one core per crop
    python perf/vit_precision.py --depth 2        the same with two blocks, for a busy machine

Without ``--weights`` the weights are random: times are the same, keypoint changes are those of a random network. For a
GPU there is ``gpu.py``.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hint.mano.procedural import procedural_hand
from hint.methods.hamer.config import HamerConfig
from hint.methods.hamer.load import build, random_network
from hint.methods.hamer.network import Hamer, HandDecoder, normalise
from hint.methods.hamer.precision import ONEDNN, set_precision
from hint.weights import read_checkpoint

Run = Callable[[Tensor], Tensor]


def make_network(weights: Path | None, depth: int) -> Hamer:
    """Load weights, or draw them at the released size."""
    return build(read_checkpoint(weights)) if weights else random_network(0, HamerConfig(depth=depth))


def smooth_crops(n: int) -> Tensor:
    """Draw crops with structure at the scale of patches, uint8 (n,256,256,3)."""
    coarse = np.random.default_rng(0).integers(0, 256, (n, 3, 16, 16)).astype(np.float32)
    fine = torch.nn.functional.interpolate(torch.from_numpy(coarse), size=(256, 256), mode="bicubic").clamp(0, 255)
    return fine.permute(0, 2, 3, 1).to(torch.uint8)


def runner(network: Hamer, decoder: HandDecoder) -> Run:
    """Return the function from crops to keypoints in px of the crop."""

    @torch.inference_mode()
    def run(crops: Tensor) -> Tensor:
        points: Tensor = decoder(*network(normalise(crops))).keypoints_2d
        return points * 256

    return run


def seconds(run: Run, crops: Tensor, rounds: int) -> float:
    """Return the seconds of one call, the best of several: those of all cores, which other work slows less."""
    run(crops)
    best = float("inf")
    for _ in range(rounds):
        start = time.process_time()
        run(crops)
        best = min(best, time.process_time() - start)
    return best


def print_table(network: Hamer, rounds: int, batches: list[int], with_compile: bool) -> None:
    """Print seconds per crop; precisions take turns, so that whatever else runs slows all of them."""
    decoder, crops = HandDecoder(procedural_hand()), smooth_crops(max(batches))
    plain = network.backbone
    ways: dict[str, tuple[Any, torch.dtype | None]] = {"fp32": (plain, None)}
    if with_compile:
        ways["fp32 + compile"] = (torch.compile(plain), None)
    network.backbone = deepcopy(plain, {id(weights): weights for weights in plain.parameters()})
    set_precision(network, ONEDNN, torch.device("cpu"))
    ways[ONEDNN] = (network.backbone, None)
    ways |= {"bf16-autocast": (plain, torch.bfloat16), "bf16": (deepcopy(plain).bfloat16(), None)}
    run = runner(network, decoder)
    points: dict[str, Tensor] = {}
    best = {name: dict.fromkeys(batches, float("inf")) for name in ways}
    for _ in range(rounds):
        for name, (network.backbone, network.autocast) in ways.items():
            points[name] = run(crops)
            for n in batches:
                best[name][n] = min(best[name][n], seconds(run, crops[:n], 1) / n)
    titles = " | ".join(f"batch {n}, core s/crop | ratio" for n in batches)
    print(f"{torch.get_num_threads()} threads, {torch.backends.cpu.get_cpu_capability()}\n")
    print(f"| precision | {titles} | largest keypoint change, px of 256 |")
    print("|---|" + "---:|" * (2 * len(batches) + 1))
    for name in ways:
        cells = " | ".join(f"{best[name][n]:.2f} | {best['fp32'][n] / best[name][n]:.2f}" for n in batches)
        print(f"| {name} | {cells} | {(points[name] - points['fp32']).abs().max().item():.2g} |")


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, help="checkpoint, by default random weights")
    parser.add_argument("--depth", type=int, default=HamerConfig.depth, help="blocks of a network with random weights")
    parser.add_argument("--rounds", type=int, default=3, help="rounds; the best counts")
    parser.add_argument("--batches", type=int, nargs="+", help="batch sizes")
    parser.add_argument("--compile", action="store_true", help="try torch.compile too (needs a compiler)")
    options = parser.parse_args()
    network = make_network(options.weights, options.depth)
    print_table(network, options.rounds, options.batches or [1, 4], options.compile)


if __name__ == "__main__":
    main()
