"""The pictures of an export, found by their file names in a folder of one's own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from annotation.sample.hand_names import safe_name
from annotation.studio.config import IMAGE
from hint.errors import InputError, some_ids
from hint.exif import read_exif
from hint.files.picture_files import picture_size
from hint.prediction.source import PICTURES
from hint.provenance import sha256_file

#: The server prefixes uploads with eight digits and a dash.
_UPLOADED = re.compile(r"[0-9a-f]{8}-(?=.)")
#: EXIF orientations that swap width and height, and those that mirror the picture.
_SWAPPED, _MIRRORED = (5, 6, 7, 8), (2, 4, 5, 7)


@dataclass(frozen=True)
class Found:
    """A picture of an export.

    Attributes:
        name: Its name without suffix, fit for a file name.
        address: What the export calls it.
        file: The file, relative to the folder of pictures; its bare name if it was not found.
        sha256: Digest of the file, "" if it was not found.
        size: (width, height) as stored, px.
        orientation: EXIF orientation of the file: labels refer to what a browser shows, the toolkit to stored pixels.
    """

    name: str
    address: str
    file: str
    sha256: str
    size: tuple[int, int]
    orientation: int

    def require_size(self, width: Any, height: Any) -> None:
        """Raise ValueError if labels are for a picture of another size."""
        shown = self.size[::-1] if self.orientation in _SWAPPED else self.size
        if (width, height) != shown:
            raise ValueError(f"labels of a picture of {width}x{height} px, but {self.file} has {shown[0]}x{shown[1]}")

    def as_stored(self, x: float, y: float, width: float, height: float) -> tuple[float, float, float, float]:
        """Turn a rectangle from what a browser shows to the pixels as stored, percent."""
        if self.orientation in (3, 6):
            x = 100 - x - width
        if self.orientation in (3, 8):
            y = 100 - y - height
        return (y, x, height, width) if self.orientation in (6, 8) else (x, y, width, height)


class Pictures:
    """The pictures of an export.

    Args:
        folder: Where they are, also in folders below; None for labels without pictures.

    Raises:
        InputError: If there is no such folder.
    """

    def __init__(self, folder: Path | None) -> None:
        if folder is not None and not folder.is_dir():
            raise InputError(f"{folder}: no such folder of pictures")
        self._folder = folder
        self._files: dict[str, list[Path]] = {}
        for path in sorted(folder.rglob("*")) if folder else ():
            if path.suffix.lower() in PICTURES:
                self._files.setdefault(path.name, []).append(path)

    def find(self, data: Mapping[str, Any], size: tuple[int, int]) -> Found:
        """Return the picture of a task.

        Args:
            data: The data of the task.
            size: (width, height) that the labels are for, px; taken where the file is not at hand.

        Raises:
            ValueError: If the task has no picture, or it is not clear which file it is, or that cannot be used.
        """
        address, file = _address(data)
        stem = safe_name(PurePosixPath(_UPLOADED.sub("", file)).stem)
        path = self._path(file)
        if path is None or self._folder is None:
            return Found(stem, address, file, "", size, 1)
        orientation = read_exif(path).orientation
        if orientation in _MIRRORED:
            raise ValueError(f"{path.name} is mirrored by its EXIF orientation {orientation}")
        return Found(
            stem,
            address,
            path.relative_to(self._folder).as_posix(),
            sha256_file(path),
            _size(path),
            orientation,
        )

    def _path(self, file: str) -> Path | None:
        names = dict.fromkeys((file, _UPLOADED.sub("", file)))
        found = next((self._files[name] for name in names if name in self._files), [])
        if len(found) > 1:
            raise ValueError(f"{file} may be {some_ids(map(str, found))}")
        return found[0] if found else None


def _size(path: Path) -> tuple[int, int]:
    try:
        return picture_size(path)
    except InputError as error:
        raise ValueError(f"{path.name} is not a picture, or damaged") from error


def _address(data: Mapping[str, Any]) -> tuple[str, str]:
    """Return the address of the picture in the data of a task, and its file name."""
    texts = [str(data[IMAGE])] if isinstance(data.get(IMAGE), str) else [v for v in data.values() if isinstance(v, str)]
    files = [(text, _file_name(text)) for text in texts]
    pictures = [(text, name) for text, name in files if PurePosixPath(name).suffix.lower() in PICTURES]
    if len(pictures) != 1:
        raise ValueError(f"{len(pictures) or 'no'} pictures in its data, expected one")
    return pictures[0]


def _file_name(address: str) -> str:
    """Return the file name in a path or URL; local files are named in the query."""
    parts = urlsplit(address)
    local = parse_qs(parts.query).get("d")
    return PurePosixPath(local[0] if local else unquote(parts.path)).name
