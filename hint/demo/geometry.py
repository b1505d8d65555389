"""Triangle meshes, ray casting, and subdivision surfaces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from embreex.mesh_construction import TriangleMesh
from embreex.rtcore_scene import EmbreeScene
from numpy.typing import NDArray
from scipy import sparse

from hint.demo.columns import picked
from hint.normals import vertex_normals

Array = NDArray[np.float64]
Index = NDArray[np.int64]
Mask = NDArray[np.bool_]
Single = NDArray[np.float32]

#: Distance a ray starts above the surface it leaves, in metres.
LIFT = 3e-4


@dataclass(frozen=True, eq=False)
class Mesh:
    """Triangles with texture coordinates in space.

    Attributes:
        vertices: (V,3) metres, camera axes.
        faces: (F,3) triangles, counter-clockwise seen from outside.
        coords: (V,3) position of a vertex in the surface's own pattern.
        coord_normals: (V,3) outward direction in the same frame.
    """

    vertices: Array
    faces: Index
    coords: Array
    coord_normals: Array

    def mirrored(self) -> Mesh:
        """Return the mesh with x negated, with the same pattern."""
        return Mesh(self.vertices * (-1.0, 1.0, 1.0), self.faces[:, ::-1], self.coords, self.coord_normals)


@dataclass(frozen=True, eq=False)
class Hits:
    """Where rays first met a surface.

    Attributes:
        found: (P,) whether they did; the other arrays have one row per ray that did, in order.
        part: (H,) index of the mesh.
        face: (H,) face in the world's list.
        share: (H,3) barycentric weights of the face's corners.
        distance: (H,) along the unit ray, metres.
    """

    found: Mask
    part: Index
    face: Index
    share: Array
    distance: Array

    def of(self, rows: Index) -> tuple[Index, Array]:
        """Return faces (R,) and weights (R,3) of some hits."""
        return self.face[rows], picked(self.share, rows)


class World:
    """Several meshes that rays can be cast at."""

    def __init__(self, meshes: Sequence[Mesh]) -> None:
        offsets = np.cumsum([0] + [len(m.vertices) for m in meshes])
        self.vertices = np.concatenate([m.vertices for m in meshes])
        self.faces = np.concatenate([m.faces + o for m, o in zip(meshes, offsets[:-1], strict=True)])
        self.part = np.repeat(np.arange(len(meshes)), [len(m.faces) for m in meshes])
        self.normals = _columns([vertex_normals(m.vertices, m.faces) for m in meshes])
        self.coords = _columns([m.coords for m in meshes])
        self.coord_normals = _columns([m.coord_normals for m in meshes])
        self._corners = np.ascontiguousarray(self.faces.T)
        self._scene = EmbreeScene()
        TriangleMesh(self._scene, self.vertices.astype(np.float32), self.faces.astype(np.int32))

    def hit(self, directions: Array) -> Hits:
        """Return the first surface that (P,3) rays of unit direction from the origin meet."""
        found = self._scene.run(np.zeros(directions.shape, np.float32), single(directions), output=1)
        mask = found["primID"] >= 0
        face = found["primID"][mask].astype(np.int64)
        u, v = (found[k][mask].astype(np.float64) for k in "uv")
        share = np.stack([1 - u - v, u, v]).T
        return Hits(mask, self.part[face], face, share, found["tfar"][mask].astype(np.float64))

    def blocked(self, origins: Single, directions: Single, reach: float = 4.0) -> Mask:
        """Return whether (P,3) rays meet anything within reach."""
        far = np.full(len(origins), reach, np.float32)
        blocked: Mask = self._scene.run(origins, directions, far, query="OCCLUDED") == 0
        return blocked

    def interpolate(self, values: Array, face: Index, share: Array) -> Array:
        """Return (R,C) per-vertex values at places on (R,) faces, by the (R,3) weights of their corners."""
        a, b, c = (picked(values, corner[face]) for corner in self._corners)
        mixed: Array = a * share[:, :1] + b * share[:, 1:2] + c * share[:, 2:]
        return mixed


def single(vectors: Array) -> Single:
    """Return vectors (P,3) as rays are given."""
    return np.ascontiguousarray(vectors, dtype=np.float32)


def _columns(arrays: list[Array]) -> Array:
    return np.ascontiguousarray(np.concatenate(arrays).T).T


@dataclass(frozen=True, eq=False)
class Smoother:
    """Rounds of Loop subdivision as one matrix, for every mesh of one connectivity.

    Coarse vertices are first moved outwards by what the first round moves them inwards, so that the smooth surface
    passes close to them.

    Attributes:
        matrix: (W,V) from coarse to fine vertices.
        faces: (G,3) fine triangles.

    Source: Loop, Smooth Subdivision Surfaces Based on Triangles, 1987, with Warren's vertex weights.
    """

    matrix: sparse.csr_matrix
    faces: Index

    @staticmethod
    def of(faces: Index, n: int, rounds: int = 2) -> Smoother:
        """Prepare a connectivity of n vertices; each round splits every triangle into four."""
        first, fine = _loop_round(faces, n)
        matrix = first
        for _ in range(rounds - 1):
            further, fine = _loop_round(fine, matrix.shape[0])
            matrix = further @ matrix
        sharpen = 2 * sparse.identity(n, format="csr") - first[:n]
        return Smoother((matrix @ sharpen).tocsr(), fine)

    def __call__(self, values: Array) -> Array:
        """Return (W,C) values on the fine vertices."""
        fine: Array = self.matrix @ values
        return fine


def _loop_round(faces: Index, n: int) -> tuple[sparse.csr_matrix, Index]:
    half = np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), 1)
    edges, of_half, uses = np.unique(half, axis=0, return_inverse=True, return_counts=True)
    of_half = of_half.reshape(-1)
    opposite = np.concatenate([faces[:, 2], faces[:, 0], faces[:, 1]])
    inner, m = uses == 2, len(edges)
    odd = sparse.coo_matrix((np.where(inner, 0.375, 0.5).repeat(2), (np.arange(m).repeat(2), edges.ravel())), (m, n))
    kept = inner[of_half]
    wings = sparse.coo_matrix((np.full(kept.sum(), 0.125), (of_half[kept], opposite[kept])), (m, n))
    even = _even_weights(edges, inner, n)
    a, b, c = (of_half[k * len(faces) : (k + 1) * len(faces)] + n for k in range(3))
    i, j, k = faces.T
    fine = np.concatenate([np.stack(t, 1) for t in ((i, a, c), (a, j, b), (c, b, k), (a, b, c))])
    return sparse.vstack([even, odd + wings]).tocsr(), fine


def _even_weights(edges: Index, inner: Mask, n: int) -> sparse.csr_matrix:
    rim = np.zeros(n, bool)
    rim[edges[~inner]] = True
    both = np.concatenate([edges, edges[:, ::-1]])
    on_rim = np.concatenate([~inner, ~inner])
    valence = np.bincount(both[:, 0], minlength=n)
    beta = np.where(valence == 3, 3 / 16, 3 / (8 * np.maximum(valence, 1)))
    weight = np.where(rim[both[:, 0]], np.where(on_rim, 0.125, 0.0), beta[both[:, 0]])
    ring = sparse.coo_matrix((weight, both.T), (n, n)).tocsr()
    return sparse.diags(1 - np.asarray(ring.sum(1)).ravel()) + ring
