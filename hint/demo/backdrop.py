"""Backdrops: flat pictures of colour gradients, soft shapes and noise."""

from __future__ import annotations

import cv2
import numpy as np

from hint.demo.geometry import Array

KINDS = ("gradient", "room", "bokeh", "noise", "shelves")


def backdrop(kind: str, rng: np.random.Generator, width: int, height: int) -> Array:
    """Return a (height,width,3) linear RGB picture.

    Args:
        kind: One of ``KINDS``.
        rng: Random shapes and colours.
        width: px.
        height: px.
    """
    picture = _gradient(rng, width, height)
    if kind == "room":
        picture = _boxes(picture, rng, 14, 0.45)
    elif kind == "shelves":
        picture = _boxes(_shelves(picture, rng), rng, 6, 0.15)
    elif kind == "bokeh":
        picture = _discs(picture, rng)
    elif kind == "noise":
        picture = picture * (0.45 + 1.1 * _cloud(rng, width, height))
    blur = {"gradient": 1.0, "room": 6.0, "bokeh": 2.5, "noise": 1.5, "shelves": 4.0}[kind] * rng.uniform(0.6, 1.8)
    soft: Array = cv2.GaussianBlur(picture, (0, 0), blur).clip(0)
    return soft


def colour(rng: np.random.Generator, low: float = 0.05, high: float = 0.75, dull: float = 0.55) -> Array:
    """Draw a linear RGB colour, mostly muted."""
    grey = rng.uniform(low, high)
    vivid = rng.uniform(low, high, 3)
    share = rng.beta(1.2, 1.6) if rng.random() > dull else rng.uniform(0, 0.25)
    return np.asarray((grey + share * (vivid - grey)) ** 1.6)


def _gradient(rng: np.random.Generator, width: int, height: int) -> Array:
    a, b = colour(rng), colour(rng)
    angle = rng.uniform(0, 2 * np.pi)
    x, y = np.meshgrid(np.linspace(-1, 1, width), np.linspace(-1, 1, height))
    share = np.clip(0.5 + 0.4 * (x * np.cos(angle) + y * np.sin(angle)), 0, 1)
    return np.stack([low + share * (high - low) for low, high in zip(a, b, strict=True)], 2)


def _boxes(picture: Array, rng: np.random.Generator, n: int, size: float) -> Array:
    height, width = picture.shape[:2]
    for _ in range(n):
        w, h = rng.uniform(0.05, size, 2) * (width, height)
        x, y = rng.uniform(-0.1, 1, 2) * (width, height)
        cv2.rectangle(picture, (int(x), int(y)), (int(x + w), int(y + h)), colour(rng).tolist(), -1)
    return picture


def _shelves(picture: Array, rng: np.random.Generator) -> Array:
    height, width = picture.shape[:2]
    for top in np.arange(rng.uniform(-0.1, 0.1), 1.0, rng.uniform(0.2, 0.32)) * height:
        board = colour(rng, 0.2, 0.6).tolist()
        x = 0.0
        while x < width:
            w, h = rng.uniform(0.02, 0.09) * width, rng.uniform(0.08, 0.19) * height
            cv2.rectangle(picture, (int(x), int(top - h)), (int(x + w), int(top)), colour(rng).tolist(), -1)
            x += w * rng.uniform(1.0, 1.5)
        cv2.rectangle(picture, (0, int(top)), (width, int(top + 0.02 * height)), board, -1)
    return picture


def _discs(picture: Array, rng: np.random.Generator) -> Array:
    height, width = picture.shape[:2]
    for _ in range(int(rng.integers(15, 50))):
        x, y = (rng.uniform(0, 1, 2) * (width, height)).astype(int).tolist()
        radius = int(rng.uniform(0.01, 0.09) * width)
        left, top = max(x - radius - 2, 0), max(y - radius - 2, 0)
        around = picture[top : y + radius + 3, left : x + radius + 3]
        layer = around.copy()
        cv2.circle(layer, (x - left, y - top), radius, (colour(rng) * 2.2).tolist(), -1, cv2.LINE_AA)
        around[:] = cv2.addWeighted(layer, 0.5, around, 0.5, 0)
    return picture


def _cloud(rng: np.random.Generator, width: int, height: int) -> Array:
    total = np.zeros((height, width))
    for k in range(5):
        cells = 3 * 2**k
        total += cv2.resize(rng.random((cells, cells)), (width, height), interpolation=cv2.INTER_CUBIC) / 2**k
    cloud: Array = ((total - total.min()) / np.ptp(total))[..., None]
    return cloud
