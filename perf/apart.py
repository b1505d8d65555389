"""Measure what it costs that every hand goes alone through a network on the CPU, and whether rows are the same then.

    python perf/apart.py hamer-tiny frankmocap:random metro:random

A name may be followed by a colon and weights.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np
import torch

from hint.apart import hands_apart
from hint.methods.synthetic_hands import SyntheticHand, synthetic_hands
from hint.methods.table import create
from hint.types import Method, MethodOptions

_ROUNDS = 4


def predict(
    method: Method, hands: Sequence[SyntheticHand], ready: Sequence[Any], size: int, threads: int, apart: bool
) -> tuple[float, np.ndarray]:
    """Predict hands in batches; return seconds and all numbers."""
    torch.set_num_threads(threads)
    started, found = time.perf_counter(), []
    for k in range(0, len(hands), size):
        with hands_apart() if apart else nullcontext():
            found.append(method.infer([drawn.hand for drawn in hands[k : k + size]], ready[k : k + size]))
    seconds = time.perf_counter() - started
    return seconds, np.concatenate([rows.keypoints_2d for rows in found])


def main() -> None:
    """Measure each method, print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("methods", nargs="+")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    hands, most = synthetic_hands(), options.threads
    print("| method | largest change, px: together | apart | time apart / together |\n|---|---:|---:|---:|")
    for given in options.methods:
        name, _, weights = given.partition(":")
        method = create(name, MethodOptions(device="cpu", weights=weights or None, mano="procedural"))
        ready = [method.prepare(drawn.hand, drawn.picture) for drawn in hands]
        ways = [(1, 1), (1, most), (5, 1), (12, most)]
        worst = []
        for apart in (False, True):
            rows = [predict(method, hands, ready, size, threads, apart)[1] for size, threads in ways]
            worst.append(max(float(np.abs(other - rows[0]).max()) for other in rows[1:]))
        best = {True: np.inf, False: np.inf}
        for _ in range(_ROUNDS):
            for apart in best:
                best[apart] = min(best[apart], predict(method, hands, ready, 12, most, apart)[0])
        print(f"| {given} | {worst[0]:.1g} | {worst[1]:.1g} | {best[True] / best[False]:.2f} |", flush=True)


if __name__ == "__main__":
    main()
