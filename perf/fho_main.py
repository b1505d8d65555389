"""List the hands of a large synthetic fho_main.json, beside loading all of it.

    python perf/fho_main.py
    python perf/fho_main.py --gb 0.5 --plain-gb 0.1

The plain way is ``json.load`` and loops. It takes turns with ours on a smaller file, since it holds all of a file in
memory; ours reads the large one as well, to see its memory. Each reading is a process of its own.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import NamedTuple

from hint.provenance import peak_memory_bytes
from hint.sources import read_source

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from synthetic import write_fho_main  # type: ignore[import-not-found]

Hand = tuple[str, tuple[float, float, float, float]]


class Listing(NamedTuple):
    """What a reading took and found; peak in bytes, of the process."""

    seconds: float
    hands: int
    peak: int


def load_and_loop(path: Path) -> list[Hand]:
    """Return name and box of each hand."""
    with path.open() as stream:
        videos = json.load(stream)["videos"]
    hands = []
    for interval in (interval for video in videos for interval in video["annotated_intervals"]):
        if interval["redacted"] or interval["clip_uid"] is None:
            continue
        for action in interval["narrated_actions"]:
            if action["is_rejected"] or action["is_invalid_annotation"] or action["stage"] is None:
                continue
            for frame in action["frames"] or ():
                stem = f"{interval['clip_uid']}_{action['uid']}_{frame['clip_frame_number']}_{frame['frame_type']}"
                for box in frame["boxes"]:
                    if box["object_type"] in ("left_hand", "right_hand"):
                        x, y, width, height = box["bbox"].values()
                        hands.append((f"{stem}_{box['object_type'][0]}", (x, y, x + width, y + height)))
    return hands


def plain(path: Path) -> Listing:
    """Time the plain way."""
    start = time.perf_counter()
    hands = load_and_loop(path)
    return Listing(time.perf_counter() - start, len(hands), peak_memory_bytes() or 0)


def ours(path: Path) -> Listing:
    """Time ours."""
    start = time.perf_counter()
    pool = read_source("ego4d", path.parent)
    return Listing(time.perf_counter() - start, len(pool.hands), peak_memory_bytes() or 0)


def alone(work: Callable[[Path], Listing], path: Path) -> Listing:
    """Run in a process of its own."""
    with get_context("spawn").Pool(1) as pool:
        return pool.apply(work, (path,))


def write(folder: Path, gb: float) -> Path:
    """Write a file of that size; what a reader must find is not kept."""
    path = folder / f"{gb:g}" / "fho_main.json"
    n_bytes = write_fho_main(path, n_bytes=int(gb * 1e9), keep=False).n_bytes
    sys.stderr.write(f"wrote {n_bytes / 1e9:.2f} GB\n")
    return path


def row(name: str, path: Path, rounds: list[Listing], base: list[Listing] | None) -> str:
    """Return a line of the table: medians, and ratios to the plain way on the same file."""
    size = path.stat().st_size
    seconds, peak = median(one.seconds for one in rounds), median(one.peak for one in rounds)
    rate = speed = memory = "-"
    if base:
        rate = f"{size / 1e6 / seconds:.0f}"
        speed = f"{median(b.seconds / one.seconds for b, one in zip(base, rounds, strict=True)):.2f}"
        memory = f"{median(one.peak / b.peak for b, one in zip(base, rounds, strict=True)):.2f}"
    cells = [name, f"{size / 1e9:.1f}", rate, speed, f"{rounds[0].hands:,}"]
    return f"| {' | '.join([*cells, f'{peak / 2**30:.2f}', memory])} |"


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gb", type=float, default=2.0, help="size of the large file, 10^9 bytes")
    parser.add_argument("--plain-gb", type=float, default=0.5, help="size of the file both ways read")
    parser.add_argument("--rounds", type=int, default=3, help="turns on the smaller file")
    parser.add_argument("--cache", type=Path, help="folder to write the files below, by default the system's")
    options = parser.parse_args()
    print("| way | GB | MB/s | ratio | hands | peak memory, GiB | ratio |\n|---|---:|---:|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory(dir=options.cache) as folder:
        small = write(Path(folder), options.plain_gb)
        turns = [(alone(plain, small), alone(ours, small)) for _ in range(options.rounds)]
        theirs, mine = ([turn[k] for turn in turns] for k in (0, 1))
        print(row("`json.load` and loops", small, theirs, theirs))
        print(row("`read_source`", small, mine, theirs))
        small.unlink()
        large = write(Path(folder), options.gb)
        print(row("`read_source`", large, [alone(ours, large)], None))


if __name__ == "__main__":
    main()
