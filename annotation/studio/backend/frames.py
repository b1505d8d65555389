"""Pictures of tasks: the original frames where their manifest is at hand, else what the annotator sees."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
from numpy.typing import NDArray

from annotation.studio.client import Studio
from annotation.studio.config import IMAGE
from annotation.studio.task import HandTask
from hint.box import Box
from hint.errors import InputError
from hint.images import decode_image
from hint.provenance import sha256_file
from hint.types import Image

#: Pictures on the server itself; no other address is asked, whatever a task says.
_ON_SERVER = "/data/"
_UP = re.compile(r"(^|[/\\=])\.\.([/\\]|$)")


@dataclass(frozen=True, eq=False)
class Seen:
    """A picture that shows a part of a frame, perhaps enlarged.

    Attributes:
        image: (H,W,3) RGB.
        crop: x, y, width, height of the part, px of the frame.
    """

    image: Image
    crop: tuple[int, int, int, int]

    @property
    def _scale(self) -> NDArray[np.float64]:
        scale: NDArray[np.float64] = np.array(self.image.shape[1::-1], float) / self.crop[2:]
        return scale

    def box(self, box: Box) -> Box:
        """Convert a box from px of the frame to px of the picture."""
        x1, y1, x2, y2 = ((np.reshape(box, (2, 2)) - self.crop[:2]) * self._scale).ravel().tolist()
        return x1, y1, x2, y2

    def in_frame(self, points: NDArray[Any]) -> NDArray[np.float64]:
        """Convert (...,2) points from px of the picture to px of the frame."""
        found: NDArray[np.float64] = points / self._scale + self.crop[:2]
        return found


class Frames:
    """Where the pictures of tasks are.

    Args:
        studio: The server.
        bases: Folders of manifests, in which original frames are looked for.
    """

    def __init__(self, studio: Studio, bases: Sequence[Path]) -> None:
        self._studio, self._bases = studio, bases

    def see(self, data: Mapping[str, Any], task: HandTask) -> Seen:
        """Return the picture of a task.

        Raises:
            InputError: If it is not on the server, or damaged.
            StudioError: If the server does not give it.
        """
        for base in self._bases:
            path = base / task.image
            if path.is_file() and sha256_file(path) == task.image_sha256:
                return Seen(decode_image(path.read_bytes(), str(path)), (0, 0, *task.frame_size))
        address = str(data.get(IMAGE, ""))
        if not address.startswith(_ON_SERVER) or _UP.search(unquote(address)):
            raise InputError(f"its picture is not on the server: {address[:100]!r}")
        content = self._studio.send("GET", address, follow_redirects=False).content
        return Seen(decode_image(content, address), task.crop)
