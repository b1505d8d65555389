"""A z-buffer in numpy: which triangle is visible where.

Triangles are cut into runs of neighbouring samples, row by row; all runs are then written out at once. An edge that two
triangles share is computed from the same numbers for both, and a run holds its left end but not its right one, so every
sample inside a surface belongs to exactly one triangle.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hint.render.camera import Camera
from hint.types import Double, Float

Index = NDArray[np.int64]

#: Triangles with a corner nearer than this, or behind the camera, are left out, metres.
NEAR = 1e-3

#: Samples that are written at a time: what is needed for that stays in the cache.
_BATCH = 1 << 15


class Raster(NamedTuple):
    """What is visible in a window of the picture, at samples x samples places of every pixel.

    Attributes:
        at: First row and first column of the window, in samples of the picture.
        face: (h*samples,w*samples) the nearest triangle, -1 where there is none.
        inverse_depth: (h*samples,w*samples) 1/metres, 0 where there is none.
    """

    at: tuple[int, int]
    face: NDArray[np.int32]
    inverse_depth: Float

    def corner(self, centre: tuple[float, float]) -> tuple[float, float]:
        """Return x and y of the window's first sample, counted from the principal point."""
        return self.at[1] - centre[0], self.at[0] - centre[1]


class Projected(NamedTuple):
    """Triangles on the picture, corners from top to bottom.

    Attributes:
        face: (T,) which of the mesh's triangles.
        corners: (T,3) their vertices.
        x: (T,3) samples right of the principal point.
        y: (T,3) samples below the principal point.
        inverse_depth: (T,3) 1/metres.
        facing: (T,) whether the outside is visible.
    """

    face: Index
    corners: Index
    x: Double
    y: Double
    inverse_depth: Double
    facing: NDArray[np.bool_]

    def slopes(self, values: Double) -> tuple[Double, Double]:
        """Return (T,...) changes to the right and downwards of (T,3,...) values at the corners."""
        x, y = self.x[:, 1:] - self.x[:, :1], self.y[:, 1:] - self.y[:, :1]
        area = x[:, 0] * y[:, 1] - x[:, 1] * y[:, 0]
        change = (values[:, 1:] - values[:, :1]).T
        right = (change[..., 0, :] * y[:, 1] - change[..., 1, :] * y[:, 0]) / area
        down = (change[..., 1, :] * x[:, 0] - change[..., 0, :] * x[:, 1]) / area
        return right.T, down.T


class _Runs(NamedTuple):
    """Neighbouring samples of one row and one triangle: where they begin in the window, how many, and their depth."""

    start: Index
    length: Index
    face: Index
    first: Float
    step: Float

    def part(self, begin: int, end: int) -> _Runs:
        """Return runs begin to end."""
        of = slice(begin, end)
        return _Runs(self.start[of], self.length[of], self.face[of], self.first[of], self.step[of])


def principal_point(camera: Camera, samples: int) -> tuple[float, float]:
    """Return the principal point in samples: the first sample's centre is (0, 0)."""
    x, y = ((c + 0.5) * samples - 0.5 for c in camera.centre)
    return x, y


def project(vertices: Double, faces: Index, camera: Camera, samples: int) -> Projected:
    """Project the triangles that are in front of the camera and have an area."""
    ahead = np.flatnonzero((vertices[faces, 2] > NEAR).all(1))
    with np.errstate(divide="ignore", invalid="ignore"):
        inverse = 1 / vertices[:, 2]
        flat = camera.focal * samples * vertices[:, :2] * inverse[:, None]
    corners = faces[ahead]
    x, y = flat[corners, 0], flat[corners, 1]
    area = (x[:, 1] - x[:, 0]) * (y[:, 2] - y[:, 0]) - (x[:, 2] - x[:, 0]) * (y[:, 1] - y[:, 0])
    order = np.argsort(y, axis=1, kind="stable")[area != 0]
    corners = np.take_along_axis(corners[area != 0], order, 1)
    places, depths = flat[corners], inverse[corners]
    # Seen from outside, corners go round against the clock; y points down, so their signed area is then negative.
    return Projected(ahead[area != 0], corners, places[..., 0], places[..., 1], depths, area[area != 0] < 0)


def rasterise(projected: Projected, camera: Camera, samples: int) -> Raster:
    """Find the nearest triangle at every sample of the window the triangles lie in.

    Args:
        projected: Triangles.
        camera: What they were projected with.
        samples: Samples of a pixel along each axis; 1 is its centre.
    """
    centre = principal_point(camera, samples)
    left, right = _window(projected.x, centre[0], samples, camera.width)
    top, bottom = _window(projected.y, centre[1], samples, camera.height)
    shape = bottom - top, right - left
    # Depth in the upper half, the triangle in the lower one: the largest number is the nearest triangle.
    nearest = np.zeros(shape[0] * shape[1], np.uint64)
    for where, depth, face in _batches(_runs(projected, shape, (centre[0] - left, centre[1] - top))):
        np.maximum.at(nearest, where, depth.view(np.uint32).astype(np.uint64) << np.uint64(32) | face)
    triangle = (nearest & np.uint64(0xFFFFFFFF)).astype(np.int32) - np.int32(1)
    inverse_depth = (nearest >> np.uint64(32)).astype(np.uint32).view(np.float32)
    return Raster((top, left), triangle.reshape(shape), inverse_depth.reshape(shape))


