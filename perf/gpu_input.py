"""Sections of ``gpu.py``: from pictures to results, and the parts of that way a GPU may take over."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from gpu_bench import Bench
from gpu_network import device_of, make_network, speed, wait

from benchmark.evaluate import evaluate
from hint import crop as on_cpu
from hint.crop import CROP_SIZE, Square
from hint.engine import Work
from hint.images import decode_image, encode_image
from hint.methods import device_crop
from hint.methods.batch import USUAL, find_batch_size
from hint.methods.crop_method import Parts, random_card
from hint.methods.hamer.card import CARD
from hint.methods.hamer.method import HamerMethod
from hint.types import HandLabels, Image, MethodOptions

#: Goals: end to end over the network alone; grey levels between a GPU's pixels and the CPU's.
_SHARE, _LEVELS = 0.8, 1


def picture(seed: int, height: int = 480, width: int = 640) -> Image:
    """Draw a picture about as hard to compress as a photograph."""
    noise = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    drawn: Image = cv2.addWeighted(cv2.GaussianBlur(noise, (0, 0), 3), 3, noise, 0.1, -270)
    return drawn


def make_method(bench: Bench, **settings: str) -> HamerMethod:
    """Return HaMeR with random weights as a method, in bf16."""
    network = make_network(bench)
    parts = Parts(network, random_card(CARD, network), {"weights": "random"})
    return HamerMethod(parts, MethodOptions("cpu" if bench.is_dry else "cuda", "bf16", extra=settings))


def crops(bench: Bench) -> None:
    """Compare crops that the device cuts with those of the CPU, and time both."""
    device, n = device_of(bench), bench.size(128, 4)
    rng = np.random.default_rng(0)
    image, sides = picture(0, 1080, 1920), rng.uniform(80, 1500, n)
    squares = [
        Square(float(x), float(y), float(s))
        for x, y, s in zip(rng.uniform(0, 1920, n), rng.uniform(0, 1080, n), sides, strict=True)
    ]
    for name in ("crop", "crop_blurred"):
        exact, regions = (
            [getattr(cutter, name)(image, square, mirror=bool(k % 2)) for k, square in enumerate(squares)]
            for cutter in (on_cpu, device_crop)
        )
        cut = device_crop.cut(regions, CROP_SIZE, device).cpu().numpy()
        apart = float(np.abs(cut - np.stack(exact)).max())
        bench.add(f"{name}, levels apart", f"{apart:.2f}", "<= 1", apart <= _LEVELS)
        seconds, memory = speed(lambda r=regions: device_crop.cut(r, CROP_SIZE, device), device, bench.size(1.0, 0.02))
        bench.add("  crops/s", f"{n / seconds:.0f}, {memory:.1f} GiB")


def jpeg(bench: Bench) -> None:
    """Compare JPEGs that the device decodes with OpenCV's, and time both; the toolkit itself decodes on the CPU."""
    from torchvision.io import ImageReadMode, decode_jpeg

    device = device_of(bench)
    contents = [encode_image(picture(k), ".jpg") for k in range(bench.size(64, 2))]
    streams = [torch.frombuffer(bytearray(content), dtype=torch.uint8) for content in contents]

    def decode() -> list[torch.Tensor]:
        return decode_jpeg(streams, mode=ImageReadMode.RGB, device=device)

    apart = max(
        int(np.abs(ours.permute(1, 2, 0).cpu().numpy().astype(int) - decode_image(content, "drawn")).max())
        for ours, content in zip(decode(), contents, strict=True)
    )
    bench.add("JPEG, levels apart from OpenCV", f"{apart}", "<= 1", apart <= _LEVELS)
    bench.add("  pictures/s", f"{len(contents) / speed(decode, device, bench.size(1.0, 0.02)).seconds:.0f}")
    once = speed(lambda: [decode_image(content, "drawn") for content in contents], device, bench.size(1.0, 0.02))
    bench.add("  pictures/s on one core", f"{len(contents) / once.seconds:.0f}")


def end_to_end(bench: Bench) -> None:
    """Time ``hint eval`` from JPEGs to the record, crops cut by the CPU and by the device."""
    labels = drawn_labels(bench.folder / "pictures", bench.size(4096, 6))
    cores = os.cpu_count() or 1
    for where in ("cpu", "device"):
        method = make_method(bench, **{"crop-on": where})
        found = evaluate(labels, method, out=bench.folder / where, work=Work(workers=cores))
        wait(device_of(bench))
        timing = found.record.timing
        rate = timing.hands_per_second or float("nan")
        alone = network_rate(bench)
        bench.add(f"JPEG to record, crops on {where}", f"{rate:.0f}/s, batch {find_batch_size(method) or USUAL}")
        bench.add("  of the network alone", f"{rate / alone:.0%}", ">= 80 %", rate / alone >= _SHARE)
        memory = (timing.peak_gpu_memory_bytes or 0) / 2**30
        bench.add("  peak memory of the GPU", f"{memory:.1f} GiB")


def network_rate(bench: Bench) -> float:
    """Return crops per second of the network alone in bf16, the best of all batches, NaN if not measured."""
    rates = [rate for name, rate in bench.known.items() if name.startswith("network bf16 ")]
    return max(rates, default=float("nan"))


def drawn_labels(folder: Path, n: int) -> HandLabels:
    """Write n pictures of a few different contents, and return labels of a hand in each."""
    folder.mkdir()
    contents = [encode_image(picture(k), ".jpg") for k in range(min(n, 64))]
    ids = [f"ND_clip{k // 2:05d}_frame{k:06d}_{'rl'[k % 2]}" for k in range(n)]
    for k, hand_id in enumerate(ids):
        (folder / f"{hand_id}.jpg").write_bytes(contents[k % len(contents)])
    rng = np.random.default_rng(0)
    corner, side = rng.uniform(20, 300, (n, 2)), rng.uniform(60, 160, (n, 1))
    shape: tuple[Any, ...] = (n, 21)
    return HandLabels(
        hand_id=np.array(ids),
        clip_id=np.array([hand_id[3:12] for hand_id in ids]),
        subset=np.full(n, "newdays"),
        box_xyxy=np.concatenate([corner, corner + side], axis=1),
        is_right=np.array([hand_id.endswith("r") for hand_id in ids]),
        keypoints_2d=corner[:, None] + rng.uniform(0, 1, (n, 21, 2)) * side[:, None],
        existence=np.ones(shape, np.bool_),
        occlusion=np.zeros(shape, np.bool_),
        image=np.array([str(folder / f"{hand_id}.jpg") for hand_id in ids]),
    )
