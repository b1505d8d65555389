"""Measure time and peak memory of a million hands from method to leaderboard.

    python perf/million.py

Labels are made up and have no pictures, so the method is a control: what is measured is everything around it. Every
command is a process of its own.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from score_million import synthetic

from hint.files.evaluation_npz import write_evaluation_npz

_HINT = "from hint.cli import main; main()"


def measured(*arguments: object) -> tuple[float, float]:
    """Run a command of ``hint``; return seconds and peak memory, GiB."""
    started = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-c", _HINT, *map(str, arguments)], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status):
        raise SystemExit(f"hint {arguments[0]} failed")
    return time.perf_counter() - started, usage.ru_maxrss / 2**20


def main() -> None:
    """Measure each size, print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("hands", type=int, nargs="*", default=[10_000, 100_000, 1_000_000], help="numbers of hands")
    parser.add_argument("--method", default="mean-pose", help="a control")
    options = parser.parse_args()
    print("| hands | predict and score | scored again | leaderboard build |\n|---:|---:|---:|---:|", flush=True)
    for hands in options.hands:
        with TemporaryDirectory() as folder:
            data, out = Path(folder, "data"), Path(folder, "out")
            labels, _ = synthetic(hands, max(hands // 50, 1))
            write_evaluation_npz(data, labels)
            del labels
            run = ("eval", "--data", data, "--method", options.method, "--out", out)
            columns = [measured(*run), measured(*run), measured("leaderboard", "build", out, "--out", f"{folder}/site")]
        cells = " | ".join(f"{seconds:.0f} s, {memory:.2f} GiB" for seconds, memory in columns)
        print(f"| {hands:,} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
