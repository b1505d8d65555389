"""Small pictures of hands with keypoints, and which may be used in a site."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hint.files import read_predictions
from hint.images import encode_image, read_image
from hint.names import parse_name
from hint.render import PAPER, cut_tile, draw_keypoints
from hint.types import HandLabels, Image

_QUALITY = 80

#: A hand without a prediction is faded by this share.
_FADE = 0.75


def is_ego4d(hand_id: str, subset: str) -> bool:
    """Tell by name or subset whether a hand is from Ego4D, whose licence forbids passing pictures on."""
    parsed = parse_name(hand_id)
    return "ego4d" in subset.lower() or (parsed is not None and parsed.source == "ego4d")


@dataclass(eq=False)
class Pictures:
    """Pictures of a site, stored once each under the sha256 of their bytes.

    Attributes:
        labels: Labelled hands.
        show_ego4d: Whether Ego4D's pixels may be used; otherwise keypoints are drawn on paper.
        files: Path in the site -> bytes.
    """

    labels: HandLabels
    show_ego4d: bool = False
    files: dict[str, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._row = {hand: k for k, hand in enumerate(self.labels.hand_id.tolist())}
        self._predictions: dict[Path, dict[str, NDArray[np.floating]]] = {}
        self._last: tuple[str, Image | None] = ("", None)

    def has(self, hand_id: str) -> bool:
        """Tell whether a hand is labelled here."""
        return hand_id in self._row

    def has_pixels(self, hand_id: str) -> bool:
        """Tell whether a hand is shown on its picture rather than on paper."""
        return self._source(hand_id) is not None

    def keypoints(self, file: Path, hand_id: str) -> NDArray[np.floating] | None:
        """Return (21,2) predicted keypoints of a hand, None if there are none; each file is read once."""
        if file not in self._predictions:
            found = read_predictions(file)
            self._predictions[file] = dict(zip(found.hand_id.tolist(), found.keypoints_2d, strict=True))
        return self._predictions[file].get(hand_id)

    def truth(self, hand_id: str) -> str:
        """Return the path of a picture of a hand with its labels."""
        return self._add(hand_id, np.asarray(self.labels.keypoints_2d[self._row[hand_id]]))

    def prediction(self, hand_id: str, keypoints: NDArray[np.floating] | None) -> str:
        """Return the path of a picture of a hand with (21,2) predicted keypoints, faded if there are none."""
        return self._add(hand_id, keypoints)

    def _add(self, hand_id: str, keypoints: NDArray[np.floating] | None) -> str:
        row = self._row[hand_id]
        tile = cut_tile(self._image(hand_id), self.labels.box_xyxy[row])
        if keypoints is None or not np.isfinite(keypoints).all(1).any():
            drawn = ((1 - _FADE) * tile.image + _FADE * np.array(PAPER)).astype(np.uint8)
        else:
            drawn = draw_keypoints(tile.image, tile.place(keypoints), self.labels.visibility[row])
        content = encode_image(drawn, ".jpg", _QUALITY)
        path = f"pictures/{hashlib.sha256(content).hexdigest()[:20]}.jpg"
        self.files[path] = content
        return path

    def _source(self, hand_id: str) -> Path | None:
        row = self._row[hand_id]
        if not self.show_ego4d and is_ego4d(hand_id, str(self.labels.subset[row])):
            return None
        path = str(self.labels.image[row])
        return Path(path) if path and Path(path).is_file() else None

    def _image(self, hand_id: str) -> Image | None:
        """Read a picture and keep it, as the same hand is requested several times in a row."""
        if self._last[0] != hand_id:
            source = self._source(hand_id)
            self._last = (hand_id, read_image(source) if source else None)
        return self._last[1]
