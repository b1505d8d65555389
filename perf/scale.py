"""What an engine costs: hands per second of one process, of two, and of a Ray cluster on the same cores.

Pictures are made up, 640x480, with two hands each; a hand costs what it costs in a photograph. Engines take turns, each
with few and with many hands, so that the time to start (load the method, start processes) and the rate come apart. A
second table has jobs that do nothing: how many an engine can hand out. With --listed alone, a third: what it costs to
send the jobs of so many hands to a Ray cluster before the first begins. Cores are left as they are.

    python perf/scale.py
    python perf/scale.py --listed 1000000
"""

from __future__ import annotations

import argparse
import pickle
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import cv2
import numpy as np

from hint.engine import Engine, LocalEngine, NamedMethod, Ready, Shard, Work, run
from hint.engine.jobs import HandJob, Pace, Queue
from hint.images import write_image
from hint.provenance import peak_memory_bytes
from hint.types import Hand, MethodOptions

Engines = dict[str, tuple[Engine, int]]

#: Hands of the short runs, of which the time to start is taken.
_FEW = 32


@dataclass(frozen=True)
class Nothing:
    """Jobs that do nothing."""

    def __call__(self, device: str | None) -> Callable[[Iterable[int]], Iterator[int]]:
        """Load nothing."""
        return iter

    def lost(self, job: int, why: str) -> int:
        """Return the job."""
        return job


@dataclass(frozen=True)
class Counting:
    """Jobs of hands that are counted, and left alone."""

    def __call__(self, device: str | None) -> Callable[[Iterable[HandJob]], Iterator[int]]:
        """Load nothing."""
        return lambda jobs: (len(job.hands) for job in jobs)

    def lost(self, job: HandJob, why: str) -> int:
        """Return that there were none."""
        return 0


def make_hands(folder: Path, count: int) -> list[Hand]:
    """Write pictures, and return two hands of each."""
    rng, hands = np.random.default_rng(0), []
    for k in range(count // 2):
        path = folder / f"{k:06d}.jpg"
        coarse = rng.integers(0, 255, (30, 40, 3), dtype=np.uint8)
        write_image(path, cv2.resize(coarse, (640, 480), interpolation=cv2.INTER_CUBIC))
        for side, x in (("l", 60), ("r", 360)):
            box = (float(x), 120.0, x + 180.0 + k % 7, 330.0)
            hands.append(Hand(f"{k:06d}_{side}", box, side == "r", path))
    return hands


def seconds(engine: Engine, method: str, hands: list[Hand], shards: int = 0) -> float:
    """Run a method over hands, in one run or in shards and their merge."""
    recipe, started = NamedMethod(method, MethodOptions(device="cpu")), time.perf_counter()
    with tempfile.TemporaryDirectory() as out:
        for number in range(1, shards + 1):
            run(Ready.load(recipe, engine), hands, save_to=Path(out, "p.npz"), shard=Shard(number, shards))
        run(Ready.load(recipe, engine), hands, save_to=Path(out, "p.npz"))
    return time.perf_counter() - started


def jobs_per_second(engine: Engine, few: int, many: int) -> float:
    """Return how many empty jobs an engine does per second once it has started."""
    from scale import Nothing as Named  # so that other processes can import it

    times = []
    for count in (few, many):
        started = time.perf_counter()
        assert list(engine.run(Named(), range(count))) == list(range(count))
        times.append(time.perf_counter() - started)
    return (many - few) / max(times[1] - times[0], 1e-9)


def print_listing(engine: Engine, few: int, many: int) -> None:
    """Print what it costs to send the jobs of many hands, two to a picture, beside those of few."""
    from scale import Counting as Named

    print("| hands | jobs | MB of jobs | seconds until the first is done | until all are | peak MB of this process |")
    print("|---:|---:|---:|---:|---:|---:|")
    for count in (few, many):
        place = Path("/shared/pictures")
        hands = [
            Hand(f"{k:07d}_l", (60.0, 120.0, 240.0, 330.0), False, place / f"{k // 2:07d}.jpg") for k in range(count)
        ]
        keys, queue = np.array([f"{k:016x}" for k in range(count)], np.str_), Queue.of(hands, True)
        sizes = [len(pickle.dumps(job)) for job in queue.jobs(hands, keys, Pace.even(count))]
        started = time.perf_counter()
        results = engine.run(Named(), queue.jobs(hands, keys, Pace.even(count)))
        done, first = next(results), time.perf_counter() - started
        assert done + sum(results) == count
        whole, peak = time.perf_counter() - started, (peak_memory_bytes() or 0) / 1e6
        print(f"| {count:,} | {len(sizes):,} | {sum(sizes) / 1e6:,.1f} | {first:.1f} | {whole:.1f} | {peak:,.0f} |")


def _round(engines: Engines, method: str, hands: list[Hand]) -> dict[str, list[float]]:
    """Return the seconds of each engine for few hands and for all."""
    return {
        name: [seconds(engine, method, hands[:count], shards) for count in (_FEW, len(hands))]
        for name, (engine, shards) in engines.items()
    }


def main() -> None:
    """Print two tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--method", default="hamer-tiny")
    parser.add_argument("--n", type=int, default=512, help="hands")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2, help="processes, and workers of Ray")
    parser.add_argument("--listed", type=int, help="hands of the third table, instead of the others")
    given = parser.parse_args()
    if given.listed:
        print_listing(Work("ray", f"cpu*{given.workers}").find_engine(), 10_000, given.listed)
        return
    engines: Engines = {
        "one process": (LocalEngine(), 0),
        f"--devices cpu*{given.workers}": (Work(devices=f"cpu*{given.workers}").find_engine(), 0),
        f"--engine ray, {given.workers} workers": (Work("ray", f"cpu*{given.workers}").find_engine(), 0),
        "two shards, one after the other, and the merge": (LocalEngine(), 2),
    }
    with tempfile.TemporaryDirectory() as folder:
        hands = make_hands(Path(folder), given.n)
        runs = [_round(engines, given.method, hands) for _ in range(given.rounds)]
    print(f"{given.method}, {given.n} hands, median of {given.rounds} rounds in turns\n")
    print("| engine | hands/s | of one process | seconds to start |")
    print("|---|---:|---:|---:|")
    rate = {name: [(given.n - _FEW) / (b - a) for a, b in (r[name] for r in runs)] for name in engines}
    for name in engines:
        ratio = median(mine / first for mine, first in zip(rate[name], rate["one process"], strict=True))
        start = median(r[name][0] - _FEW / k for r, k in zip(runs, rate[name], strict=True))
        print(f"| {name} | {median(rate[name]):.1f} | {ratio:.2f} | {start:.1f} |")
    print("\n| engine | empty jobs/s |\n|---|---:|")
    for name, (engine, shards) in engines.items():
        if not shards:
            print(f"| {name} | {jobs_per_second(engine, 100, 2100):,.0f} |")


if __name__ == "__main__":
    main()
