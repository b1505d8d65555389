"""``mano.npz``: MANO parameters, as rotation matrices and as axis-angle, and both cameras.

docs/predict.md explains every array.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from hint.errors import InputError
from hint.files import as_strings, read_npz, write_npz
from hint.render import Camera, full_frame_translation
from hint.render.camera import CROP_SIZE
from hint.types import Double, Float, ManoParameters, Strings

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


def write_mano(
    path: Path,
    hand_id: Strings,
    is_right: NDArray[np.bool_],
    parameters: ManoParameters,
    cameras: Sequence[Camera],
    faces: NDArray[np.int64],
) -> None:
    """Write the parameters of N hands atomically."""
    n = len(parameters)
    arrays: dict[str, Any] = {"hand_id": hand_id, "is_right": is_right}
    arrays |= {f.name: getattr(parameters, f.name) for f in fields(parameters)}
    arrays["crop_focal_length"] = arrays.pop("focal_length")
    arrays["cam_t_crop"] = crop_translations(parameters, is_right).astype(np.float32)
    arrays["cam_t"] = translations(parameters, is_right, cameras).astype(np.float32)
    arrays["focal_length"] = np.array([camera.focal for camera in cameras], np.float32)
    arrays["principal_point"] = np.array([camera.centre for camera in cameras], np.float32).reshape(n, 2)
    arrays["image_size"] = np.array([(c.width, c.height) for c in cameras], np.int64).reshape(n, 2)
    arrays["global_orient_axis_angle"] = axis_angle(parameters.global_orient).reshape(n, 3).astype(np.float32)
    arrays["hand_pose_axis_angle"] = axis_angle(parameters.hand_pose).reshape(n, 45).astype(np.float32)
    write_npz(path, {**arrays, "faces": faces, "convention": np.array(CONVENTION)})


def read_mano(path: Path) -> tuple[list[str], ManoParameters]:
    """Return the ids and the parameters of a file that :func:`write_mano` wrote.

    Raises:
        InputError: If it is not such a file.
    """
    names = [f.name for f in fields(ManoParameters)]
    stored = read_npz(path, ("hand_id", "is_right", "cam_t_crop", "crop_focal_length", *names))
    mirror = np.where(stored["is_right"][:, None], 1, (-1, 1, 1))
    own = {"cam_t": stored["cam_t_crop"] * mirror, "focal_length": stored["crop_focal_length"]}
    try:
        return as_strings(stored["hand_id"]).tolist(), ManoParameters(**{n: own.get(n, stored[n]) for n in names})
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
