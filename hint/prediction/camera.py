"""The camera of a whole picture, and where its focal length comes from."""

from __future__ import annotations

from typing import Literal, NamedTuple

from hint.detection import Picture
from hint.errors import InputError
from hint.files.camera_file import Calibration
from hint.render import Camera, full_frame_camera


class Intrinsics(NamedTuple):
    """The lens of a camera.

    Attributes:
        focal_length: Px of the picture.
        source: "given", "exif", or "default": so long that depths have no scale.
        principal_point: Px, None for the middle of the picture.
    """

    focal_length: float
    source: Literal["given", "exif", "default"]
    principal_point: tuple[float, float] | None = None


def intrinsics_of(picture: Picture, size: tuple[int, int], given: float | Calibration | None) -> Intrinsics:
    """Return the lens that was given, else the focal length the picture states, else the default.

    Args:
        picture: The picture.
        size: (width, height), px.
        given: Focal length in px, or a calibrated camera; None if the user gave none.

    Raises:
        InputError: If the calibrated camera makes pictures of another size.
    """
    if isinstance(given, Calibration):
        require_size(given, size)
        return Intrinsics(given.focal_length, "given", given.principal_point)
    if given is not None:
        return Intrinsics(given, "given")
    if picture.exif.focal_length is not None:
        return Intrinsics(round(picture.exif.focal_length, 1), "exif")
    return Intrinsics(full_frame_camera(*size).focal, "default")


def require_size(calibration: Calibration, size: tuple[int, int]) -> None:
    """Refuse a picture that is not of the size a camera was calibrated for.

    Raises:
        InputError: If it is not.
    """
    if size != calibration.size:
        theirs, own = ("{} x {}".format(*pair) for pair in (size, calibration.size))
        raise InputError(f"the picture has {theirs} px, the camera of {calibration.source} {own}")


def picture_camera(
    size: tuple[int, int], focal_length: float | None = None, principal_point: tuple[float, float] | None = None
) -> Camera:
    """Return the camera of a whole picture.

    Args:
        size: (width, height) of the picture, px.
        focal_length: px of the picture; None for the crop's angle of view over the longer side.
        principal_point: px; None for the middle of the picture.
    """
    width, height = size
    if focal_length is None:
        return full_frame_camera(width, height)
    return Camera(width, height, focal_length, principal_point or (width / 2, height / 2))
