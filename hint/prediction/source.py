"""What is looked at: pictures in files, in folders or in memory, or the frames of a video."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hint.errors import InputError, some_ids
from hint.types import Image

PICTURES = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
VIDEOS = (".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".ts", ".webm", ".wmv")

Input = Path | str | Image


@dataclass(frozen=True, eq=False)
class Picture:
    """One picture, or one frame of a video.

    Attributes:
        name: Unique name, for what is written about it.
        path: The file, or the video; None for pictures in memory.
        key: Changes where the file does.
        frame: Number of the frame, from 0; None for pictures.
        pixels: (H,W,3) RGB where it is in memory already.
    """

    name: str
    path: Path | None
    key: str
    frame: int | None = None
    pixels: Image | None = None

    def read(self) -> Image:
        """Return (H,W,3) RGB.

        Raises:
            InputError: If the picture cannot be read.
        """
        if self.pixels is not None or self.path is None:
            return np.asarray(self.pixels)
        from hint.images import read_image

        return read_image(self.path)


class Source(ABC):
    """Pictures in order.

    Attributes:
        total: How many.
        rate: Frames per second of a video, None for pictures.
    """

    total: int
    rate: float | None = None

    @abstractmethod
    def pictures(self) -> Iterator[Picture]:
        """Yield them; a video is decoded once, frame by frame."""


class Stills(Source):
    """Pictures that do not belong together.

    Args:
        pictures: What they are; names must differ.
    """

    def __init__(self, pictures: Sequence[Picture]) -> None:
        again = [name for name, times in Counter(p.name for p in pictures).items() if times > 1]
        if again:
            raise InputError(f"pictures of the same name: {some_ids(again)}; predict them folder by folder")
        self._pictures, self.total = pictures, len(pictures)

    def pictures(self) -> Iterator[Picture]:
        """Yield them."""
        yield from self._pictures


class Video(Source):
    """The frames of a video.

    Args:
        path: The file.

    Raises:
        VideoError: If it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        from hint.video.pixels import timeline

        line = timeline(path)
        self.path, self.total, self.rate = path, len(line.slots), float(line.rate)
        self._key = _key(path)

    def pictures(self) -> Iterator[Picture]:
        """Yield its frames."""
        from hint.video.pixels import all_frames

        for frame, pixels in all_frames(self.path):
            yield Picture(f"{self.path.stem}_frame{frame:06d}", self.path, self._key, frame, pixels)


def find_source(inputs: Input | Sequence[Input]) -> Source:
    """Return what paths and arrays name.

    Args:
        inputs: Picture files, folders of pictures (not what lies in folders below), (H,W,3) RGB arrays, or one video.

    Raises:
        InputError: If a path does not exist, a folder holds no picture, or a video is not alone.
    """
    given = [inputs] if isinstance(inputs, Path | str | np.ndarray) else list(inputs)
    paths = [Path(value).expanduser() for value in given if isinstance(value, Path | str)]
    videos = [path for path in paths if path.suffix.lower() in VIDEOS]
    if videos:
        if len(given) > 1:
            raise InputError(f"a video is predicted by itself: {videos[0]} and {len(given) - 1} more were given")
        return Video(videos[0])
    files = [file for path in paths for file in _files(path)]
    arrays = [value for value in given if isinstance(value, np.ndarray)]
    if not files and not arrays:
        raise InputError("no picture was given")
    return Stills([*_named(files), *(_in_memory(k, array) for k, array in enumerate(arrays))])


def _files(path: Path) -> list[Path]:
    if not path.exists():
        raise InputError(f"{path}: no such file or folder")
    if path.is_file():
        return [path]
    found = sorted(file for file in path.iterdir() if file.suffix.lower() in PICTURES and not file.name.startswith("."))
    if not found:
        raise InputError(f"{path} holds no picture ({', '.join(PICTURES)}); a video is named itself")
    return found


def _named(files: Sequence[Path]) -> list[Picture]:
    """Name pictures after their files; with the suffix where a.jpg lies beside a.png."""
    stems = Counter(file.stem for file in files)
    return [Picture(f.stem if stems[f.stem] == 1 else f.name.replace(".", "-"), f, _key(f)) for f in files]


def _in_memory(k: int, array: Image) -> Picture:
    if array.ndim != 3 or array.shape[2] != 3 or array.dtype != np.uint8 or not array.size:
        raise InputError(f"picture {k} is {array.dtype} of shape {array.shape}, expected (H, W, 3) RGB uint8")
    digest = hashlib.sha256(repr(array.shape).encode() + array.tobytes()).hexdigest()[:16]
    return Picture(f"picture{k}", None, digest, pixels=array)


def _key(path: Path) -> str:
    status = path.stat()
    return f"{path.name} {status.st_size} {status.st_mtime_ns}"
