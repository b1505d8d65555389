"""Hands per second of the input of training alone, beside a plain loop that streams the same tars.

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


def per_second(batches: Iterator[Batch], steps: int, finish: bool) -> tuple[float, float]:
    """Return hands per second, once it runs, and seconds per batch to finish the pixels here."""
    list(islice(batches, 4))
    start, finishing, hands = time.perf_counter(), 0.0, 0
    for batch in islice(batches, steps):
        hands += len(batch)
        if finish:
            begin = time.perf_counter()
            _ = batch.image
            finishing += time.perf_counter() - begin
    return hands / (time.perf_counter() - start), finishing / max(hands / BATCH, 1)


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
        print("| reader | workers | hands/s | ratio to the plain loop |\n|---|---:|---:|---:|")
        rows = [("plain loop", 0)]
        rows += [(where_, workers) for where_ in ("worker", "device") for workers in options.workers]
        best = dict.fromkeys(rows, 0.0)
        for _ in range(options.rounds):
            for name, workers in rows:
                batches = plain_loop(paths) if name == "plain loop" else _ours(source, name, workers)
                best[name, workers] = max(best[name, workers], per_second(batches, options.steps, finish=False)[0])
        for (name, workers), speed in best.items():
            title = name if name == "plain loop" else f"ours, augmented on the {name}"
            print(f"| {title} | {workers} | {speed:.0f} | {speed / best['plain loop', 0]:.2f} |")
        for name in ("worker", "device"):
            _, seconds = per_second(_ours(source, name, 0), options.steps // 5, finish=True)
            print(f"\nfinishing a batch augmented on the {name}, on this CPU: {seconds * 1000:.1f} ms")


def _ours(source: TarSource, augment_on: str, workers: int) -> Iterator[Batch]:
    on = "device" if augment_on == "device" else "worker"
    data = TrainingData.mix([source], augmentation=Augmentation(), crop_size=CROP, augment_on=on)
    return loader(data, global_batch=BATCH, workers=workers)


if __name__ == "__main__":
    main()
