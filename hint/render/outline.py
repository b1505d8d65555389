"""Outlines of drawn meshes: fingers stay apart, and hands from what is behind them, at any size."""

from __future__ import annotations

import cv2
import numpy as np

from hint.render.mesh import MeshPicture

#: Metres between neighbouring pixels from which one part lies before another: about half a finger.
_STEP = 0.008
#: What is left of the colour on an outline.
_SHADE = 0.4


def outlined(picture: MeshPicture, width: float) -> MeshPicture:
    """Return a drawn mesh with darkened edges: its silhouette, and where one part hides another.

    Args:
        picture: The drawn mesh.
        width: Of the line, px; below 1 it is fainter.
    """
    covered = np.isfinite(picture.depth)
    if not covered.any():
        return picture
    far = picture.depth[covered].max() + 10 * _STEP
    depth = np.where(covered, picture.depth, far).astype(np.float32)
    # A line lies on the nearer side of an edge.
    behind = cv2.dilate(depth, np.ones((3, 3), np.uint8), borderType=cv2.BORDER_REPLICATE)
    edge = (behind - depth > _STEP).astype(np.float32)
    if width > 2:
        edge = cv2.dilate(edge, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (round(width),) * 2))
    soft = cv2.GaussianBlur(edge, (0, 0), max(0.6, width / 4))
    light = 1 - (1 - _SHADE) * min(1.0, width) * np.minimum(1.6 * soft, 1)
    rgba = picture.rgba.copy()
    rgba[..., :3] = np.rint(rgba[..., :3] * light[..., None])
    return picture._replace(rgba=rgba)
