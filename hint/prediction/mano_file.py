"""``mano.npz``: MANO parameters, as rotation matrices and as axis-angle, and both cameras.

docs/predict.md explains every array.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from hint.errors import InputError
from hint.files import as_strings, read_npz
from hint.files.npz_columns import Column, write_npz_columns
from hint.render import Camera, full_frame_translation
from hint.render.camera import CROP_SIZE
from hint.types import Double, Float, ManoParameters

#: Stored in the file, to explain its arrays.
CONVENTION = (
    "Poses a right MANO hand with absolute rotations (flat_hand_mean=True, no PCA). Left hands (is_right False) are "
    "the mirror image: negate x of the vertices. cam_t and cam_t_crop are in the picture's camera axes (x right, y "
    "down, z forward, metres), already negated for left hands, and are added to vertices after that."
)


def crop_translations(parameters: ManoParameters, is_right: NDArray[np.bool_]) -> Double:
    """Return (N,3) translations in front of the cameras of the crops, x negated for left hands."""
    moved: Double = parameters.cam_t * np.where(is_right[:, None], 1.0, (-1.0, 1.0, 1.0))
    return moved


def translations(parameters: ManoParameters, is_right: NDArray[np.bool_], cameras: Sequence[Camera]) -> Double:
    """Return (N,3) translations in front of the cameras of the whole pictures."""
    rows = zip(
        crop_translations(parameters, is_right), parameters.square, parameters.focal_length, cameras, strict=True
    )
    moved = [full_frame_translation(t, s, camera, float(f * CROP_SIZE / s[2])) for t, s, f, camera in rows]
    return np.array(moved).reshape(-1, 3)


def axis_angle(rotations: Float) -> Double:
    """Return (...,3) axis-angle vectors, radians, of (...,3,3) rotation matrices; NaN where those are NaN."""
    matrices = rotations.reshape(-1, 3, 3)
    vectors: Double = np.full((len(matrices), 3), np.nan)
    known = np.isfinite(matrices).all((1, 2))
    vectors[known] = Rotation.from_matrix(matrices[known]).as_rotvec()
    return vectors.reshape(*rotations.shape[:-2], 3)


#: N hands: their parameters, whether each is a right one, and the cameras of their pictures.
ManoBlock: TypeAlias = "tuple[ManoParameters, NDArray[np.bool_], Sequence[Camera]]"

#: Column of the file -> what it holds of some hands.
_COLUMNS: dict[str, Callable[[ManoParameters, NDArray[np.bool_], Sequence[Camera]], NDArray[Any]]] = {
    "is_right": lambda rows, right, cameras: right,
    "global_orient": lambda rows, right, cameras: rows.global_orient,
    "hand_pose": lambda rows, right, cameras: rows.hand_pose,
    "betas": lambda rows, right, cameras: rows.betas,
    "cam": lambda rows, right, cameras: rows.cam,
    "cam_t": lambda rows, right, cameras: translations(rows, right, cameras).astype(np.float32),
    "square": lambda rows, right, cameras: rows.square,
    "crop_focal_length": lambda rows, right, cameras: rows.focal_length,
    "cam_t_crop": lambda rows, right, cameras: crop_translations(rows, right).astype(np.float32),
    "focal_length": lambda rows, right, cameras: np.array([c.focal for c in cameras], np.float32),
    "principal_point": lambda rows, right, cameras: np.array([c.centre for c in cameras], np.float32).reshape(-1, 2),
    "image_size": lambda rows, right, cameras: np.array([(c.width, c.height) for c in cameras], int).reshape(-1, 2),
    "global_orient_axis_angle": lambda rows, right, cameras: _vectors(rows.global_orient, 3),
    "hand_pose_axis_angle": lambda rows, right, cameras: _vectors(rows.hand_pose, 45),
}
#: Those that do not depend on the camera of the whole picture, and tell all that a method predicted.
CROP_COLUMNS = (
    *("is_right", "global_orient", "hand_pose", "betas", "cam", "square"),
    *("crop_focal_length", "cam_t_crop"),
)


def _vectors(rotations: Float, size: int) -> Float:
    return axis_angle(rotations).reshape(-1, size).astype(np.float32)


def crop_columns(parameters: ManoParameters, is_right: NDArray[np.bool_]) -> dict[str, NDArray[Any]]:
    """Return the columns of the file from which :func:`parameters_of` makes the parameters again."""
    return {name: _COLUMNS[name](parameters, is_right, ()) for name in CROP_COLUMNS}


def parameters_of(columns: Mapping[str, NDArray[Any]]) -> ManoParameters:
    """Return the parameters of which :func:`crop_columns` made columns.

    Raises:
        InputError: If shapes disagree.
    """
    mirror = np.where(columns["is_right"][:, None], 1, (-1, 1, 1))
    own = {"cam_t": columns["cam_t_crop"] * mirror, "focal_length": columns["crop_focal_length"]}
    return ManoParameters(**{f.name: own[f.name] if f.name in own else columns[f.name] for f in fields(ManoParameters)})


def no_parameters() -> ManoParameters:
    """Return the MANO parameters of no hand."""
    shapes = ((1, 3, 3), (15, 3, 3), (10,), (3,), (3,), (), (3,))
    return ManoParameters(*(np.empty((0, *shape), np.float32) for shape in shapes))


def write_mano(
    path: Path, hand_id: Column, blocks: Callable[[], Iterator[ManoBlock]], faces: NDArray[np.int64]
) -> None:
    """Write the parameters of N hands atomically, some hands at a time.

    Args:
        path: File to write.
        hand_id: Their ids.
        blocks: Called for every column, yields all hands.
        faces: Triangles of the right hand.
    """

    def column(name: str) -> Column:
        make = _COLUMNS[name]
        none = make(no_parameters(), np.empty(0, np.bool_), ())
        return Column(none.dtype, (hand_id.shape[0], *none.shape[1:]), (make(*block) for block in blocks()))

    arrays = {"hand_id": hand_id, **{name: column(name) for name in _COLUMNS}}
    write_npz_columns(path, {**arrays, "faces": faces, "convention": np.array(CONVENTION)})


def read_mano(path: Path) -> tuple[list[str], ManoParameters]:
    """Return the ids and the parameters of a file that :func:`write_mano` wrote.

    Raises:
        InputError: If it is not such a file.
    """
    stored = read_npz(path, ("hand_id", *CROP_COLUMNS))
    try:
        return as_strings(stored["hand_id"]).tolist(), parameters_of(stored)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
