"""Sections of ``gpu.py``: the input of training, and its step."""

from __future__ import annotations

import os
import time
from itertools import islice
from typing import Any

from gpu_bench import Bench
from gpu_network import device_of, wait
from training_input import write_tars

from hint.crop import CROP_SIZE
from hint.training.augmentation import Augmentation
from hint.training.data import TrainingData, loader
from hint.training.preset import load_preset
from hint.training.tars import TarSource, find_tars
from hint.training.timing import seconds_per_step

#: Hands per second that the input has to give, and processes it may take for that.
_RATE, _WORKERS = 400, 4

_TINY: list[tuple[str, Any]] = [
    ("network.width", 64),
    ("network.depth", 2),
    ("network.heads", 4),
    ("network.mlp_width", 256),
    ("network.decoder_depth", 1),
]


def training_input(bench: Bench) -> None:
    """Time the input of training with at most four processes."""
    os.environ["HINT_HOME"] = str(bench.folder)
    write_tars(bench.folder / "tars", bench.size(2000, 16), 224)
    source = TarSource("drawn", find_tars(bench.folder / "tars"))
    device, batch, steps = device_of(bench), bench.size(64, 4), bench.size(60, 2)
    workers = min(_WORKERS, os.cpu_count() or 1)
    for where in ("worker", "device"):
        data = TrainingData.mix([source], augmentation=Augmentation(), crop_size=CROP_SIZE, augment_on=where)
        batches = loader(data, global_batch=batch, workers=workers, pin_memory=device.type == "cuda")
        list(islice(batches, bench.size(4 * workers, 1)))  # what the processes had ready
        began = time.perf_counter()
        for some in islice(batches, steps):
            finished = some.to(device, non_blocking=True).image
        wait(device)
        rate = finished.shape[0] * steps / (time.perf_counter() - began)
        bench.known["input"] = max(rate, bench.known.get("input", 0))
        bench.add(f"input, {workers} workers, crops on {where}", f"{rate:.0f} hands/s", f">= {_RATE}", rate >= _RATE)


def training_step(bench: Bench) -> None:
    """Time a training step of the released network, and compare it with the input."""
    device, batch = device_of(bench), bench.size(64, 4)
    own = _TINY if bench.is_dry else []
    for precision in ("bf16",) if bench.is_dry else ("bf16", "fp32"):
        changes = [*own, ("batch_size", batch), ("sum_over", 1), ("precision", precision)]
        seconds = seconds_per_step(load_preset("hamer", changes), device, bench.size(10, 2), bench.size(3, 1), 12)
        rate = batch / seconds
        bench.add(f"training step, {precision}, batch {batch}", f"{rate:.0f} hands/s")
        if precision == "bf16" and "input" in bench.known:
            fed = bench.known["input"] / rate
            bench.add("  input over step", f"{fed:.2f}", ">= 1", fed >= 1)
