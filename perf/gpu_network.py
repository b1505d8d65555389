"""Sections of ``gpu.py``: the machine, and the network alone."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from copy import deepcopy
from typing import NamedTuple

import torch
from gpu_bench import Bench
from torch import Tensor
from vit_precision import smooth_crops

from hint.mano.procedural import procedural_hand
from hint.methods.device import choose_device, device_name, float32_math, placed
from hint.methods.hamer.config import HamerConfig
from hint.methods.hamer.load import random_network
from hint.methods.hamer.network import HandInCrop
from hint.methods.hamer.precision import set_compiled, set_precision
from hint.training.timing import flops_per_hand

#: Precision -> type of the numbers that are multiplied.
PRECISIONS = {"fp32": torch.float32, "tf32": torch.float32, "bf16": torch.bfloat16}

#: Goals: share of the matrix rate, times plain fp32, seconds of a batch of one.
_SHARE, _TIMES, _LATENCY = 0.55, 8.0, 0.008


class Speed(NamedTuple):
    """Seconds of a call, and the most memory it took, GiB; 0 on a CPU."""

    seconds: float
    memory: float


def device_of(bench: Bench) -> torch.device:
    """Return where a run computes."""
    return choose_device("cpu" if bench.is_dry else "cuda")


def wait(device: torch.device) -> None:
    """Wait until a device has done everything."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def speed(call: Callable[[], object], device: torch.device, limit: float) -> Speed:
    """Time calls one after the other, in about so many seconds, after two to warm up."""
    call()
    wait(device)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    began = time.perf_counter()
    call()
    wait(device)
    once = time.perf_counter() - began
    calls = min(max(int(limit / max(once, 1e-6)), 1), 500)
    began = time.perf_counter()
    for _ in range(calls):
        call()
    wait(device)
    memory = torch.cuda.max_memory_allocated(device) / 2**30 if device.type == "cuda" else 0.0
    return Speed((time.perf_counter() - began) / calls, memory)


def machine(bench: Bench) -> None:
    """Say what is measured on."""
    import torchvision

    device = device_of(bench)
    bench.add("device", device_name(device).removeprefix("cuda, ")[:20])
    bench.add("torch, torchvision", f"{torch.__version__}, {torchvision.__version__}".replace("+", " +")[:20])
    bench.add("CUDA, cuDNN", f"{torch.version.cuda}, {torch.backends.cudnn.version()}")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    bench.add("CPU cores", f"{cores}")


def matrix_rates(bench: Bench) -> None:
    """Measure how fast square matrices are multiplied: what a network could reach at most."""
    device, n = device_of(bench), bench.size(8192, 256)
    for name, kind in PRECISIONS.items():
        a, b = (torch.randn(n, n, device=device, dtype=kind) for _ in range(2))
        with float32_math(name):
            rate = 2 * n**3 / speed(lambda a=a, b=b: a @ b, device, bench.size(1.0, 0.02)).seconds
        bench.known[f"matrix {name}"] = rate
        bench.add(f"matrices of {n}, {name}", f"{rate / 1e12:.3g} TFLOP/s")


def sizes(bench: Bench) -> HamerConfig:
    """Return the released sizes, or tiny ones."""
    config: HamerConfig = bench.size(HamerConfig(), HamerConfig.tiny())
    return config


def make_network(bench: Bench) -> HandInCrop:
    """Return HaMeR with random weights on the device, the same one for all sections; in float32."""
    if "network" not in bench.known:
        bench.known["network"] = random_network(0, sizes(bench))
    # A copy, since sections change the precision of their own.
    return placed(HandInCrop(deepcopy(bench.known["network"]), procedural_hand()), device_of(bench)).eval()


def network(bench: Bench) -> None:
    """Time the network by precision and batch, and how far each precision moves the keypoints."""
    device, whole = device_of(bench), make_network(bench)
    batches = bench.size((1, 32, 256), (1, 2, 4))
    crops = smooth_crops(max(batches)).to(device)
    exact: Tensor | None = None
    for name in PRECISIONS:
        set_precision(whole.network, name, device)
        for batch in batches:
            points = _timed(bench, whole, name, name, crops[:batch])
        exact = points if exact is None else exact
        if name != "fp32":
            bench.add(f"keypoints moved by {name}", f"{256 * (points - exact).abs().max().item():.2g} px of 256")


def compiled(bench: Bench) -> None:
    """Time the network in bf16 with compiled blocks: the first batch of a size takes long."""
    device, whole = device_of(bench), make_network(bench)
    set_precision(whole.network, "bf16", device)
    if not bench.is_dry:  # a compiler takes a minute, which a dry run has not
        set_compiled(whole.network)
    for batch in bench.size((256, 1), (2,)):
        began = time.perf_counter()
        crops = smooth_crops(batch).to(device)
        _timed(bench, whole, "bf16 compiled", "bf16", crops)
        bench.add(f"  first and all calls, batch {batch}", f"{time.perf_counter() - began:.0f} s")


@torch.inference_mode()
def _timed(bench: Bench, whole: HandInCrop, name: str, precision: str, crops: Tensor) -> Tensor:
    """Add the row of a precision and batch; return the keypoints, crop units."""
    device, batch = crops.device, len(crops)
    with float32_math(precision):
        seconds, memory = speed(lambda: whole(crops), device, bench.size(1.5, 0.02))
        points: Tensor = whole(crops).keypoints_2d
    rate = batch / seconds
    bench.known[f"network {name} {batch}"] = rate
    used = float("nan")
    with suppress(KeyError):  # the section of the matrices may have failed
        used = rate * flops_per_hand(sizes(bench)) / bench.known[f"matrix {precision}"]
    is_goal = precision == "bf16" and batch >= bench.size(256, 2)
    what = f"{name}, batch {batch}: crops/s"
    bench.add(what, f"{rate:.0f}, {memory:.1f} GiB")
    bench.add("  of the matrix rate", f"{used:.1%}", ">= 55 %" if is_goal else "", used >= _SHARE if is_goal else None)
    if batch == 1:
        is_goal = precision == "bf16"
        goal = "< 8 ms" if is_goal else ""
        bench.add("  latency", f"{1000 * seconds:.2f} ms", goal, seconds < _LATENCY if is_goal else None)
    elif precision == "bf16" and (plain := bench.known.get(f"network fp32 {batch}")):
        bench.add("  times plain fp32", f"{rate / plain:.1f}", ">= 8", rate / plain >= _TIMES)
    return points
