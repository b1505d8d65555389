"""Camera effects: from linear light to the pixels of a photograph."""

from __future__ import annotations

import cv2
import numpy as np

from hint.demo.geometry import Array, Mask
from hint.demo.scene import Sensor
from hint.types import Image


def exposure(light: Array, hand: Mask, aim: float) -> float:
    """Return the gain that brings the hand, or else the picture, to a mean brightness.

    Args:
        light: (H,W,3) linear RGB.
        hand: (H,W) where the hand is.
        aim: Brightness after the tone curve, 0..1.
    """
    level = light[hand].mean() if hand.sum() > 200 else 0.0
    level = 0.75 * level + 0.25 * light.mean()
    return float((aim**2.2 / max(level, 1e-4)) ** 0.85)


def develop(light: Array, sensor: Sensor, rng: np.random.Generator) -> Image:
    """Return the (H,W,3) picture that a sensor takes of exposed linear light."""
    height, width = light.shape[:2]
    x, y = np.meshgrid(np.linspace(-1, 1, width), np.linspace(-1, 1, height))
    falloff = 1 - sensor.vignette * (x**2 + y**2) / 2
    light = light * falloff.repeat(3).reshape(light.shape) * np.array(sensor.balance)
    light = _moved(light, sensor.motion)
    if sensor.blur > 0.2:
        light = cv2.GaussianBlur(light, (0, 0), sensor.blur)
    # A shoulder keeps highlights from clipping hard.
    tone = (light / (1 + np.maximum(light - 0.6, 0) * 0.6)).clip(0) ** (1 / 2.2)
    grain = rng.normal(size=tone.shape) * 0.7 + rng.normal(size=(height, width, 1)) * 0.7
    grain = cv2.GaussianBlur(grain, (0, 0), 0.6) * 2
    noisy = tone + sensor.noise * grain * (0.35 + tone)
    return np.asarray(noisy.clip(0, 1) * 255 + 0.5).astype(np.uint8)


def _moved(light: Array, motion: tuple[float, float]) -> Array:
    length = float(np.hypot(*motion))
    if length < 1:
        return light
    size = 2 * int(np.ceil(length / 2)) + 1
    kernel = np.zeros((size, size), np.float32)
    middle = np.array([size // 2, size // 2])
    ends = (middle + np.array(motion) / 2).round().astype(int), (middle - np.array(motion) / 2).round().astype(int)
    cv2.line(kernel, ends[0].tolist(), ends[1].tolist(), 1.0)
    moved: Array = cv2.filter2D(light, -1, kernel / kernel.sum())
    return moved
