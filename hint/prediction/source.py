"""What is predicted: pictures in files, in folders or in memory, or the frames of a video."""

from __future__ import annotations

import hashlib
import os
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from hint.detection import Picture
from hint.errors import InputError, some_ids
from hint.files.path import as_path
from hint.files.storage import Versions, files_in, opened, place_of, url_of
from hint.names import NO_FILE_NAME
from hint.types import Image

if TYPE_CHECKING:
    from PIL.Image import Image as PilImage

PICTURES = (".avif", ".bmp", ".heic", ".heif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
VIDEOS = (".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".ts", ".webm", ".wmv")

Input: TypeAlias = "str | os.PathLike[str] | Image | PilImage"


class Source(ABC):
    """Pictures in order.

    Attributes:
        total: Number of pictures or frames.
        rate: Frames per second of a video, None for pictures.
        name: File name of a video.
    """

    total: int
    name: str = ""
    rate: float | None = None

    @abstractmethod
    def pictures(self) -> Iterator[Picture]:
        """Yield them; a video is decoded once, frame by frame."""

    def files(self) -> dict[str, Path | None]:
        """Return name -> file of the pictures, or of the video; None for what is in memory."""
        return {self.name: None}


class Stills(Source):
    """Single pictures.

    Args:
        pictures: The pictures; names must differ.

    Attributes:
        listed: The pictures.
    """

    def __init__(self, pictures: Sequence[Picture]) -> None:
        _require_text([p.path for p in pictures if p.path is not None])
        repeated = [name for name, times in Counter(p.name for p in pictures).items() if times > 1]
        if repeated:
            raise InputError(f"pictures of the same name: {some_ids(repeated)}; predict each folder by itself")
        self.listed, self.total = pictures, len(pictures)

    def pictures(self) -> Iterator[Picture]:
        """Yield them."""
        yield from self.listed

    def files(self) -> dict[str, Path | None]:
        """Return name -> file."""
        return {picture.name: picture.path for picture in self.listed}


class Video(Source):
    """The frames of a video, or of an animated GIF.

    Args:
        path: The file.

    Raises:
        VideoError: If it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        from hint.video.pixels import timeline

        _require_text([path])
        line = timeline(path)
        self.path, self.name = path, path.name
        self.total, self.rate = len(line.slots), float(line.rate)
        self._key = _key(path, Versions())
        self._seconds = [float((pts - line.start) * line.time_base) for pts in line.slots]

    def pictures(self) -> Iterator[Picture]:
        """Yield its frames."""
        from hint.video.pixels import all_frames

        damaged: set[int] = set()
        for frame, pixels in all_frames(self.path, damaged.add):
            name, seconds = f"{self.path.stem}_frame{frame:06d}", round(self._seconds[frame], 6)
            damage = "errors while it was decoded" if frame in damaged else ""
            yield Picture(name, self.path, self._key, frame, pixels, seconds, damage=damage)

    def files(self) -> dict[str, Path | None]:
        """Return the one file."""
        return {self.path.stem: self.path}


def find_source(inputs: Input | Sequence[Input]) -> Source:
    """Return the pictures or the video that paths, arrays and PIL images stand for.

    Args:
        inputs: Picture files and folders of pictures (without their subfolders), or URLs of them, (H,W,3) RGB arrays,
            an array (N,H,W,3) of them, PIL images, or one video.

    Raises:
        InputError: If a path does not exist, a folder holds no picture, or a video is not alone.
    """
    given = [_path_or_pixels(value) for value in _listed(inputs)]
    videos = [path for path in given if isinstance(path, Path) and _is_video(path)]
    if videos:
        if len(given) > 1:
            raise InputError(f"predict one video at a time: {videos[0]} came with {len(given) - 1} more inputs")
        if (url := url_of(videos[0])) is not None:
            raise InputError(f"{url}: a video is read from a disk; download it first")
        return Video(videos[0])
    found = [entry for value in given for entry in (_files(value) if isinstance(value, Path) else [value])]
    found = list({place_of(entry) if isinstance(entry, Path) else id(entry): entry for entry in found}.values())
    if not found:
        raise InputError("no picture was given")
    return Stills(_named(found))


def _require_text(paths: Sequence[Path]) -> None:
    """Refuse names that hold bytes which are no text: no list of boxes can name them."""
    if wrong := [str(path) for path in paths if not str(path).isascii() and _is_bytes(str(path))]:
        raise InputError(f"names that are no UTF-8: {some_ids(wrong)}; rename these files or their folders")


def _is_bytes(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return True
    return False


def _listed(inputs: Any) -> list[Any]:
    if isinstance(inputs, np.ndarray) and inputs.ndim == 4:
        return list(inputs)
    is_one = isinstance(inputs, str | os.PathLike | np.ndarray) or not hasattr(inputs, "__iter__")
    return [inputs] if is_one else list(inputs)


def _path_or_pixels(value: Any) -> Path | Image | PilImage:
    if isinstance(value, str | os.PathLike):
        if not os.fspath(value):  # a Path would be the current folder
            raise InputError("no picture was given: the path is empty")
        return as_path(value)
    if isinstance(value, np.ndarray) or _is_pil(value):
        in_memory: Image | PilImage = value
        return in_memory
    raise InputError(f"cannot read a {type(value).__name__}: give paths, RGB arrays or PIL images")


def _is_pil(value: Any) -> bool:
    return hasattr(value, "convert") and hasattr(value, "getpixel")


def _is_video(path: Path) -> bool:
    return path.suffix.lower() in VIDEOS or (path.suffix.lower() == ".gif" and _is_animated(path))


def _is_animated(path: Path) -> bool:
    from hint.exif import open_picture

    try:
        with opened(path) as file, open_picture(file) as image:
            return bool(getattr(image, "is_animated", False))
    except (InputError, OSError, ValueError):  # reported when it is read
        return False


def _files(path: Path) -> list[Path]:
    if url_of(path) is not None:
        return _files_at(path)
    if not path.exists():
        raise InputError(f"{path}: no such file or folder")
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise InputError(f"{path} is neither a file nor a folder")
    try:
        inside = sorted(path.iterdir())
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error
    found = _pictures_in(inside)
    if not found:
        below = [folder for folder in inside if folder.is_dir() and _pictures_in([*folder.glob("*")])]
        advice = f"try {below[0]}" if below else "name a video or a GIF by its own path"
        raise InputError(f"{path} holds no picture ({' '.join(PICTURES)}); {advice}")
    return found


def _files_at(address: Path) -> list[Path]:
    """Return the picture at a URL, or those of its folder."""
    if address.suffix.lower() in (*PICTURES, ".gif"):
        return [address]
    found = [address / name for name in files_in(address) if _is_picture(name)]
    if not found:
        raise InputError(f"{url_of(address)} holds no picture ({' '.join(PICTURES)})")
    return found


def _is_picture(name: str) -> bool:
    return PurePath(name).suffix.lower() in PICTURES and not name.startswith(".")


def _pictures_in(files: Sequence[Path]) -> list[Path]:
    """Return the pictures among the contents of a folder; a broken link is one that cannot be read."""
    named = [file for file in files if _is_picture(file.name)]
    return [file for file in named if file.is_file() or not file.exists()]


def _named(found: Sequence[Path | Image | PilImage]) -> list[Picture]:
    """Name pictures after their files, with the suffix where a.jpg lies beside a.png; those in memory are numbered."""
    stems = Counter(file.stem for file in found if isinstance(file, Path))
    pictures: list[Picture] = []
    versions = Versions()
    arrays = 0
    for entry in found:
        if isinstance(entry, Path):
            name = entry.stem if stems[entry.stem] == 1 else entry.name.replace(".", "-")
            pictures.append(Picture(NO_FILE_NAME.sub("_", name), entry, _key(entry, versions)))
        else:
            pictures.append(_in_memory(arrays, entry))
            arrays += 1
    return pictures


def _in_memory(k: int, value: Image | PilImage) -> Picture:
    if not isinstance(value, np.ndarray):
        from hint.exif import exif_of
        from hint.photo import pixels_of

        return replace(_in_memory(k, pixels_of(value)), known_exif=exif_of(value))
    if value.ndim != 3 or value.shape[2] != 3 or value.dtype != np.uint8 or not value.size:
        raise InputError(f"picture {k} is {value.dtype} of shape {value.shape}, expected (H, W, 3) RGB uint8")
    digest = hashlib.sha256(repr(value.shape).encode() + value.tobytes()).hexdigest()[:16]
    return Picture(f"picture{k}", None, digest, pixels=value)


def _key(path: Path, versions: Versions) -> str:
    try:
        version = versions.find(path)
    except (InputError, OSError):  # reported when it is read
        version = None
    return " ".join(map(str, (path.name, *(version or ()))))


def require_unchanged(picture: Picture) -> None:
    """Refuse a picture whose file is another one now than when it was listed; those at URLs are not looked at again.

    Raises:
        InputError: If it is.
    """
    if picture.path is not None and url_of(picture.path) is None and _key(picture.path, Versions()) != picture.key:
        raise InputError(f"{picture.path} changed while it was read; run the same command again")
