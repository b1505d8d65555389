"""A calibrated camera in JSON or TOML: its intrinsics, and where it is.

Intrinsics are ``fx``, ``fy``, ``cx``, ``cy``, or OpenCV's ``camera_matrix``, or COLMAP's ``model`` and ``params``.
Extrinsics take points of the world to the camera, x_camera = R x_world + t, as OpenCV and COLMAP state them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from hint.errors import InputError, first_problem
from hint.files.json_file import read_json
from hint.files.named_toml import parse_toml
from hint.files.path import refuse_device
from hint.types import Double

#: Focal length of no camera, px, and a place that is on no Earth, metres.
LONGEST, FARTHEST = 1e7, 1e7
#: How much fx and fy may differ: pixels are taken for squares.
_SQUARE = 0.01
#: How far R R' may be from the identity.
_ROTATION = 1e-3
#: COLMAP's models without distortion -> what of their parameters fx, fy, cx and cy are.
_COLMAP = {"SIMPLE_PINHOLE": (0, 0, 1, 2), "PINHOLE": (0, 1, 2, 3)}

_Number = Annotated[float, Field(strict=True, ge=-FARTHEST, le=FARTHEST)]
_Px = Annotated[float, Field(strict=True, gt=0, le=LONGEST)]
_Side = Annotated[int, Field(strict=True, ge=1, le=10**6)]
_Three = Annotated[list[_Number], Field(min_length=3, max_length=3)]
_Four = Annotated[list[_Number], Field(min_length=4, max_length=4)]
_Matrix = Annotated[list[_Three], Field(min_length=3, max_length=3)]


@dataclass(frozen=True, eq=False)
class Pose:
    """Where a camera is: it sees a point x of the world at R x + t.

    Attributes:
        rotation: (3,3).
        translation: (3,) metres.
    """

    rotation: Double
    translation: Double

    def to_world(self, points: Double) -> Double:
        """Return points (...,3) of the camera in the axes of the world."""
        moved: Double = (points - self.translation) @ self.rotation
        return moved


@dataclass(frozen=True, eq=False)
class Calibration:
    """A calibrated camera.

    Attributes:
        size: (width, height) of its pictures, px.
        focal_length: px.
        principal_point: px.
        pose: Where it is in all pictures, None if it moves or nobody knows.
        frames: Number of a frame -> where it is there.
        images: Name of the file of a picture -> where it is there.
        source: The file.
    """

    size: tuple[int, int]
    focal_length: float
    principal_point: tuple[float, float]
    pose: Pose | None = None
    frames: dict[int, Pose] | None = None
    images: dict[str, Pose] | None = None
    source: str = ""

    @property
    def is_placed(self) -> bool:
        """Whether the file says where the camera is."""
        return self.pose is not None or bool(self.frames) or bool(self.images)


class _Extrinsics(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    frame: Annotated[int, Field(strict=True, ge=0)] | None = None
    image: str | None = None
    rotation: _Matrix | None = None
    rvec: _Three | None = None
    qvec: _Four | None = None
    translation: _Three | None = None
    tvec: _Three | None = None

    @model_validator(mode="after")
    def _is_complete(self) -> _Extrinsics:
        if sum(value is not None for value in (self.rotation, self.rvec, self.qvec)) != 1:
            raise ValueError("give one of rotation (3x3), rvec (OpenCV) and qvec (w, x, y, z)")
        if (self.translation is None) == (self.tvec is None):
            raise ValueError("give translation, 3 numbers in metres")
        return self

    @field_validator("rotation")
    @classmethod
    def _is_rotation(cls, rows: list[list[float]] | None) -> list[list[float]] | None:
        if rows is None:
            return None
        matrix = np.array(rows)
        if abs(matrix @ matrix.T - np.eye(3)).max() > _ROTATION or np.linalg.det(matrix) < 0:
            raise ValueError("not a rotation matrix: its rows must be orthonormal, its determinant 1")
        return rows

    @field_validator("qvec")
    @classmethod
    def _is_unit(cls, values: list[float] | None) -> list[float] | None:
        if values is not None and abs(np.linalg.norm(values) - 1) > _ROTATION:
            raise ValueError("not a unit quaternion w, x, y, z")
        return values

    def pose(self) -> Pose:
        return Pose(self._rotation(), np.array(self.translation or self.tvec, np.float64))

    def _rotation(self) -> Double:
        from scipy.spatial.transform import Rotation

        if self.rvec is not None:
            return np.asarray(Rotation.from_rotvec(self.rvec).as_matrix())
        if self.qvec is not None:
            w, *xyz = self.qvec
            return np.asarray(Rotation.from_quat([*xyz, w]).as_matrix())
        return np.asarray(Rotation.from_matrix(np.array(self.rotation)).as_matrix())


class _CameraFile(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    width: _Side
    height: _Side
    fx: _Px | None = None
    fy: _Px | None = None
    cx: _Number | None = None
    cy: _Number | None = None
    camera_matrix: _Matrix | None = None
    model: str | None = None
    params: Annotated[list[_Number], Field(max_length=12)] | None = None
    distortion: list[_Number] = []
    extrinsics: _Extrinsics | None = None
    frames: list[_Extrinsics] = []

    @field_validator("camera_matrix", mode="before")
    @classmethod
    def _as_rows(cls, matrix: Any) -> Any:
        """Take OpenCV's own way to write a matrix: rows, cols, data."""
        data = matrix.get("data") if isinstance(matrix, dict) else None
        return [data[k : k + 3] for k in (0, 3, 6)] if isinstance(data, list) and len(data) == 9 else matrix

    @model_validator(mode="before")
    @classmethod
    def _as_fields(cls, entry: Any) -> Any:
        """Take OpenCV's other names."""
        names = {"dist_coeffs": "distortion", "distortion_coefficients": "distortion", "K": "camera_matrix"}
        return {names.get(key, key): value for key, value in entry.items()} if isinstance(entry, dict) else entry

    @field_validator("distortion")
    @classmethod
    def _is_straight(cls, values: list[float]) -> list[float]:
        if any(values):
            raise ValueError("the pictures of this camera are distorted; undistort them first (cv2.undistort)")
        return values

    def calibration(self, source: str) -> Calibration:
        fx, fy, cx, cy = self._intrinsics()
        self._check(fx, fy, cx, cy)
        numbered = [entry for entry in self.frames if entry.frame is not None]
        named = [entry for entry in self.frames if entry.image is not None]
        if len(numbered) + len(named) != len(self.frames) or (numbered and named):
            raise ValueError("every entry of frames needs either frame (of a video, from 0) or image")
        if self.frames and self.extrinsics is not None:
            raise ValueError("extrinsics hold for all pictures, frames for each; give one of them")
        keys = [entry.frame if entry.image is None else PurePath(entry.image).name for entry in self.frames]
        if twice := [key for key, number in Counter(keys).items() if number > 1]:
            raise ValueError(f"frames: {twice[0]!r} is there twice")
        return Calibration(
            (self.width, self.height),
            (fx + fy) / 2,
            (cx, cy),
            self.extrinsics.pose() if self.extrinsics is not None else None,
            {entry.frame: entry.pose() for entry in numbered if entry.frame is not None} or None,
            {PurePath(entry.image).name: entry.pose() for entry in named if entry.image is not None} or None,
            source,
        )

    def _intrinsics(self) -> tuple[float, float, float, float]:
        forms = [self.fx is not None, self.camera_matrix is not None, self.model is not None]
        if sum(forms) != 1:
            raise ValueError("give one of fx (with fy, cx, cy), camera_matrix (OpenCV), model and params (COLMAP)")
        if self.camera_matrix is not None:
            (fx, skew, cx), (_, fy, cy), last = self.camera_matrix
            if skew or last != [0, 0, 1]:
                raise ValueError("camera_matrix is fx 0 cx, 0 fy cy, 0 0 1")
            return fx, fy, cx, cy
        if self.model is not None:
            return self._colmap(self.model, self.params or [])
        fx = self.fx or 0.0
        centre = (self.width / 2 if self.cx is None else self.cx, self.height / 2 if self.cy is None else self.cy)
        return fx, fx if self.fy is None else self.fy, *centre

    def _colmap(self, model: str, params: Sequence[float]) -> tuple[float, float, float, float]:
        if model not in _COLMAP:
            raise ValueError(f"model {model!r}: undistort the pictures first; known: {', '.join(_COLMAP)}")
        places = _COLMAP[model]
        if len(params) != max(places) + 1:
            raise ValueError(f"{model} has {max(places) + 1} params, found {len(params)}")
        fx, fy, cx, cy = (params[place] for place in places)
        return fx, fy, cx, cy

    def _check(self, fx: float, fy: float, cx: float, cy: float) -> None:
        if not (1 <= fx <= LONGEST and 1 <= fy <= LONGEST):
            raise ValueError(f"the focal length is {fx:g}, {fy:g} px, expected 1 to {LONGEST:,.0f}")
        if abs(fx - fy) > _SQUARE * fx:
            raise ValueError(f"fx is {fx:g}, fy {fy:g} px: pixels are not square; resample the pictures first")
        if not (0 <= cx <= self.width and 0 <= cy <= self.height):
            raise ValueError(f"the principal point {cx:g}, {cy:g} lies outside of {self.width} x {self.height} px")


def read_calibration(path: Path) -> Calibration:
    """Read a camera.

    Args:
        path: ``.toml``, else JSON.

    Raises:
        InputError: If the file is missing, or holds something else than a camera without distortion.
    """
    try:
        return _CameraFile.model_validate(_content(path)).calibration(str(path))
    except ValidationError as error:
        raise InputError(f"{path} is no camera: {first_problem(error)}; see docs/predict.md") from error
    except ValueError as error:
        raise InputError(f"{path} is no camera: {error}") from error


def _content(path: Path) -> Any:
    if path.suffix.lower() != ".toml":
        return read_json(path)
    try:
        refuse_device(path)
        return parse_toml(path.read_bytes())
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file") from error
    except (OSError, ValueError) as error:
        raise InputError(f"{path} is not readable as TOML: {error}") from error
