"""Read pictures as the official evaluation does: stored pixels, EXIF orientation ignored."""

from pathlib import Path

import cv2
import numpy as np

from hint.errors import InputError
from hint.files.atomic import write_bytes
from hint.types import Image

_JPEG, _PNG = b"\xff\xd8", b"\x89PNG"
_FLAGS = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION


def read_image(path: Path) -> Image:
    """Read a picture.

    Returns:
        (H,W,3) RGB uint8; grey pictures get three equal channels.

    Raises:
        InputError: If the file is absent, cut short, or no picture. OpenCV alone would fill a cut JPEG with grey.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error
    if _is_cut(content):
        raise InputError(f"{path}: the picture is cut short ({len(content)} bytes)")
    image = cv2.imdecode(np.frombuffer(content, np.uint8), _FLAGS) if content else None
    if image is None:
        raise InputError(f"{path}: not a picture OpenCV can read")
    rgb: Image = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    return rgb


def _is_cut(content: bytes) -> bool:
    """Tell whether the end marker is absent; a JPEG thumbnail's own one lies before the last start of scan."""
    if content.startswith(_JPEG):
        return content.rfind(b"\xff\xd9") <= content.rfind(b"\xff\xda")
    return content.startswith(_PNG) and b"IEND" not in content[-1024:]


def write_image(path: Path, image: Image, quality: int = 95) -> None:
    """Write an RGB picture atomically; the suffix picks the format, ``quality`` counts for JPEG.

    Args:
        path: File to write.
        image: (H,W,3) RGB uint8.
        quality: JPEG quality, 0..100.
    """
    ok, content = cv2.imencode(path.suffix, cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not ok:
        raise InputError(f"{path}: OpenCV cannot write {path.suffix or 'files without a suffix'}")
    write_bytes(path, content.tobytes())