def _window(places: Double, centre: float, samples: int, length: int) -> tuple[int, int]:
    """Return the samples along one axis, of whole pixels, that triangles may touch."""
    if not places.size:
        return 0, 0
    ends = np.clip((np.array([places.min(), places.max()]) + centre) / samples, -1, length + 1)
    first, last = int(np.floor(ends[0])), int(np.ceil(ends[1])) + 1
    return min(max(first, 0), length) * samples, max(min(last, length), 0) * samples


def _runs(p: Projected, shape: tuple[int, int], centre: tuple[float, float]) -> _Runs:
    """Cut triangles into runs of a window whose first sample is as far left of and above the principal point."""
    (height, width), (x0, y0) = shape, centre
    above, below = (_first_at_or_after(p.y[:, k] + y0, height) for k in (0, 2))
    triangle = np.repeat(np.arange(len(p.face)), below - above)
    row = _counted(below - above) + np.repeat(above, below - above)
    y = np.asarray(row - y0, np.float64)
    one, other = _crossings(p, triangle, y)
    start = _first_at_or_after(np.minimum(one, other) + x0, width)
    stop = _first_at_or_after(np.maximum(one, other) + x0, width)
    full = stop > start
    start, stop, triangle, row, y = start[full], stop[full], triangle[full], row[full], y[full]
    right, down = p.slopes(p.inverse_depth)
    base = p.inverse_depth[triangle, 0] + (y - p.y[triangle, 0]) * down[triangle]
    low, high = (extreme(p.inverse_depth.T)[triangle] for extreme in (_least, _most))
    # Triangles seen edge-on have extreme slopes, so depths are clipped to those of their corners.
    first, last = (
        np.clip(base + (end - x0 - p.x[triangle, 0]) * right[triangle], low, high) for end in (start, stop - 1)
    )
    step = (last - first) / np.maximum(stop - start - 1, 1)
    return _Runs(row * width + start, stop - start, p.face[triangle], first.astype(np.float32), step.astype(np.float32))


def _least(corners: Double) -> Double:
    least: Double = np.minimum(np.minimum(corners[0], corners[1]), corners[2])
    return least


def _most(corners: Double) -> Double:
    most: Double = np.maximum(np.maximum(corners[0], corners[1]), corners[2])
    return most


def _first_at_or_after(places: Double, length: int) -> Index:
    return np.ceil(np.clip(places, 0, length)).astype(np.int64)


def _counted(counts: Index) -> Index:
    """Return 0, 1, ... up to each count, one after the other."""
    ends = np.cumsum(counts)
    return np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - counts, counts)


def _crossings(p: Projected, triangle: Index, y: Double) -> tuple[Double, Double]:
    """Return (R,) where rows cross the long edge of their triangle, and where one of the two short ones."""
    with np.errstate(divide="ignore", invalid="ignore"):  # a level edge is crossed by no row
        edges = [(p.x[:, b] - p.x[:, a]) / (p.y[:, b] - p.y[:, a]) for a, b in ((0, 2), (0, 1), (1, 2))]
    lower = (y >= p.y[triangle, 1]).astype(np.int64)
    short = 2 * triangle + lower
    x, height = p.x[:, :2].ravel()[short], p.y[:, :2].ravel()[short]
    return (
        p.x[:, 0][triangle] + (y - p.y[:, 0][triangle]) * edges[0][triangle],
        x + (y - height) * np.stack(edges[1:], 1).ravel()[short],
    )


def _batches(runs: _Runs) -> Iterator[tuple[Index, Float, NDArray[np.uint64]]]:
    """Yield samples of the window, their inverse depth, and their triangle counted from 1."""
    total = np.cumsum(runs.length)
    cuts = np.searchsorted(total, np.arange(_BATCH, total[-1] if len(total) else 0, _BATCH)).tolist()
    for begin, end in zip([0, *cuts], [*cuts, len(total)], strict=True):
        part = runs.part(begin, end)
        offset = _counted(part.length)
        depth = np.repeat(part.first, part.length) + np.repeat(part.step, part.length) * offset.astype(np.float32)
        face = np.repeat((part.face + 1).astype(np.uint64), part.length)
        yield np.repeat(part.start, part.length) + offset, depth, face
