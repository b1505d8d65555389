"""Normals of triangle meshes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hint.types import Double


def vertex_normals(vertices: Double, faces: NDArray[np.int64]) -> Double:
    """Return the unit normals (V,3) of vertices: those of the faces around each, weighted by area.

    Sums run over the faces in their order, so a mesh that is mirrored and turned inside out has mirrored normals to
    the bit.

    Args:
        vertices: (V,3) any unit.
        faces: (F,3) triangles, counter-clockwise seen from outside.
    """
    a, b, c = vertices[faces].transpose(1, 0, 2)
    face = np.cross(b - a, c - a).repeat(3, 0)
    normals = np.stack([np.bincount(faces.ravel(), face[:, k], len(vertices)) for k in range(3)], 1)
    unit: Double = normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-30)
    return unit
