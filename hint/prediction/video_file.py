"""Write an annotated video."""

from __future__ import annotations

from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import cast

import av
import numpy as np
from av.container import OutputContainer

from hint.files import atomic_write
from hint.types import Image

_CODECS = ("libx264", "mpeg4")


class VideoFile:
    """An .mp4 without sound; it appears under its name once it is complete, and not at all without a frame.

    Args:
        path: File to write.
        rate: Frames per second.
    """

    def __init__(self, path: Path, rate: float) -> None:
        self._path, self._rate = path, Fraction(rate).limit_denominator(1001)
        self._stack = ExitStack()
        self._parts: tuple[OutputContainer, av.VideoStream] | None = None

    def __enter__(self) -> VideoFile:
        return self

    def add(self, image: Image) -> None:
        """Add a frame (H,W,3) RGB; the first one sets the size, and an odd last row or column is dropped.

        Raises:
            WriteError: If the file cannot be written.
        """
        self._parts = self._parts or self._begin(image)
        container, stream = self._parts
        even = image[: stream.height, : stream.width]
        container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(even), "rgb24")))

    def _begin(self, image: Image) -> tuple[OutputContainer, av.VideoStream]:
        file = self._stack.enter_context(atomic_write(self._path))
        container = self._stack.enter_context(av.open(file, "w", format="mp4"))
        codec = next(name for name in _CODECS if name in av.codecs_available)
        options = {"crf": "20", "preset": "veryfast"} if codec == "libx264" else {"qscale": "3"}
        stream = cast(av.VideoStream, container.add_stream(codec, rate=self._rate, options=options))
        stream.height, stream.width = (n - n % 2 for n in image.shape[:2])
        stream.pix_fmt = "yuv420p"
        return container, stream

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._stack:
            if error is not None:
                self._stack.__exit__(kind, error, trace)
            elif self._parts is not None:
                container, stream = self._parts
                container.mux(stream.encode(None))
