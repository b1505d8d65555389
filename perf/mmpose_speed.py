"""Crops per second of the mmpose method in batches, beside MMPose's own inference, one picture at a time.

The same pictures, boxes, random weights and settings go through ours in batches and through ``inference_topdown``
(``MMPoseInferencer`` takes no boxes without a detector, so it cannot run the same crops). Ways take turns, so that a
busy machine slows all of them; the best round of each counts, for the clock and for processor time apart. Reading
files is left out: pictures are in memory.

    OMP_WAIT_POLICY=PASSIVE python perf/mmpose_speed.py --rounds 5
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch

from hint.methods.mmpose.card import PARTS
from hint.methods.mmpose.method import MMPoseMethod
from hint.methods.mmpose.model import preset_config
from hint.methods.mmpose.shim import mmpose_apis
from hint.types import Hand, Image, MethodOptions

#: Those that look at one box of a hand.
HAND_MODELS = ["rtmpose-m-hand5", "hrnetv2-w18-wholebody-hand"]


class Scene(NamedTuple):
    """A hand in a picture of its own."""

    hand: Hand
    rgb: Image
    bgr: Image


def scenes(n: int) -> list[Scene]:
    """Draw hands in pictures of 854x480 px."""
    rng = np.random.default_rng(0)
    found = []
    for k in range(n):
        rgb = cv2.GaussianBlur(rng.integers(0, 256, (480, 854, 3), dtype=np.uint8), (0, 0), 4)
        x, y, side = rng.uniform(0, 600), rng.uniform(0, 300), rng.uniform(60, 250)
        hand = Hand(f"{k}_r", (x, y, x + side, y + side), is_right=True)
        found.append(Scene(hand, rgb, np.ascontiguousarray(rgb[..., ::-1])))
    return found


def batched(method: MMPoseMethod, hands: Sequence[Scene], size: int) -> Any:
    """Run ours; return keypoints (N,21,2)."""
    parts = [hands[k : k + size] for k in range(0, len(hands), size)]
    return np.concatenate([method.run([method.prepare(s.hand, s.rgb) for s in part])[0] for part in parts])


def one_by_one(network: Any, hands: Sequence[Scene]) -> Any:
    """Run MMPose's ``inference_topdown``; return keypoints (N,21,2)."""
    topdown = mmpose_apis().inference_topdown
    found = [topdown(network, s.bgr, np.array([s.hand.box_xyxy], np.float32))[0] for s in hands]
    return np.concatenate([sample.pred_instances.keypoints for sample in found]).astype(np.float32)


def build_theirs(preset: str, flip_test: bool, device: str) -> Any:
    """Return MMPose's model as MMPose builds it."""
    from mmengine.config import Config

    apis = mmpose_apis()
    config = Config.fromfile(str(preset_config(preset)))
    config.model.test_cfg.flip_test = flip_test
    config.model.backbone.pop("_scope_", None)  # the same class; otherwise it warns that mmdet is not there
    torch.manual_seed(0)
    return apis.init_model(config, None, device="cpu").to(device)


class Best(NamedTuple):
    """The best rounds of a way: by the clock and by processor time, s; and what it returned."""

    seconds: float
    cpu_seconds: float
    points: Any


def best_of(rounds: int, ways: dict[str, Callable[[], Any]]) -> dict[str, Best]:
    """Run ways in turns, the first time to warm up."""
    best = {name: Best(float("inf"), float("inf"), run()) for name, run in ways.items()}
    for _ in range(rounds):
        for name, run in ways.items():
            start, cpu_start = time.perf_counter(), time.process_time()
            run()
            seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu_start
            best[name] = best[name]._replace(
                seconds=min(seconds, best[name].seconds), cpu_seconds=min(cpu_seconds, best[name].cpu_seconds)
            )
    return best


def report(preset: str, flip_test: bool, arguments: argparse.Namespace) -> None:
    """Print the rows of one model."""
    hands = scenes(arguments.n)
    options = MethodOptions(
        device=arguments.device, weights="random", extra={"preset": preset, "flip-test": str(int(flip_test))}
    )
    method = MMPoseMethod.create(options)
    network = build_theirs(preset, flip_test, arguments.device)
    ways: dict[str, Callable[[], Any]] = {"inference_topdown": lambda: one_by_one(network, hands)}
    for size in arguments.batches:
        ways[f"ours, batch {size}"] = lambda size=size: batched(method, hands, size)
    best = best_of(arguments.rounds, ways)
    base, flip = best["inference_topdown"], "on" if flip_test else "off"
    for name, found in best.items():
        ratios = f"{base.seconds / found.seconds:.2f} | {base.cpu_seconds / found.cpu_seconds:.2f}"
        apart = float(np.abs(found.points - base.points).max())
        print(f"| {preset} | {flip} | {name} | {len(hands) / found.seconds:.1f} | {ratios} | {apart:g} |", flush=True)


def main() -> None:
    """Print a table of crops per second."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=16, help="number of hands")
    parser.add_argument("--rounds", type=int, default=5, help="rounds; the best counts")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 8, 16], help="batch sizes")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"), help="where the models run")
    parser.add_argument("--presets", nargs="+", default=HAND_MODELS, choices=HAND_MODELS, help="models")
    options = parser.parse_args()
    versions = f"mmpose {PARTS['mmpose']}, torch {torch.__version__}"
    print(f"{versions}, {torch.get_num_threads()} threads, {options.n} pictures\n")
    print("| model | flip test | way | crops/s | ratio | ratio of processor time | largest difference, px |")
    print("|---|---|---|---:|---:|---:|---:|")
    for preset in options.presets:
        for flip_test in (True, False):
            report(preset, flip_test, options)


if __name__ == "__main__":
    main()
