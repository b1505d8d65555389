"""Measure time and peak memory of a million hands from method to leaderboard.

    python perf/million.py
    python perf/million.py 100000 --methods mean-pose box-centre oracle-noise

Labels are made up and have no pictures, so the methods are controls: what is measured is everything around them. Every
command is a process of its own. A million hands need 5 GB of disk for one method.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from hint_process import Used, run_hint
from score_million import synthetic

from hint.files.evaluation_npz import write_evaluation_npz

#: Hands of each clip.
_PER_CLIP = 50


def write_labels(folder: Path, hands: int) -> None:
    """Write evaluation files of made-up hands, whose names say which are of one clip."""
    labels, _ = synthetic(hands, max(hands // _PER_CLIP, 1))
    names = [f"ND_{k // _PER_CLIP:011d}_frame{k % _PER_CLIP:06d}_r" for k in range(hands)]
    write_evaluation_npz(folder, replace(labels, hand_id=np.array(names)))


def measured(hands: int, methods: list[str]) -> list[tuple[str, Used]]:
    """Evaluate every method twice, then build the board; return what each command did and took."""
    found = []
    with TemporaryDirectory() as name:
        folder = Path(name)
        write_labels(folder / "data", hands)
        for method in methods:
            run = ("eval", "--data", "data", "--method", method, "--out", "out")
            found += [(f"{method}: {step}", run_hint(run, folder)) for step in ("predict and score", "score again")]
        build = ("leaderboard", "build", "out", "--out", "site")
        records = f"{len(methods)} record{'s' if len(methods) > 1 else ''}"
        found.append((f"board of {records}", run_hint(build, folder)))
        found.append((f"the same board of {records} again", run_hint(build, folder)))
    return found


def main() -> None:
    """Measure each size, print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("hands", type=int, nargs="*", default=[10_000, 100_000, 1_000_000], help="numbers of hands")
    parser.add_argument("--methods", nargs="+", default=["mean-pose"], help="controls")
    options = parser.parse_args()
    print("| hands | step | core seconds | peak memory, GiB |\n|---:|---|---:|---:|", flush=True)
    for hands in options.hands:
        for step, used in measured(hands, options.methods):
            print(f"| {hands:,} | {step} | {used.core_seconds:.1f} | {used.peak_mib / 1024:.2f} |", flush=True)


if __name__ == "__main__":
    main()
