"""Milliseconds to prepare a hand: decode its picture, and cut the crop, beside a plain OpenCV warp of the same squares.

OpenCV flips the whole picture for a left hand, as the released evaluation does; ours never does. The ways take turns,
so that load slows all of them.

    python perf/crops.py
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import cv2
import numpy as np

from hint.crop import CROP_SIZE, Square, crop
from hint.images import decode_image, encode_image
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


def milliseconds(ways: dict[str, Callable[[], object]], n: int) -> dict[str, float]:
    """Return processor time per crop, the best of seven rounds in which the ways take turns."""
    best = dict.fromkeys(ways, float("inf"))
    for _ in range(7):
        for name, way in ways.items():
            start = time.thread_time()
            way()
            best[name] = min(best[name], (time.thread_time() - start) / n * 1000)
    return best


def cut_all(cut: Callable[..., object], image: Image, where: list[Square], mirror: bool) -> None:
    """Cut all crops."""
    for square in where:
        cut(image, square, mirror=mirror)


def decode_times(image: Image, n: int) -> None:
    """Print what reading a picture takes."""
    content = encode_image(image, ".jpg", 90)
    took = milliseconds({"decode": lambda: [decode_image(content, "") for _ in range(n)]}, n)["decode"]
    print(f"\ndecoding a JPEG of {image.shape[1]}x{image.shape[0]}, {len(content) // 1000} kB: {took:.2f} ms")


def main() -> None:
    """Print a table of crops per second."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=200, help="crops per round")
    n = parser.parse_args().n
    cv2.setNumThreads(1)
    rng = np.random.default_rng(0)
    print(f"One thread, OpenCV {cv2.__version__}, {n} squares of 100 to 700 px\n")
    print("| picture | hand | ours, ms | OpenCV, ms | ratio | largest difference, grey levels |")
    print("|---|---|---:|---:|---:|---:|")
    for height, width in ((480, 854), (1080, 1920)):
        noise = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
        image = cv2.GaussianBlur(noise, (0, 0), 2)
        where = squares(n, height, width, rng)
        for mirror in (False, True):
            ways = {cut.__name__: partial(cut_all, cut, image, where, mirror) for cut in (crop, warp)}
            took = milliseconds(ways, n)
            pairs = [(crop(image, s, mirror=mirror), warp(image, s, mirror=mirror)) for s in where]
            apart = max(int(cv2.absdiff(a, b).max()) for a, b in pairs)
            hand = "left" if mirror else "right"
            ours, theirs = took["crop"], took["warp"]
            print(f"| {width}x{height} | {hand} | {ours:.2f} | {theirs:.2f} | {theirs / ours:.2f} | {apart} |")
    small, grain = (cv2.resize(pixels, (640, 480)) for pixels in (image, noise))
    decode_times(cv2.addWeighted(small, 0.9, grain, 0.1, 0), n)


if __name__ == "__main__":
    main()
