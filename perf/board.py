"""Time a leaderboard site of many methods on the released test hands, and building it again after one was added.

    python perf/board.py hint_eval_npz

The methods are the labels with more and more noise. The folder holds the evaluation npz released with HaMeR.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmark.evaluate import evaluate
from benchmark.record import read_record, write_record
from hint.files import read_labels
from hint.settings import CACHE_VARIABLE
from hint.types import HandLabels, Predictions
from leaderboard.site.build import Site, build_leaderboard

SUBSETS = ("newdays", "epick", "ego4d")


def make_record(labels: HandLabels, folder: Path, k: int) -> None:
    """Score labels with noise that grows with ``k``, half again as large on occluded joints."""
    scale = labels.longest_side[:, None] * np.where(labels.visibility == 1, 1.5, 1)
    noise = np.random.default_rng(k).normal(0, 0.02 + 0.004 * k, labels.keypoints_2d.shape) * scale[..., None]
    points = (labels.keypoints_2d + noise).astype(np.float32)
    evaluate(labels, Predictions(labels.hand_id, points), out=folder, name=f"{k:02d}")
    path = folder / f"{k:02d}" / "record.json"
    record = read_record(path)
    card = replace(record.method, name=f"noise-{k}", title=f"Noise {k}")
    write_record(path, record.model_copy(update={"method": card}))


def timed(build: Callable[[], Site]) -> tuple[float, float, Site]:
    """Return seconds, core seconds and the site."""
    start, cores = time.perf_counter(), time.process_time()
    site = build()
    return time.perf_counter() - start, time.process_time() - cores, site


def main() -> None:
    """Make records, build, add one, build again, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder of the released evaluation npz")
    parser.add_argument("--methods", type=int, default=40, help="number of methods")
    options = parser.parse_args()
    labels = read_labels(options.data, list(SUBSETS))
    with tempfile.TemporaryDirectory() as name:
        records, out = Path(name) / "records", Path(name) / "site"
        for k in range(options.methods):
            make_record(labels, records, k)
        sys.stderr.write(f"{options.methods} records of {len(labels):,} hands\n")
        print("| build | s | core seconds | pages | MB | files written |\n|---|---:|---:|---:|---:|---:|")
        before: set[int] = set()
        os.environ[CACHE_VARIABLE] = str(Path(name) / "cache")
        for title in ("first", "again, nothing new", "one method more"):
            if title == "one method more":
                make_record(labels, records, options.methods)
            seconds, cores, site = timed(lambda: build_leaderboard(records, out))
            files = [path for path in out.rglob("*") if path.is_file()]
            nodes = {path.stat().st_ino for path in files}
            size = sum(path.stat().st_size for path in files) / 1e6
            print(f"| {title} | {seconds:.0f} | {cores:.0f} | {site.pages} | {size:.1f} | {len(nodes - before)} |")
            before = nodes


if __name__ == "__main__":
    main()
