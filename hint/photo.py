"""Read anybody's photographs: what :func:`hint.images.read_image` reads, HEIC, and transparent pictures on white."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from hint.errors import InputError
from hint.exif import HEIC_READERS, open_picture
from hint.files.storage import read_bytes, url_of
from hint.images import decode_image, read_image
from hint.requirements import missing_packages
from hint.types import Image

if TYPE_CHECKING:
    from PIL.Image import Image as PilImage

#: Brands of files in the HEIF container that hold HEVC; AVIF has others.
_HEIC = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")

#: What libjpeg and libpng print about pixels that are not what they were; the group is what went wrong.
_COMPLAINT = re.compile(rb"(?:Corrupt JPEG data: |(?=Premature end of JPEG)|libpng (?:error|warning): )([^\n]*)\n")
_LISTENING = Lock()


def read_photo(path: Path, complain: Callable[[str], None] = lambda damage: None) -> Image:
    """Read a picture, pixels as stored.

    Args:
        path: The file, or its URL.
        complain: Called with what is wrong with a picture that is damaged, but still shows something.

    Returns:
        (H,W,3) RGB uint8. 16 bits lose their lower half; transparent pixels lie on white.

    Raises:
        InputError: If the file is missing, cut short or damaged, larger than 178 megapixels, or not a picture, or its
            name is not UTF-8, so that no list of results could hold it.
    """
    try:
        os.fspath(path).encode()
    except UnicodeEncodeError as error:
        raise InputError(f"{os.fspath(path)!a}: its name is not UTF-8; rename it") from error
    content = read_bytes(path) if url_of(path) is not None else None
    try:
        with open_picture(path if content is None else BytesIO(content)) as picture:
            if picture.format == "HEIF" or _is_transparent(picture):
                return pixels_of(picture)
    except (InputError, ValueError) as error:
        raise InputError(f"{path}: {error}") from error
    except OSError as error:
        if _is_heic(path, content):
            raise InputError(f"{path} is HEIC: convert it to JPEG; reading it {_heic_needs()}") from error
    with _complaints() as heard:
        image = read_image(path) if content is None else decode_image(content, str(path))
    for damage in heard:
        complain(damage)
    return image


@contextmanager
def _complaints() -> Iterator[list[str]]:
    """Collect what decoders print on stderr instead of failing; what others print meanwhile is passed on."""
    heard: list[str] = []
    with _LISTENING, tempfile.TemporaryFile() as file:
        try:
            stderr = os.dup(2)
        except OSError:  # it is closed: nobody would have read them
            yield heard
            return
        os.dup2(file.fileno(), 2)
        try:
            yield heard
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
            file.seek(0)
            printed = file.read()
            heard += dict.fromkeys(text.decode(errors="replace") for text in _COMPLAINT.findall(printed))
            if others := _COMPLAINT.sub(b"", printed):
                os.write(2, others)


def pixels_of(picture: PilImage) -> Image:
    """Return (H,W,3) RGB uint8 of a Pillow picture of any mode, transparent pixels on white.

    Raises:
        InputError: If pixels have no known range, or are damaged.
    """
    try:
        if picture.mode.startswith("I;16"):
            grey = np.asarray(picture) >> 8
            return np.repeat(grey.astype(np.uint8)[..., None], 3, 2)
        if picture.mode in ("I", "F"):
            raise InputError(f"a picture of mode {picture.mode} has no known white; convert it to 8 bits")
        if not _is_transparent(picture):
            return np.asarray(picture.convert("RGB"))
        from PIL import Image as Pil

        white = Pil.new("RGBA", picture.size, "white")
        return np.asarray(Pil.alpha_composite(white, picture.convert("RGBA")).convert("RGB"))
    except OSError as error:
        raise InputError(f"the picture is damaged: {error}") from error


def _is_transparent(picture: PilImage) -> bool:
    return "A" in picture.getbands() or "a" in picture.getbands() or "transparency" in picture.info


def _is_heic(path: Path, content: bytes | None) -> bool:
    try:
        with path.open("rb") if content is None else BytesIO(content) as file:
            start = file.read(12)
    except OSError:
        return False
    return start[4:8] == b"ftyp" and start[8:] in _HEIC


def _heic_needs() -> str:
    return missing_packages(HEIC_READERS[:1], "heic") or "failed: it is damaged"
