"""Time HaMeR at its released size in several precisions, and measure how far each moves the keypoints.

    python perf/vit_precision.py                  seconds of one core per crop on this CPU
    python perf/vit_precision.py --depth 2        the same with two blocks, for a busy machine
    python perf/vit_precision.py --device cuda    crops per second, use of the GPU's peak, memory

Without ``--weights`` the weights are random: times are the same, keypoint changes are those of a random network.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hint.mano.procedural import procedural_hand
from hint.methods.device import float32_math
from hint.methods.hamer.config import HamerConfig
from hint.methods.hamer.load import build, random_network
from hint.methods.hamer.network import Hamer, HandDecoder, normalise
from hint.methods.hamer.precision import ONEDNN, set_precision
from hint.weights import read_checkpoint

#: Dense peak of an H100 or H200 SXM, TFLOP/s, from NVIDIA's data sheets.
PEAK = {"fp32": 67.0, "tf32": 494.7, "bf16": 989.4, "bf16 + compile": 989.4}

Run = Callable[[Tensor], Tensor]


def make_network(weights: Path | None, depth: int) -> Hamer:
    """Load weights, or draw them at the released size."""
    return build(read_checkpoint(weights)) if weights else random_network(0, HamerConfig(depth=depth))


def smooth_crops(n: int) -> Tensor:
    """Draw crops with structure at the scale of patches, uint8 (n,256,256,3)."""
    coarse = np.random.default_rng(0).integers(0, 256, (n, 3, 16, 16)).astype(np.float32)
    fine = torch.nn.functional.interpolate(torch.from_numpy(coarse), size=(256, 256), mode="bicubic").clamp(0, 255)
    return fine.permute(0, 2, 3, 1).to(torch.uint8)


def runner(network: Hamer, decoder: HandDecoder, math: Callable[[], AbstractContextManager[None]]) -> Run:
    """Return the function from crops to keypoints in px of the crop."""

    @torch.inference_mode()
    def run(crops: Tensor) -> Tensor:
        with math():
            points: Tensor = decoder(*network(normalise(crops))).keypoints_2d
            return points * 256

    return run


def seconds(run: Run, crops: Tensor, rounds: int) -> float:
    """Return the seconds of one call, the best of several: on a CPU those of all cores, which other work slows less."""
    clock = time.perf_counter if crops.device.type == "cuda" else time.process_time
    run(crops)
    best = float("inf")
    for _ in range(rounds):
        _wait(crops.device)
        start = clock()
        run(crops)
        _wait(crops.device)
        best = min(best, clock() - start)
    return best


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def flops(config: HamerConfig) -> float:
    """Count the floating-point operations of one crop, multiplications and additions apart."""
    tokens, linear = 192, config.width * (4 * config.width + 2 * config.mlp_width)
    block = 2 * tokens * linear + 4 * tokens**2 * config.width
    inner = config.decoder_heads * config.decoder_head_width
    return config.depth * block + config.decoder_depth * 2 * tokens * config.width * 2 * inner


def on_cpu(network: Hamer, rounds: int, batches: list[int], with_compile: bool) -> None:
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
    run = runner(network, decoder, nullcontext)
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


def on_gpu(network: Hamer, rounds: int, batches: list[int]) -> None:
    """Print crops per second, use of the peak and peak memory."""
    device = torch.device("cuda")
    decoder, crops = HandDecoder(procedural_hand()).to(device), smooth_crops(max(batches)).to(device)
    network.to(device)
    exact = runner(network, decoder, lambda: float32_math("fp32"))(crops)
    print(f"{torch.cuda.get_device_name()}, {flops(network.config) / 1e9:.0f} GFLOP per crop\n")
    print("| precision | batch | crops/s | of peak | memory, GiB | largest keypoint change, px of 256 |")
    print("|---|---:|---:|---:|---:|---:|")
    for name in PEAK:
        if name == "bf16 + compile":
            network.backbone.forward = torch.compile(network.backbone.forward)  # type: ignore[method-assign]
        elif name == "bf16":
            set_precision(network, "bf16", device)
        math = "tf32" if name == "tf32" else "fp32"
        run = runner(network, decoder, partial(float32_math, math))
        for n in batches:
            torch.cuda.reset_peak_memory_stats()
            speed = n / seconds(run, crops[:n], rounds)
            used = speed * flops(network.config) / (PEAK[name] * 1e12)
            memory = torch.cuda.max_memory_allocated() / 2**30
            moved = (run(crops[:n]) - exact[:n]).abs().max().item()
            print(f"| {name} | {n} | {speed:.0f} | {used:.0%} | {memory:.1f} | {moved:.2g} |")


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="where the network runs")
    parser.add_argument("--weights", type=Path, help="checkpoint, by default random weights")
    parser.add_argument("--depth", type=int, default=HamerConfig.depth, help="blocks of a network with random weights")
    parser.add_argument("--rounds", type=int, default=3, help="rounds; the best counts")
    parser.add_argument("--batches", type=int, nargs="+", help="batch sizes")
    parser.add_argument("--compile", action="store_true", help="on the CPU: try torch.compile too (needs a compiler)")
    options = parser.parse_args()
    network = make_network(options.weights, options.depth)
    if options.device == "cuda":
        on_gpu(network, options.rounds, options.batches or [1, 32, 256])
    else:
        on_cpu(network, options.rounds, options.batches or [1, 4], options.compile)


if __name__ == "__main__":
    main()
