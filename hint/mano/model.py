"""The arrays of a MANO-compatible hand, wherever they came from."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hint.errors import InputError

N_VERTICES = 778
N_FACES = 1538

#: Vertices at the tips of thumb, index, middle, ring and little finger (smplx ``VERTEX_IDS['mano']``).
TIP_VERTICES = (744, 320, 443, 554, 671)

#: The same in manopth, and so in HandOccNet.
MANOPTH_TIP_VERTICES = (745, 317, 444, 556, 673)

_SHAPES: dict[str, tuple[type, tuple[int, ...]]] = {
    "v_template": (np.float64, (N_VERTICES, 3)),
    "faces": (np.int64, (N_FACES, 3)),
    "shapedirs": (np.float64, (N_VERTICES, 3, 10)),
    "posedirs": (np.float64, (N_VERTICES, 3, 135)),
    "j_regressor": (np.float64, (16, N_VERTICES)),
    "lbs_weights": (np.float64, (N_VERTICES, 16)),
    "parents": (np.int64, (16,)),
    "hands_mean": (np.float64, (45,)),
    "hands_components": (np.float64, (45, 45)),
}


@dataclass(frozen=True, eq=False)
class ManoModel:
    """A right hand with MANO's topology and conventions, in metres and axis-angle radians.

    Attributes:
        v_template: (778,3) rest vertices, palm down, fingers along -x as in MANO_RIGHT.
        faces: (1538,3) triangles, counter-clockwise seen from outside; open at the wrist.
        shapedirs: (778,3,10) shape directions.
        posedirs: (778,3,135) pose correctives, times the flattened (R - I) of joints 1..15.
        j_regressor: (16,778) rest joints from shaped vertices.
        lbs_weights: (778,16) skinning weights.
        parents: (16,) kinematic tree, -1 for the wrist.
        hands_mean: (45,) mean pose.
        hands_components: (45,45) principal directions of the pose, row by row.
        source: File or name it came from.
    """

    v_template: NDArray[np.float64]
    faces: NDArray[np.int64]
    shapedirs: NDArray[np.float64]
    posedirs: NDArray[np.float64]
    j_regressor: NDArray[np.float64]
    lbs_weights: NDArray[np.float64]
    parents: NDArray[np.int64]
    hands_mean: NDArray[np.float64]
    hands_components: NDArray[np.float64]
    source: str

    def __post_init__(self) -> None:
        for name, (dtype, shape) in _SHAPES.items():
            array: NDArray[Any] = np.ascontiguousarray(getattr(self, name), dtype=dtype)
            if array.shape != shape:
                raise InputError(f"{self.source}: {name} has shape {array.shape}, a MANO hand has {shape}")
            array.flags.writeable = False
            object.__setattr__(self, name, array)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return every array by field name."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name != "source"}

    def sha256(self) -> str:
        """Return the digest of the arrays, which identifies this hand."""
        digest = hashlib.sha256()
        for name, array in sorted(self.arrays().items()):
            digest.update(name.encode() + array.tobytes())
        return digest.hexdigest()
