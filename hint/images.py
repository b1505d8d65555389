"""Read pictures as the official evaluation does: stored pixels, EXIF orientation ignored."""

import os
from pathlib import Path
from typing import IO

import cv2
import numpy as np

from hint.errors import InputError
from hint.files.atomic import write_bytes
from hint.files.storage import read_bytes
from hint.types import Image

_JPEG, _PNG = b"\xff\xd8", b"\x89PNG"
_TAIL = 4096
_FLAGS = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION


def read_image(path: Path) -> Image:
    """Read a picture from a path or a URL.

    Returns:
        (H,W,3) RGB uint8; grey pictures get three equal channels.

    Raises:
        InputError: If the file is missing, truncated, or not a picture. OpenCV alone would fill a truncated JPEG with
            grey.
    """
    return decode_image(read_bytes(path), str(path))


def decode_image(content: bytes, name: str) -> Image:
    """Read a picture from memory as :func:`read_image` does; messages call it ``name``."""
    if _is_cut(content) or _overruns(content):
        raise InputError(f"{name}: the picture is cut short ({len(content)} bytes)")
    try:
        image: Image | None = cv2.imdecode(np.frombuffer(content, np.uint8), _FLAGS) if content else None
    except cv2.error as error:  # more pixels than it ever reads
        raise InputError(f"{name}: OpenCV refuses the picture ({error.err}); is it too large?") from error
    if image is None:
        raise InputError(f"{name}: not a picture that OpenCV can read, or damaged; convert it to JPEG or PNG")
    return image


def is_cut(stream: IO[bytes]) -> bool:
    """Return whether a picture with a complete header ends before its end marker.

    Reads its last bytes, and the rest only if they lack the marker, since other data may follow it.

    Args:
        stream: The file; its position changes.
    """
    stream.seek(0)
    start = stream.read(len(_PNG))
    size = stream.seek(0, os.SEEK_END)
    stream.seek(max(0, size - _TAIL))
    if not _is_cut(start + b"\0" + stream.read()):
        return False
    stream.seek(0)
    return _is_cut(stream.read())


def _is_cut(content: bytes) -> bool:
    """Return whether the end marker is missing; that of a JPEG thumbnail lies before the last start of scan."""
    if content.startswith(_JPEG):
        if content.endswith(b"\xff\xd9"):
            return False
        return content.rfind(b"\xff\xd9") <= content.rfind(b"\xff\xda")
    return content.startswith(_PNG) and b"IEND" not in content[-1024:]


def _overruns(content: bytes) -> bool:
    """Return whether a chunk of a PNG says that it is longer than the file; OpenCV would take as much memory."""
    if not content.startswith(_PNG):
        return False
    place = 8
    while place <= len(content) and content[place + 4 : place + 8] not in (b"IEND", b""):
        place += 12 + int.from_bytes(content[place : place + 4], "big")
    return place > len(content)


def write_image(path: Path, image: Image, quality: int = 95) -> None:
    """Write an RGB picture atomically; the suffix picks the format, ``quality`` applies to JPEG.

    Args:
        path: File to write.
        image: (H,W,3) RGB uint8.
        quality: JPEG quality, 0..100.
    """
    try:
        write_bytes(path, encode_image(image, path.suffix, quality))
    except cv2.error as error:
        raise InputError(f"{path}: OpenCV cannot write {path.suffix or 'files without a suffix'}") from error


def encode_image(image: Image, suffix: str, quality: int = 95) -> bytes:
    """Return the bytes of a picture file.

    Args:
        image: (H,W,3) RGB uint8.
        suffix: ".jpg", ".png", ...
        quality: JPEG quality, 0..100.
    """
    _, content = cv2.imencode(suffix, cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    return content.tobytes()
