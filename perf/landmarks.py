"""Time and score how a hand is read from its box, beside trying every rotation.

    hint demo-data --seed 0 --out demo-data
    python perf/landmarks.py demo-data --limit 40

Every hand is read both ways in turn, on one core, so that other work on the machine slows both.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from hint.files import read_pairs
from hint.images import read_image
from hint.landmarks.reading import HandReader, Reading
from hint.landmarks.region import around_box, around_landmarks
from hint.types import Double, Hand, Image

Read = Callable[[Image, Hand], Reading]


def every_rotation(reader: HandReader) -> Read:
    """Return the plain way: eight rotations, the surest goes on for three closer looks."""

    def read(image: Image, hand: Hand) -> Reading:
        turns = [around_box(hand.box_xyxy, 1.6, k * math.tau / 8, not hand.is_right) for k in range(8)]
        best = max((reader.look(image, turn) for turn in turns), key=lambda look: look.presence)
        for _ in range(3):
            closer = reader.look(image, around_landmarks(best.keypoints, not hand.is_right))
            if closer.presence < best.presence - 0.02:
                break
            best = closer
        return best

    return read


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="a folder of HInt pairs")
    parser.add_argument("--limit", type=int, help="hands to read")
    options = parser.parse_args()
    parts = sorted(options.data.glob("*_img")) or [options.data]
    labels = read_pairs(parts[0])
    labels = labels.select(np.arange(len(labels.hand_id))[: options.limit])
    reader = HandReader(threads=1)
    ways: dict[str, Read] = {
        "`hint.landmarks`": lambda image, hand: reader.read(image, hand.box_xyxy, hand.is_right),
        "every rotation": every_rotation(reader),
    }
    seconds = dict.fromkeys(ways, 0.0)
    points: dict[str, list[Double]] = {name: [] for name in ways}
    for hand in labels.hands():
        assert hand.image is not None
        image = read_image(hand.image)
        for name, read in ways.items():
            started = time.process_time()
            points[name].append(read(image, hand).keypoints)
            seconds[name] += time.process_time() - started
    print("| | hands/s, one core | ratio | PCK@0.05 | @0.1 | @0.15 |", "|---|---|---|---|---|---|", sep="\n")
    for name in ways:
        distance = np.linalg.norm(np.stack(points[name]) - labels.keypoints_2d, axis=2) / labels.longest_side[:, None]
        pck = [f"{100 * (distance <= share)[labels.existence].mean():.1f}" for share in (0.05, 0.1, 0.15)]
        rate, ratio = len(labels.hand_id) / seconds[name], seconds["every rotation"] / seconds[name]
        print(f"| {name} | {rate:.1f} | {ratio:.2f} | {' | '.join(pck)} |")


if __name__ == "__main__":
    main()
