"""Write an annotated video."""

from __future__ import annotations

import os
import tempfile
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import cast

import av
import numpy as np

from hint.errors import WriteError
from hint.types import Image

_CODECS = ("libx264", "mpeg4")


class VideoFile:
    """An .mp4 without sound; it appears under its name once it is complete.

    Args:
        path: File to write.
        rate: Frames per second.
    """

    def __init__(self, path: Path, rate: float) -> None:
        self._path, self._rate = path, Fraction(rate).limit_denominator(1001)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(suffix=path.suffix, prefix=f".{path.stem}.", dir=path.parent)
        except OSError as error:
            raise WriteError(f"cannot write {path}: {error.strerror}") from error
        os.close(handle)
        self._temporary = Path(name)
        self._container = av.open(name, "w")
        self._stream: av.VideoStream | None = None

    def __enter__(self) -> VideoFile:
        return self

    def add(self, image: Image) -> None:
        """Add a frame (H,W,3) RGB; the first one sets the size, and an odd last row or column is dropped."""
        if self._stream is None:
            self._stream = self._begin(image)
        even = image[: self._stream.height, : self._stream.width]
        self._container.mux(self._stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(even), "rgb24")))

    def _begin(self, image: Image) -> av.VideoStream:
        codec = next(name for name in _CODECS if name in av.codecs_available)
        options = {"crf": "20", "preset": "veryfast"} if codec == "libx264" else {"qscale": "3"}
        stream = cast(av.VideoStream, self._container.add_stream(codec, rate=self._rate, options=options))
        stream.height, stream.width = (n - n % 2 for n in image.shape[:2])
        stream.pix_fmt = "yuv420p"
        return stream

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._stream is not None and error is None:
                self._container.mux(self._stream.encode(None))
            self._container.close()
            if self._stream is not None and error is None:
                self._temporary.chmod(0o644)
                self._temporary.replace(self._path)
        except (OSError, av.FFmpegError) as failure:
            raise WriteError(f"cannot write {self._path}: {failure.strerror}") from failure
        finally:
            self._temporary.unlink(missing_ok=True)
