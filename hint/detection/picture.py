"""A picture that is searched for hands."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hint.types import Image


@dataclass(frozen=True, eq=False)
class Picture:
    """One picture, or one frame of a video.

    Attributes:
        name: Unique name, used in results and messages.
        path: The file, or the video; None for pictures in memory.
        key: Changes when the file does.
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
