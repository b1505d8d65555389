"""The camera of a whole picture, and where its focal length comes from."""

from __future__ import annotations

from typing import Literal, NamedTuple

from hint.detection import Picture
from hint.render import Camera, full_frame_camera


class FocalLength(NamedTuple):
    """A focal length.

    Attributes:
        px: Of the picture.
        source: "given", "exif", or "default": so long that depths have no scale.
    """

    px: float
    source: Literal["given", "exif", "default"]


def focal_length_of(picture: Picture, size: tuple[int, int], given: float | None) -> FocalLength:
    """Return the focal length that was given, else the one the picture states, else the default.

    Args:
        picture: The picture.
        size: (width, height), px.
        given: px, None if the user gave none.
    """
    if given is not None:
        return FocalLength(given, "given")
    if picture.exif.focal_length is not None:
        return FocalLength(round(picture.exif.focal_length, 1), "exif")
    return FocalLength(full_frame_camera(*size).focal, "default")


def picture_camera(size: tuple[int, int], focal_length: float | None = None) -> Camera:
    """Return the camera of a whole picture.

    Args:
        size: (width, height) of the picture, px.
        focal_length: px of the picture; None for the crop's angle of view over the longer side.
    """
    width, height = size
    if focal_length is None:
        return full_frame_camera(width, height)
    return Camera(width, height, focal_length, (width / 2, height / 2))
