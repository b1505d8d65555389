"""Hands in metres: in the axes of a calibrated camera, or of the world it stands in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hint.detection import Picture
from hint.errors import InputError, some_ids
from hint.files.camera_file import Calibration, Pose
from hint.files.npz_columns import Column, write_npz_columns
from hint.prediction.camera import picture_camera, require_size
from hint.prediction.detections import FrameDetections
from hint.prediction.mano_file import translations
from hint.prediction.source import Source
from hint.prediction.tasks import HandResult
from hint.types import Double

#: Where the camera is if nobody says so: the axes are then its own.
AT_ORIGIN = Pose(np.eye(3), np.zeros(3))


@dataclass(frozen=True, eq=False)
class PlacedHand:
    """One hand in metres.

    Attributes:
        hand_id: Its name.
        keypoints_3d: (21,3) metres.
        vertices: (V,3) metres.
        pose: Where the camera is.
    """

    hand_id: str
    keypoints_3d: Double
    vertices: Double
    pose: Pose


def pose_of(calibration: Calibration | None, picture: Picture) -> Pose:
    """Return where the camera of a picture is: at the origin, unless a file says otherwise.

    Raises:
        InputError: If the file names other pictures, but not this one.
    """
    if calibration is None or not calibration.is_placed:
        return AT_ORIGIN
    if calibration.pose is not None:
        return calibration.pose
    known: Pose | None = None
    if calibration.frames is not None:
        known = calibration.frames.get(-1 if picture.frame is None else picture.frame)
    elif calibration.images is not None and picture.frame is None:
        known = _by_name(calibration.images, picture)
    if known is None:
        raise InputError(f"{calibration.source} does not say where the camera is in {picture.name}")
    return known


def _by_name(images: dict[str, Pose], picture: Picture) -> Pose | None:
    file = picture.path.name if picture.path else picture.name
    same = [pose for name, pose in images.items() if PurePath(name).stem == PurePath(file).stem]
    return images.get(file) or (same[0] if len(same) == 1 else None)


def check_camera(calibration: Calibration, source: Source) -> None:
    """Check, before any work, that a camera suits all pictures.

    Raises:
        InputError: If it makes pictures of another size, or is missing for some.
    """
    if source.rate is None:
        pictures = [Picture(name, path, "") for name, path in source.files().items()]
    else:
        first = next(iter(source.pictures()), None)
        if first is not None and first.pixels is not None:
            require_size(calibration, (first.pixels.shape[1], first.pixels.shape[0]))
        pictures = [Picture(f"frame {frame}", None, "", frame) for frame in range(source.total)]
    lacking = [picture.name for picture in pictures if not _is_known(calibration, picture)]
    if lacking:
        raise InputError(
            f"{calibration.source} does not say where the camera is in {some_ids(lacking)}: every picture needs an "
            'entry in frames, {"frame": 0, ...} for a video, {"image": "a.jpg", ...} for pictures'
        )


def _is_known(calibration: Calibration, picture: Picture) -> bool:
    try:
        pose_of(calibration, picture)
    except InputError:
        return False
    return True


def wrist_shift(row: HandResult, frame: FrameDetections) -> Double:
    """Return (3,) metres to add to the vertices of a hand to place it before the camera; NaN where nobody knows.

    Raises:
        InputError: If the method gave no MANO hand.
    """
    if row.parameters is None or frame.intrinsics is None:
        raise InputError(f"{row.hand.hand_id} has no hand in 3D to place")
    lens = frame.intrinsics
    camera = picture_camera(frame.size, lens.focal_length, lens.principal_point)
    shift: Double = translations(row.parameters, np.array([row.hand.is_right]), [camera])[0]
    return shift


def place(row: HandResult, frame: FrameDetections, calibration: Calibration | None) -> PlacedHand:
    """Place a hand in metres in the axes of the world, or of the camera if nobody says where that is."""
    rows, pose, shift = row.predictions, pose_of(calibration, frame.picture), wrist_shift(row, frame)
    if rows.keypoints_3d is None or rows.vertices is None:
        raise InputError(f"{row.hand.hand_id} has no hand in 3D to place")
    return PlacedHand(
        row.hand.hand_id,
        pose.to_world(rows.keypoints_3d[0] + shift),
        pose.to_world(rows.vertices[0] + shift),
        pose,
    )


def placed_columns(hand: PlacedHand) -> dict[str, NDArray[Any]]:
    """Return one row of each column of the file."""
    return {
        "keypoints_3d": np.array([hand.keypoints_3d], np.float32),
        "vertices": np.array([hand.vertices], np.float32),
        "camera_rotation": np.array([hand.pose.rotation]),
        "camera_translation": np.array([hand.pose.translation]),
    }


def write_placed(path: Path, columns: Mapping[str, Column], calibration: Calibration) -> None:
    """Write placed hands, with where their camera is; docs/predict.md explains every array.

    Args:
        path: File to write.
        columns: Ids, and what :func:`placed_columns` returns, of all hands.
        calibration: The camera.
    """
    axes = np.array("world" if calibration.is_placed else "camera")
    write_npz_columns(path, {**columns, "axes": axes})
