"""Crops per second, beside a plain OpenCV warp of the same squares.

OpenCV flips the whole picture for a left hand, as the released evaluation does; ours never does.

    python perf/crops.py
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np

from hint.crop import CROP_SIZE, Square, crop
from hint.types import Image


def warp(image: Image, square: Square, *, mirror: bool) -> Any:
    """Cut a crop with OpenCV."""
    if mirror:
        image, square = cv2.flip(image, 1), square._replace(x=image.shape[1] - square.x - 1)
    corner = np.array([square.x, square.y]) - square.size / 2
    scale = CROP_SIZE / square.size
    matrix = np.array([[scale, 0, -scale * corner[0]], [0, scale, -scale * corner[1]]])
    return cv2.warpAffine(image, matrix, (CROP_SIZE, CROP_SIZE), flags=cv2.INTER_LINEAR)


def squares(n: int, height: int, width: int, rng: np.random.Generator) -> list[Square]:
    """Draw squares of the sizes hands have in pictures."""
    sizes = rng.uniform(100, 700, n)
    return [Square(x, y, s) for x, y, s in zip(rng.uniform(0, width, n), rng.uniform(0, height, n), sizes, strict=True)]


def per_second(cut: Callable[..., Any], image: Image, where: list[Square], mirror: bool) -> float:
    """Return crops per second, the best of five rounds."""
    rounds = []
    for _ in range(5):
        start = time.perf_counter()
        for square in where:
            cut(image, square, mirror=mirror)
        rounds.append(time.perf_counter() - start)
    return len(where) / min(rounds)


def main() -> None:
    """Print a table of crops per second."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=200, help="crops per round")
    n = parser.parse_args().n
    cv2.setNumThreads(1)
    rng = np.random.default_rng(0)
    print(f"One thread, OpenCV {cv2.__version__}, {n} squares of 100 to 700 px\n")
    print("| picture | hand | ours, crops/s | OpenCV, crops/s | ratio | largest difference, grey levels |")
    print("|---|---|---:|---:|---:|---:|")
    for height, width in ((480, 854), (1080, 1920)):
        noise = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
        image = cv2.GaussianBlur(noise, (0, 0), 2)
        where = squares(n, height, width, rng)
        for mirror in (False, True):
            ours, theirs = (per_second(cut, image, where, mirror) for cut in (crop, warp))
            pairs = [(crop(image, s, mirror=mirror), warp(image, s, mirror=mirror)) for s in where]
            apart = max(int(cv2.absdiff(a, b).max()) for a, b in pairs)
            hand = "left" if mirror else "right"
            print(f"| {width}x{height} | {hand} | {ours:.0f} | {theirs:.0f} | {ours / theirs:.2f} | {apart} |")


if __name__ == "__main__":
    main()
