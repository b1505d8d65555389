"""Solids: boxes, cylinders, spheres, bottles, cups, pens."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from hint.demo.geometry import Array, Index, Mesh
from hint.normals import vertex_normals

_SIDES = 40

#: Outlines of solids of revolution: (radius, height), scaled to a largest radius and half height of one.
_OUTLINES: dict[str, tuple[tuple[float, float], ...]] = {
    "cylinder": ((0, -1), (0.96, -1), (1, -0.97), (1, -0.97), (1, 0.97), (1, 0.97), (0.96, 1), (0, 1)),
    "bottle": (
        *((0, -1), (0.9, -1), (1, -0.96), (1, -0.6), (1, 0.3), (0.92, 0.45), (0.55, 0.64)),
        *((0.36, 0.74), (0.34, 0.84), (0.34, 0.84), (0.4, 0.84), (0.4, 0.84), (0.4, 1), (0.4, 1), (0, 1)),
    ),
    "cup": (
        *((0, -1), (0.8, -1), (0.86, -0.95), (0.94, 0), (1, 0.96), (0.985, 1), (0.94, 0.98)),
        *((0.9, 0.9), (0.84, 0), (0.76, -0.85), (0, -0.9)),
    ),
    "can": (
        (0, -1),
        (0.86, -1),
        (0.88, -1),
        (1, -0.9),
        (1, -0.9),
        (1, 0.88),
        (1, 0.88),
        (0.87, 0.98),
        (0.84, 0.94),
        (0, 0.94),
    ),
    "pen": (
        (0, -1),
        (0.3, -1),
        (0.95, -0.86),
        (1, -0.84),
        (1, 0.4),
        (1, 0.4),
        (0.9, 0.41),
        (0.9, 0.98),
        (0.7, 1),
        (0, 1),
    ),
    "plate": ((0, -1), (0.6, -1), (0.97, 0.7), (1, 1), (0.97, 1), (0.6, -0.5), (0, -0.5)),
}

KINDS = ("box", "sphere", "mug", *_OUTLINES)


@dataclass(frozen=True, eq=False)
class Prop:
    """A solid in space.

    Attributes:
        kind: One of ``KINDS``.
        size: (3,) half extents in metres; of solids of revolution: radius, radius, half the height.
        axes: (3,3) columns: its own x, y and z axis in camera axes.
        centre: (3,) metres.
        paint: Name of its pattern.
        colours: (2,3) linear RGB.
        gloss: 0 matt to 1 shiny.
    """

    kind: str
    size: Array
    axes: Array
    centre: Array
    paint: str
    colours: Array
    gloss: float

    def mesh(self) -> Mesh:
        """Return its surface."""
        local, faces = _solid(self.kind, self.size)
        normals = vertex_normals(local, faces)
        return Mesh(local @ self.axes.T + self.centre, faces, local, normals)

    def depth_inside(self, points: Array) -> Array:
        """Return (P,) how deep points are inside, as a share of its half width; negative outside."""
        local = np.abs((points - self.centre) @ self.axes) / self.size
        across = local[:, :2].max(1) if self.kind == "box" else np.linalg.norm(local[:, :2], axis=1)
        reach = np.linalg.norm(local, axis=1) if self.kind == "sphere" else np.maximum(across, local[:, 2])
        depth: Array = 1 - reach
        return depth


def _solid(kind: str, size: Array) -> tuple[Array, Index]:
    if kind == "box":
        return _box(size)
    if kind == "sphere":
        angle = np.linspace(-np.pi / 2, np.pi / 2, 25)
        return _turned(np.stack([np.cos(angle), np.sin(angle)], 1), size)
    if kind == "mug":
        body, faces = _turned(np.array(_OUTLINES["cup"]), size)
        handle, more = _handle(size)
        return np.concatenate([body, handle]), np.concatenate([faces, more + len(body)])
    return _turned(np.array(_OUTLINES[kind]), size)


def _box(size: Array) -> tuple[Array, Index]:
    """Return a box with bevelled edges; every facet has vertices of its own, so it stays flat."""
    bevel = min(0.0025, 0.25 * float(size.min()))
    corners = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], dtype=np.float64)
    facets = []
    for axis in range(3):
        for sign in (-1, 1):
            facet = corners[corners[:, axis] == sign] * (size - bevel)
            facet[:, axis] = sign * size[axis]
            facets.append((facet, sign * np.eye(3)[axis]))
    facets += _bevels(corners, size, bevel)
    vertices: list[Array] = []
    faces: list[tuple[int, int, int]] = []
    for points, normal in facets:
        around = points - points.mean(0)
        side = around[0] / np.linalg.norm(around[0])
        order = np.argsort(np.arctan2(around @ np.cross(normal, side), around @ side))
        start = len(vertices)
        vertices.extend(points[order])
        faces += [(start, start + k, start + k + 1) for k in range(1, len(points) - 1)]
    return np.array(vertices), np.array(faces)


def _bevels(corners: Array, size: Array, bevel: float) -> list[tuple[Array, Array]]:
    """Return the twelve edge strips and eight corner triangles as (points, outward direction)."""
    pulled = corners[:, None] * (size - bevel * (1 - np.eye(3)))  # (8,3,3): the corner's point on each of its sides
    strips = []
    for i in range(8):
        strips.append((pulled[i], corners[i] / np.sqrt(3)))
        for j in range(i + 1, 8):
            same = np.flatnonzero(corners[i] == corners[j])
            if len(same) == 2:
                outward = np.zeros(3)
                outward[same] = corners[i][same] / np.sqrt(2)
                strips.append((np.concatenate([pulled[i][same], pulled[j][same]]), outward))
    return strips


def _turned(outline: Array, size: Array) -> tuple[Array, Index]:
    """Return an outline turned about z, from its lower to its upper end; doubled points stay creases."""
    angle = np.arange(_SIDES) * 2 * np.pi / _SIDES
    circle = np.stack([np.cos(angle), np.sin(angle)], 1)
    rings = [np.column_stack([circle * r * size[:2], np.full(_SIDES, h * size[2])]) for r, h in outline]
    ids = np.arange(len(rings) * _SIDES).reshape(len(rings), _SIDES)
    faces = []
    for (near, far), (a, b) in zip(pairwise(ids), pairwise(outline), strict=True):
        if np.allclose(a, b):
            continue
        turn, other = np.roll(near, -1), np.roll(far, -1)
        faces += [np.stack([near, turn, other], 1), np.stack([near, other, far], 1)]
    return np.concatenate(rings), np.concatenate(faces)


def _handle(size: Array) -> tuple[Array, Index]:
    """Return a mug's handle: a bent tube on its +x side."""
    bend = np.linspace(-1.35, 1.35, 15)
    around = np.arange(10) * 2 * np.pi / 10
    radius, thick = 0.55 * size[2], 0.006
    middle = np.stack([0.86 * size[0] + 0.62 * size[0] * np.cos(bend), 0 * bend, radius * np.sin(bend)], 1)
    outward = np.stack([np.cos(bend), 0 * bend, np.sin(bend)], 1)
    ring = np.cos(around)[:, None, None] * outward + 1.3 * np.sin(around)[:, None, None] * np.array([0.0, 1.0, 0.0])
    points = (middle + thick * ring).transpose(1, 0, 2)
    ids = np.arange(points.shape[0] * 10).reshape(-1, 10)
    near, far = ids[:-1], ids[1:]
    a, b, c, d = near, np.roll(near, -1, 1), np.roll(far, -1, 1), far
    faces = np.concatenate([np.stack(t, -1).reshape(-1, 3) for t in ((a, c, b), (a, d, c))])
    return points.reshape(-1, 3), faces


def plane(centre: Array, normal: Array, forward: Array, extent: float = 3.0) -> Mesh:
    """Return a square of table seen from the side its normal points to."""
    side = np.cross(normal, forward)
    side /= np.linalg.norm(side)
    axes = np.stack([side, np.cross(normal, side), normal], 1)
    corners = np.array([[-1.0, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]]) * extent
    faces = np.array([[0, 1, 2], [0, 2, 3]])
    return Mesh(corners @ axes.T + centre, faces, corners, np.tile([0.0, 0, 1], (4, 1)))
