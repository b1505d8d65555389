"""What a photograph says about itself: which side is up, and the focal length. Opened with Pillow."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from hint.types import Image

if TYPE_CHECKING:
    from PIL.Image import Image as PilImage

#: Import names of what reads HEIC; the first only decodes and is LGPL, the other one's wheels hold GPL code.
HEIC_READERS = ("pi_heif", "pillow_heif")

#: Tags of EXIF 2.32.
_ORIENTATION, _EXIF_BLOCK = 0x0112, 0x8769
_FOCAL_LENGTH, _FOCAL_LENGTH_35, _WIDTH, _HEIGHT = 0x920A, 0xA405, 0xA002, 0xA003
_RESOLUTION, _RESOLUTION_UNIT = 0xA20E, 0xA210
#: Unit of the resolution of the focal plane -> its length, mm.
_MILLIMETRES = {2: 25.4, 3: 10.0, 4: 1.0, 5: 0.001}

#: Diagonal of 35 mm film (36 x 24 mm), mm.
_FILM = math.hypot(36, 24)
#: Focal lengths of real lenses over the longer side of the picture: a fisheye lens, and a long telephoto lens.
_SHORTEST, _LONGEST = 0.2, 25.0
#: A picture whose sides have another ratio than those the camera wrote, by more than this, was cut out of it.
_SAME_SHAPE = 0.02


@dataclass(frozen=True)
class Exif:
    """What was read.

    Attributes:
        orientation: 1..8; 1 if pixels are read upright, or nothing is said.
        focal_length: px of the picture, None if it is not said or cannot be.
    """

    orientation: int = 1
    focal_length: float | None = None


def read_exif(file: Path | IO[bytes]) -> Exif:
    """Read the orientation and the focal length of a picture; a file without any, or without sense, gives none."""
    try:
        with open_picture(file) as opened:
            return exif_of(opened)
    except (OSError, ValueError):  # reported when the picture is read
        return Exif()


@contextmanager
def open_picture(file: Path | IO[bytes]) -> Iterator[PilImage]:
    """Open a picture with Pillow, without decoding it; HEIC where pi-heif or pillow-heif is installed.

    Raises:
        OSError: If it is not a picture, or cannot be read.
        ValueError: If it is damaged, or larger than Pillow opens (about 179 megapixels).
    """
    from PIL import Image as Pil

    _open_heic_too()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of damaged tags, and of large pictures
        try:
            with Pil.open(file) as opened:
                yield opened
        except SyntaxError as error:  # so Pillow calls damaged files
            raise ValueError(str(error)) from error
        except Pil.DecompressionBombError as error:
            raise ValueError("more than 178 megapixels; shrink it first") from error


@cache
def _open_heic_too() -> None:
    for name in HEIC_READERS:
        if find_spec(name) is not None:
            import_module(name).register_heif_opener()
            return


def upright(image: Image, orientation: int) -> Image:
    """Return stored pixels (H,W,...) as a viewer shows them.

    Args:
        image: As stored.
        orientation: 1..8, as EXIF counts; 2, 4, 5 and 7 are mirrored.
    """
    if orientation in (5, 6, 7, 8):
        image = image.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    return np.ascontiguousarray(image)


def exif_of(picture: PilImage) -> Exif:
    """Return what an opened picture says about itself."""
    try:
        tags = picture.getexif()
        block = tags.get_ifd(_EXIF_BLOCK)
    except (OSError, ValueError, SyntaxError, KeyError, TypeError):  # damaged
        return Exif()
    # OpenCV and Pillow turn a TIFF upright as they read it.
    orientation = 1 if picture.format == "TIFF" else tags.get(_ORIENTATION)
    upright_by = orientation if isinstance(orientation, int) and 1 <= orientation <= 8 else 1
    return Exif(upright_by, _focal_length(block, picture.size))


def _focal_length(block: dict[int, Any], size: tuple[int, int]) -> float | None:
    """Return the focal length in px of a picture of (width, height).

    The one for 35 mm film is for the same angle of view over the diagonal (CIPA DCG-001); else the one of the lens is
    taken, with the pixels of the sensor.
    """
    longer, written = max(size), (_number(block, _WIDTH), _number(block, _HEIGHT))
    scale = longer / max(written) if all(written) else 1.0
    if all(written) and abs(min(size) / longer - min(written) / max(written)) > _SAME_SHAPE:
        return None
    pitch = _number(block, _RESOLUTION) / _MILLIMETRES.get(int(_number(block, _RESOLUTION_UNIT)) or 2, math.inf)
    film = _number(block, _FOCAL_LENGTH_35) / _FILM * math.hypot(*size)
    lens = _number(block, _FOCAL_LENGTH) * pitch * scale
    found = (px for px in (film, lens) if _SHORTEST * longer <= px <= _LONGEST * longer)
    return next(found, None)


def _number(block: dict[int, Any], tag: int) -> float:
    """Return a positive number, 0 where there is none."""
    try:
        value = float(block.get(tag, 0))
    except (TypeError, ValueError, ArithmeticError):
        return 0.0
    return value if math.isfinite(value) and value > 0 else 0.0
