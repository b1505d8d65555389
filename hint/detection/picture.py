"""A picture that is searched for hands."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from hint.errors import InputError
from hint.exif import Exif, read_exif, upright
from hint.files.storage import opened, place_of, url_of
from hint.types import Image


@dataclass(frozen=True, eq=False)
class Picture:
    """One picture, or one frame of a video.

    Attributes:
        name: Unique name, used in results and messages.
        path: The file or its URL, or the video; None for pictures in memory.
        key: Changes when the file does.
        frame: Number of the frame, from 0; None for pictures.
        pixels: (H,W,3) RGB where it is in memory already, as stored.
        seconds: When the frame of a video is shown, None for pictures.
        stored: Whether boxes refer to the pixels as stored, so that the picture is not turned upright.
        known_exif: What a picture in memory says about itself, None to read it from the file.
        damage: What is wrong with pixels that are in memory already, "" for nothing.
    """

    name: str
    path: Path | None
    key: str
    frame: int | None = None
    pixels: Image | None = None
    seconds: float | None = None
    stored: bool = False
    known_exif: Exif | None = None
    damage: str = ""

    @cached_property
    def exif(self) -> Exif:
        """What the picture says about itself; frames of videos are upright already."""
        if self.known_exif is not None:
            return self.known_exif
        if self.path is None or self.frame is not None:
            return Exif()
        if url_of(self.path) is None:
            return read_exif(self.path)
        with suppress(InputError), opened(self.path) as file:  # reported when the picture is read
            return read_exif(file)
        return Exif()

    @property
    def place(self) -> str:
        """The file, whatever it is called and linked by; the name of a picture in memory. Frames share their video."""
        return place_of(self.path) if self.path else self.name

    @property
    def orientation(self) -> int:
        """EXIF orientation that :meth:`read` undoes; 1 leaves pixels as they are stored."""
        return 1 if self.stored else self.exif.orientation

    def read(self, complain: Callable[[str], None] = lambda damage: None) -> Image:
        """Return (H,W,3) RGB, turned upright unless it is to be left as stored.

        Args:
            complain: Called with what is wrong with a file that is damaged, but still shows something.

        Raises:
            InputError: If the picture cannot be read.
        """
        if self.damage:
            complain(self.damage)
        if self.pixels is not None or self.path is None:
            return upright(np.asarray(self.pixels), self.orientation)
        from hint.photo import read_photo

        return upright(read_photo(self.path, complain), self.orientation)
