"""Hands over the picture they were found in, and turned: from the side and from above."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, get_args

import numpy as np

from hint.errors import InputError, UnknownNameError
from hint.render.camera import Camera
from hint.render.mesh import Mesh, render_mesh
from hint.render.tile import PAPER, TILE, Tile
from hint.types import Double, Image

#: ``side`` looks from the right of the picture: what was far away is on the right. ``top`` looks down from above:
#: what was far away is at the top.
View = Literal["front", "side", "top"]

#: Rows are where the turned x, y and z come from.
_TURNS: dict[str, Double] = {
    "front": np.eye(3),
    "side": np.array([[0.0, 0, 1], [0, 1, 0], [-1, 0, 0]]),
    "top": np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]),
}

#: A view's camera is so many times the size of what it shows away: almost parallel, as the cameras of methods are.
_DISTANCE = 10.0
#: The share of a view that is filled at most.
_FILLED = 0.92


def overlay(image: Image, meshes: Mesh | Sequence[Mesh], camera: Camera, opacity: float = 1.0) -> Image:
    """Return a copy of a picture with meshes drawn over it.

    Args:
        image: (H,W,3) RGB.
        meshes: One or more.
        camera: The picture's camera; ``width`` and ``height`` are those of the picture.
        opacity: 0..1.
    """
    return render_mesh(meshes, camera).over(image, opacity)


def overlay_tile(tile: Tile, meshes: Mesh | Sequence[Mesh], camera: Camera, opacity: float = 1.0) -> Image:
    """Draw meshes over a tile as :func:`overlay` does, sharp at the tile's scale.

    Args:
        tile: What :func:`hint.render.cut_tile` cut.
        meshes: One or more.
        camera: Camera of the picture the tile was cut out of.
        opacity: 0..1.
    """
    return overlay(tile.image, meshes, tile.camera(camera), opacity)


def view(meshes: Mesh | Sequence[Mesh], name: View, side: int = TILE, extent: float | None = None) -> Image:
    """Draw meshes on paper from one side, all of them at the same distance.

    Args:
        meshes: One or more.
        name: "front", "side" or "top", relative to the camera.
        side: Side of the picture, px.
        extent: Metres the picture shows; None for what the meshes need, the same in every view.

    Returns:
        (side,side,3) RGB.
    """
    if name not in get_args(View):
        raise UnknownNameError("view", name, get_args(View))
    parts = [meshes] if isinstance(meshes, Mesh) else list(meshes)
    paper = np.full((side, side, 3), PAPER, np.uint8)
    if not parts:
        return paper
    points = np.concatenate([m.vertices for m in parts])
    middle = (points.min(0) + points.max(0)) / 2
    shown = float(2 * np.linalg.norm(points - middle, axis=1).max()) / _FILLED if extent is None else extent
    if not shown > 0:
        raise InputError(f"a view must show more than {shown} metres")
    away = np.array([0, 0, _DISTANCE * shown])
    turned = [replace(m, vertices=(m.vertices - middle) @ _TURNS[name].T + away) for m in parts]
    camera = Camera(side, side, side * _DISTANCE, ((side - 1) / 2, (side - 1) / 2))
    return overlay(paper, turned, camera)
