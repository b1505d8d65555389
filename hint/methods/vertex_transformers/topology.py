"""Which 195 of the 778 vertices are tokens, and which of them are neighbours.

The official matrices are index data made from MANO's mesh; they are read from the user's copy of the official
repositories. Where nothing official is at hand, vertices far from each other can be chosen on any mesh.
"""

from __future__ import annotations

import hashlib
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch
from numpy.typing import NDArray

from hint import safepickle
from hint.errors import InputError, first_line
from hint.files.bounded_npz import ARRAY_ERRORS, ZIP_ERRORS
from hint.mano.model import N_VERTICES, ManoModel
from hint.mano.read import ALLOWED, dense
from hint.methods.vertex_transformers.sizes import N_SAMPLED
from hint.types import Float

#: Files of the official adjacency; the third one, its size, is redundant.
ADJACENCY_FILES = ("mano_195_adjmat_indices.pt", "mano_195_adjmat_values.pt")

_DAMAGE = (*safepickle.DAMAGE, *ZIP_ERRORS, *ARRAY_ERRORS)

#: More than twenty times the size of the largest member.
_MAX_BYTES = 20_000_000


@dataclass(frozen=True, eq=False)
class Topology:
    """A choice of vertices.

    Attributes:
        down: (195,778) picks the vertices, or mixes them.
        adjacency: (195,195) rows that sum to 1 over a vertex and its neighbours; None where it is not known or needed.
    """

    down: Float
    adjacency: Float | None = None

    def sha256(self) -> str:
        """Return the digest that identifies this choice."""
        adjacency = b"" if self.adjacency is None else self.adjacency.tobytes()
        return hashlib.sha256(self.down.tobytes() + adjacency).hexdigest()


def read_topology(path: Path) -> Topology:
    """Read ``mano_downsampling.npz`` of the official repositories, without running its pickles.

    Args:
        path: The file, or a plain npz with ``D`` (195,778) and, for Mesh Graphormer, ``A`` (195,195), not zero for
            neighbours.

    Raises:
        InputError: If it is damaged, holds something else, or names globals such a file never needs.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            down = _matrix(archive, "D", 0, (N_SAMPLED, N_VERTICES), path)
            has_neighbours = "A.npy" in archive.namelist()
            neighbours = _matrix(archive, "A", 1, (N_SAMPLED, N_SAMPLED), path) if has_neighbours else None
    except _DAMAGE as error:
        raise InputError(f"{path}: not a whole mano_downsampling.npz ({first_line(error)}); copy it again") from error
    return Topology(down.astype(np.float32), None if neighbours is None else normalised(neighbours))


def _matrix(archive: zipfile.ZipFile, name: str, level: int, shape: tuple[int, int], path: Path) -> NDArray[Any]:
    """Return a matrix, or that of one level where the file holds those of several."""
    if f"{name}.npy" not in archive.namelist():
        raise InputError(f"{path}: has no {name}; the file is called mano_downsampling.npz")
    if archive.getinfo(f"{name}.npy").file_size > _MAX_BYTES:
        raise InputError(f"{path}: {name} is too large to be that of a hand")
    with archive.open(f"{name}.npy") as member:
        stored = _array(member, f"{path}: {name}")
    found = stored[level] if stored.dtype.hasobject else stored
    matrix = np.asarray(dense(found), np.float64)
    if matrix.shape != shape:
        raise InputError(f"{path}: {name} has shape {matrix.shape}, that of a hand {shape}")
    return matrix


def _array(member: IO[bytes], name: str) -> NDArray[Any]:
    """Read one .npy, a pickle inside of it with the allow-list."""
    layout: Any = np.lib.format  # its functions have no types
    read = layout.read_array_header_1_0 if layout.read_magic(member) == (1, 0) else layout.read_array_header_2_0
    shape, by_columns, dtype = read(member)
    content = member.read()
    if dtype.hasobject:
        return np.asarray(safepickle.loads(content, ALLOWED, name))
    return np.frombuffer(content, dtype).reshape(shape, order="F" if by_columns else "C")


def normalised(neighbours: NDArray[Any]) -> Float:
    """Return the adjacency of a mesh: the mean over every vertex and its neighbours.

    Args:
        neighbours: (V,V), not zero for neighbours; with or without the vertices themselves.
    """
    near = (neighbours != 0) | np.eye(len(neighbours), dtype=np.bool_)
    adjacency: Float = (near / near.sum(1, keepdims=True)).astype(np.float32)
    return adjacency


def read_adjacency(folder: Path) -> Float:
    """Read the adjacency as Mesh Graphormer's repository keeps it.

    Raises:
        InputError: If the files are absent, damaged, or those of something else.
    """
    indices, values = (_tensor(folder / name) for name in ADJACENCY_FILES)
    try:
        sparse = torch.sparse_coo_tensor(indices, values, (N_SAMPLED, N_SAMPLED), check_invariants=True)
        adjacency: Float = sparse.to_dense().float().numpy()
    except (RuntimeError, TypeError, ValueError) as error:
        raise InputError(f"{folder}: not the adjacency of {N_SAMPLED} vertices ({first_line(error)})") from error
    if not np.allclose(adjacency.sum(1), 1, atol=1e-5):
        raise InputError(f"{folder}: not the adjacency of a hand: its rows do not sum to 1")
    return adjacency


def _tensor(path: Path) -> torch.Tensor:
    if not path.is_file():
        raise InputError(f"{path}: no such file; adjacency is the folder with {' and '.join(ADJACENCY_FILES)}")
    try:
        tensor = torch.load(path, map_location="cpu", weights_only=True)
    except (*_DAMAGE, AssertionError) as error:  # PyTorch asserts what it expects of a file
        raise InputError(f"{path}: damaged or not a tensor ({first_line(error)}); copy it again") from error
    if not isinstance(tensor, torch.Tensor):
        raise InputError(f"{path}: holds a {type(tensor).__name__}, not a tensor")
    return tensor


def farthest_topology(model: ManoModel) -> Topology:
    """Choose vertices of any hand, each as far as possible from those before; for trials without official matrices.

    Two of them are neighbours where an edge of the mesh leads from the vertices nearest to one to those of the other.
    """
    vertices = model.v_template
    kept = [0]
    distance = np.linalg.norm(vertices - vertices[0], axis=1)
    cells = np.zeros(len(vertices), np.int64)
    while len(kept) < N_SAMPLED:
        kept.append(int(distance.argmax()))
        new = np.linalg.norm(vertices - vertices[kept[-1]], axis=1)
        cells[new < distance] = len(kept) - 1
        distance = np.minimum(distance, new)
    neighbours = np.zeros((N_SAMPLED, N_SAMPLED))
    for start, end in ((0, 1), (1, 2), (2, 0)):
        ends = cells[model.faces[:, start]], cells[model.faces[:, end]]
        neighbours[ends] = neighbours[ends[::-1]] = 1
    return Topology(np.eye(len(vertices), dtype=np.float32)[kept], normalised(neighbours))
