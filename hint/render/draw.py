"""Hands drawn on a picture, for notebooks: ``hint.draw``."""

from __future__ import annotations

import os

import numpy as np
from numpy.typing import ArrayLike

from hint.errors import InputError
from hint.files.path import as_path
from hint.images import read_image
from hint.render.keypoints import draw_keypoints
from hint.types import Image


def draw(
    image: ArrayLike | str | os.PathLike[str],
    keypoints: ArrayLike,
    *,
    visibility: ArrayLike | None = None,
    size: float | None = None,
) -> Image:
    """Return a copy of a picture with hands drawn on it.

    Args:
        image: (H,W,3) or grey (H,W) uint8 array, RGB, a PIL picture, or the path of a picture.
        keypoints: (21,2) or (N,21,2) px; joints that are not finite are left out.
        visibility: (21,) or (N,21): 0 not in the frame (left out), 1 occluded, 2 visible. None = all visible.
        size: Radius of a joint in units of 3 px; None for one that suits the picture.

    Returns:
        (H,W,3) uint8, RGB.

    Raises:
        InputError: If a shape or the type of the picture is not one of these, or its file cannot be read.
    """
    canvas = _canvas(image)
    points = np.asarray(keypoints, dtype=np.float64)
    if points.ndim not in (2, 3) or points.shape[-2:] != (21, 2):
        raise InputError(f"keypoints have shape {points.shape}, expected (21, 2) or (N, 21, 2)")
    hands = points.reshape(-1, 21, 2)
    states = np.full((len(hands), 21), 2) if visibility is None else np.asarray(visibility)
    if states.size != 21 * len(hands):
        raise InputError(f"visibility has shape {states.shape}, expected {points.shape[:-1]}")
    radius = max(1.0, max(canvas.shape) / 600) if size is None else size
    for hand, state in zip(hands, states.reshape(-1, 21), strict=True):
        canvas = draw_keypoints(canvas, hand, state, radius)
    return canvas


def _canvas(image: ArrayLike | str | os.PathLike[str]) -> Image:
    if isinstance(image, str | os.PathLike):
        return read_image(as_path(image))
    canvas = np.array(image)
    if canvas.ndim == 2:
        canvas = np.repeat(canvas[..., None], 3, 2)
    if canvas.dtype != np.uint8 or canvas.ndim != 3 or canvas.shape[2] != 3:
        raise InputError(f"the picture is {canvas.dtype} of shape {canvas.shape}, expected uint8 of (H, W, 3)")
    return canvas
