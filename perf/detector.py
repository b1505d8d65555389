"""Which labelled hands a detector finds in whole pictures, by size, and how long it takes.

    python perf/detector.py demo-data                        # after hint demo-data
    python perf/detector.py pictures --detector wilor --draw drawn

A labelled hand is found if a detected box overlaps its box by at least --overlap (intersection over union); each box
counts for one hand. Other boxes are listed as "others": hands that nobody labelled, or mistakes; --draw shows them.
Pictures that were stored once for each of their hands are searched once.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from pathlib import Path

import cv2
import numpy as np

from hint.box import overlap
from hint.detection import Detection, Picture, create_detector
from hint.files import read_labels
from hint.images import read_image, write_image
from hint.provenance import sha256_file
from hint.types import Hand, Image

#: Upper limits of the longest side of the labelled box, px.
GROUPS = (32, 60, 120, 10**6)
LABELLED, RIGHT, LEFT = (0, 200, 0), (40, 90, 255), (255, 190, 0)


def group_of(hand: Hand) -> str:
    """Return the size group of a hand."""
    x1, y1, x2, y2 = hand.box_xyxy
    side = max(x2 - x1, y2 - y1)
    low = max((limit for limit in (0, *GROUPS) if limit <= side), default=0)
    high = min(limit for limit in GROUPS if limit > side)
    return f"{low} px and more" if high == GROUPS[-1] else f"{low} to {high} px"


def match(hands: list[Hand], found: list[Detection], least: float) -> dict[int, Detection]:
    """Return which labelled hands were found: number -> detection; the best pairs are joined first."""
    pairs = [(overlap(hand.box_xyxy, d.box_xyxy), h, k) for h, hand in enumerate(hands) for k, d in enumerate(found)]
    matched: dict[int, int] = {}
    for common, h, k in sorted(pairs, reverse=True):
        if common >= least and h not in matched and k not in matched.values():
            matched[h] = k
    return {h: found[k] for h, k in matched.items()}


def drawn(image: Image, hands: list[Hand], found: list[Detection]) -> Image:
    """Draw labels and detections, small pictures enlarged."""
    scale = max(1, round(1200 / max(image.shape[:2])))
    canvas = cv2.resize(image, None, fx=scale, fy=scale)
    labels = [(hand.box_xyxy, LABELLED, "") for hand in hands]
    for box, colour, text in labels + [(d.box_xyxy, RIGHT if d.is_right else LEFT, f"{d.score:.2f}") for d in found]:
        x1, y1, x2, y2 = (round(edge * scale) for edge in box)
        cv2.rectangle(canvas, (x1, y1), (x2, y2), colour, 2)
        cv2.putText(canvas, text, (x1, y1 - 4), cv2.FONT_HERSHEY_SIMPLEX, 0.5, colour, 1, cv2.LINE_AA)
    return canvas


def main() -> None:
    """Search the pictures of labels and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("labels", type=Path)
    parser.add_argument("--detector", default="mediapipe")
    parser.add_argument("--overlap", type=float, default=0.5)
    parser.add_argument("--draw", type=Path)
    args = parser.parse_args()
    pictures: dict[str, list[Hand]] = defaultdict(list)
    for hand in read_labels(args.labels).hands():
        pictures[sha256_file(Path(str(hand.image)))].append(hand)
    detector = create_detector(args.detector)
    counts, sides, others, seconds = defaultdict(lambda: [0, 0]), 0, 0, []
    for hands in pictures.values():
        path = Path(str(hands[0].image))
        image = read_image(path)
        started = time.perf_counter(), time.process_time()
        found = detector.detect(Picture(path.stem, path, ""), image)
        seconds.append((time.perf_counter() - started[0], time.process_time() - started[1]))
        matched = match(hands, found, args.overlap)
        for number, hand in enumerate(hands):
            counts[group_of(hand)][0] += number in matched
            counts[group_of(hand)][1] += 1
        sides += sum(hands[number].is_right == d.is_right for number, d in matched.items())
        others += len(found) - len(matched)
        if args.draw:
            write_image(args.draw / f"{path.stem}.png", drawn(image, hands, found))
    total = [sum(column) for column in zip(*counts.values(), strict=True)]
    for name, (hits, number) in (*sorted(counts.items(), key=lambda row: float(row[0].split()[0])), ("all", total)):
        print(f"{name:<18} {hits:5} of {number:5} found  {100 * hits / number:5.1f} %")
    print(f"{others} other boxes; {sides} of {total[0]} sides right; {len(pictures)} pictures")
    for what, (typical, longest) in zip(("s", "s of one core"), np.quantile(seconds, (0.5, 1), axis=0).T, strict=True):
        print(f"{typical:.2f} {what} per picture (median), {longest:.2f} at most")


if __name__ == "__main__":
    main()
