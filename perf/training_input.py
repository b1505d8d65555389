"""Hands per second and processor time of the input of training alone, beside a plain loop that streams the same tars.

The plain loop goes through each tar from start to end in one process, as a reader of streams does, shuffles nothing,
and cuts the same kind of crops. Ours reads in random order.

    python perf/training_input.py
    python perf/training_input.py --tars hamer_training_data/dataset_tars/freihand-train
"""

from __future__ import annotations

import argparse
import os
import pickle
import tarfile
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import psutil

from hint.images import decode_image
from hint.training.augmentation import Augmentation
from hint.training.batch import Batch
from hint.training.data import Example, TrainingData, collate, loader
from hint.training.filters import Filters
from hint.training.record import check
from hint.training.sample import Sample
from hint.training.shards import ShardWriter, official_hand, shard_path
from hint.training.tars import TarSource, find_tars

BATCH = 32
CROP = 256


def write_tars(folder: Path, n: int, size: int) -> None:
    """Write tars of pictures about as hard to compress as photographs, a thousand in each."""
    for start in range(0, n, 1000):
        with ShardWriter(shard_path(folder, start // 1000)) as shard:
            for k in range(start, min(start + 1000, n)):
                rng = np.random.default_rng(k)
                noise = rng.integers(0, 256, (size, size, 3), dtype=np.uint8)
                image = cv2.addWeighted(cv2.GaussianBlur(noise, (0, 0), 3), 3, noise, 0.1, -270)
                points = np.column_stack([rng.uniform(50, 174, (21, 2)), np.ones(21)])
                box = [50, 50, 174, 174]
                hand = official_hand(
                    keypoints_2d=points,
                    box_xyxy=box,
                    is_right=bool(k % 2),
                    keypoints_3d=np.ones((21, 4)),
                    hand_pose=rng.normal(0, 0.3, 48),
                    betas=rng.normal(0, 0.5, 10),
                )
                shard.add(f"{k:08d}", image, [hand])


class One:
    """A source of the one hand a stream is at."""

    name = "stream"

    def __init__(self) -> None:
        self.sample: Sample | None = None

    def __len__(self) -> int:
        return 1

    def key(self, index: int) -> str:
        """Return the name of the hand."""
        return f"{index}"

    def read(self, index: int) -> Sample:
        """Return the hand."""
        del index
        assert self.sample is not None
        return self.sample


def plain_loop(paths: list[Path]) -> Iterator[Batch]:
    """Stream tars from start to end."""
    source, filters, number = One(), Filters(), 0
    data = TrainingData.mix([source], crop_size=CROP)
    examples: list[Example] = []
    for path in paths:
        parts: dict[str, bytes] = {}
        with tarfile.open(path, "r|") as tar:
            for member in tar:
                key, _, suffix = member.name.partition(".")
                content = tar.extractfile(member)
                assert content is not None
                parts[suffix] = content.read()
                if len(parts) < 2:
                    continue
                image = decode_image(parts.pop("jpg"), key)
                # Written above, or trusted as the plain readers trust it.
                for hand in pickle.loads(parts.pop("data.pyd")):
                    source.sample = filters.supervise(check(hand, key).sample(key, image))
                    examples.append(data.example(number))
                    number += 1
                    if len(examples) == BATCH:
                        batch = collate(examples, CROP)
                        assert isinstance(batch, Batch)
                        yield batch
                        examples = []


def core_seconds() -> float:
    """Return the processor time of this process and its workers so far."""
    this = psutil.Process()
    return sum(sum(process.cpu_times()[:2]) for process in [this, *this.children()])


def per_second(batches: Iterator[Batch], steps: int) -> tuple[float, float]:
    """Return hands per second, once it runs, and core milliseconds per hand."""
    # As many as workers prepare ahead, or the first ones would have cost nothing.
    list(islice(batches, 16))
    start, core, hands = time.perf_counter(), core_seconds(), 0
    for batch in islice(batches, steps):
        hands += len(batch)
    return hands / (time.perf_counter() - start), (core_seconds() - core) / hands * 1000


def finishing(batches: Iterator[Batch], steps: int) -> float:
    """Return seconds per batch to finish the pixels here."""
    list(islice(batches, 4))
    seconds = 0.0
    for batch in islice(batches, steps):
        begin = time.perf_counter()
        _ = batch.image
        seconds += time.perf_counter() - begin
    return seconds / steps


def main() -> None:
    """Print a table of hands per second."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tars", type=Path, help="folder of tars; without it some are generated at 224 px")
    parser.add_argument("--n", type=int, default=2000, help="pictures to generate")
    parser.add_argument("--steps", type=int, default=50, help="batches to time")
    parser.add_argument("--rounds", type=int, default=3, help="times everything is timed; the best counts")
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 1, 2, 4], help="numbers of worker processes")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["HINT_HOME"] = folder
        where = options.tars or Path(folder) / "tars"
        if options.tars is None:
            write_tars(where, options.n, 224)
        paths = find_tars(where)
        begin = time.perf_counter()
        source = TarSource("set", paths)
        print(f"{os.cpu_count()} cores, batch {BATCH}, crops of {CROP} px, {len(source)} hands in {len(paths)} tars")
        print(f"first look through the tars: {len(source) / (time.perf_counter() - begin):.0f} hands/s\n")
        print("| reader | workers | hands/s | core ms per hand | plain loop / this |\n|---|---:|---:|---:|---:|")
        rows = [("plain loop", 0)]
        rows += [(where_, workers) for where_ in ("worker", "device") for workers in options.workers]
        speed, cost = dict.fromkeys(rows, 0.0), dict.fromkeys(rows, float("inf"))
        for _ in range(options.rounds):
            for name, workers in rows:
                batches = plain_loop(paths) if name == "plain loop" else _ours(source, name, workers)
                row, (hands, core) = (name, workers), per_second(batches, options.steps)
                speed[row], cost[row] = max(speed[row], hands), min(cost[row], core)
        for row, core in cost.items():
            title = row[0] if row[0] == "plain loop" else f"ours, augmented on the {row[0]}"
            ratio = cost["plain loop", 0] / core
            print(f"| {title} | {row[1]} | {speed[row]:.0f} | {core:.2f} | {ratio:.2f} |")
        for name in ("worker", "device"):
            seconds = finishing(_ours(source, name, 0), options.steps // 5)
            print(f"\nfinishing a batch augmented on the {name}, on this CPU: {seconds * 1000:.1f} ms")


def _ours(source: TarSource, augment_on: str, workers: int) -> Iterator[Batch]:
    on = "device" if augment_on == "device" else "worker"
    data = TrainingData.mix([source], augmentation=Augmentation(), crop_size=CROP, augment_on=on)
    return loader(data, global_batch=BATCH, workers=workers)


if __name__ == "__main__":
    main()
