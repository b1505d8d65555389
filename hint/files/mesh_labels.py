"""Hands whose joints and vertices are known in metres, and what a method may know of them."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from hint.errors import InputError
from hint.files.hand_lists import read_hands
from hint.types import Double, Hand, Strings


@dataclass(frozen=True, eq=False)
class MeshLabels:
    """Ground truth of a 3D dataset, in the dataset's own order of joints and axes.

    Attributes:
        hand_id: (N,) unique ids.
        clip_id: (N,) sequence of each hand.
        joints: (N,21,3) metres.
        vertices: (N,V,3) metres.
    """

    hand_id: Strings
    clip_id: Strings
    joints: Double
    vertices: Double

    def __len__(self) -> int:
        return len(self.hand_id)

    def select(self, index: Any) -> MeshLabels:
        """Return the hands an index array or a mask picks."""
        return MeshLabels(*(getattr(self, f.name)[index] for f in fields(self)))


@dataclass(frozen=True, eq=False)
class MeshViews:
    """What a method may know of the hands of a 3D dataset.

    Attributes:
        hands: N hands; their boxes are about as tight as HInt's, so methods add their usual margin.
        boxes: Where the boxes come from.
        root: (N,3) wrist that the dataset provides, metres in its own axes; None where it provides none.
    """

    hands: list[Hand]
    boxes: str
    root: Double | None = None


def read_truth(folder: Path) -> tuple[Double, Double]:
    """Read ``evaluation_xyz.json`` (N,21,3) and ``evaluation_verts.json`` (N,V,3).

    Raises:
        InputError: If one is missing or malformed, or the two contradict each other.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder")
    names = ("evaluation_xyz.json", "evaluation_verts.json")
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        raise InputError(f"{folder} lacks {' and '.join(missing)}, the ground truth of the evaluation set")
    joints, vertices = (read_hands(folder / name) for name in names)
    if joints.shape[1] != 21 or len(joints) != len(vertices):
        raise InputError(
            f"{folder}: {names[0]} holds {joints.shape[0]} hands of {joints.shape[1]} joints and {names[1]} "
            f"{len(vertices)} hands; expected 21 joints and equally many hands"
        )
    finite = np.isfinite(joints).all((1, 2)) & np.isfinite(vertices).all((1, 2))
    if not finite.all():
        raise InputError(f"{folder}: ground truth is not finite in hands {np.flatnonzero(~finite)[:5].tolist()}")
    return joints, vertices


def half_of_crop(centre: tuple[float, float], size: tuple[float, float]) -> tuple[float, float, float, float]:
    """Return the square box whose double is the crop HaMeR's evaluation takes of FreiHAND and HO-3D.

    That crop is the square around the given box after growing it to 3:4. Methods double a box, or grow it in their own
    way, so no margin is added twice.

    Args:
        centre: Of the given box, px.
        size: Width and height of the given box, px.
    """
    (x, y), (width, height) = centre, size
    quarter = max(width * 4 / 3, height) / 4
    return x - quarter, y - quarter, x + quarter, y + quarter
