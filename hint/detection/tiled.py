"""The default detector: palms in tiles of the picture, each verified by the landmark network.

MediaPipe's palm network sees a picture in 192 px and misses palms smaller than about a tenth of it; here it is shown
the whole picture, then smaller and smaller tiles. The landmark network reads the hand around each palm, then once more
from closer; what it does not take for a hand is dropped, and its handedness gives the side.

Between frames of a video that are searched like this, hands are followed as MediaPipe does: each is read where it was
in the frame before, and only the largest tiles are searched for new ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from hint.detection.detection import GROUP, Detection, overlap
from hint.detection.picture import Picture
from hint.detection.tiles import Tile, cut_tile, pyramid
from hint.errors import MissingRequirementError
from hint.landmarks.files import missing
from hint.landmarks.palm import SIZE, Palm, PalmNetwork
from hint.landmarks.reading import HandReader, Reading
from hint.landmarks.region import around_landmarks
from hint.types import Image

#: What boxes have beyond the keypoints on every side, in longest sides of their bounding box: the median of HInt.
_MARGIN = 0.08
#: Levels of tiles that are searched between frames in which all are.
_QUICK_LEVELS = 2
#: A hand found again: mean distance of its landmarks, in longest sides of their bounding box.
_SAME = 0.35
#: Palms that overlap more (intersection over union) are one.
_SAME_PALM = 0.3
#: A palm in whose surroundings the landmark network is surer that there is no hand is not looked at again.
_MIN_FIRST_PRESENCE = 0.1
#: Wrist and knuckles, whose mean is about the middle of the palm.
_PALM_JOINTS = [0, 5, 9, 13, 17]
#: Palms to verify in a picture, at most: the surest.
_MOST_PALMS = 60


class _Frame(NamedTuple):
    """The hands of the last frame."""

    path: Path | None
    number: int
    hands: list[Reading]


class TiledDetector:
    """Finds palms in tiles and verifies them. Not thread-safe.

    Args:
        min_palm: Confidence to require of the palm network.
        min_presence: Probability of a hand to require of the landmark network.

    Raises:
        MissingRequirementError: If something must be installed or fetched first.
    """

    def __init__(self, min_palm: float = 0.5, min_presence: float = 0.5) -> None:
        if lacking := missing():
            raise MissingRequirementError(f"--detector mediapipe {lacking}; or give known boxes with --boxes")
        self.identity = f"mediapipe in tiles 1, palms {min_palm}, presence {min_presence}"
        self._min_palm, self._min_presence = min_palm, min_presence
        self._palms, self._reader = PalmNetwork(), HandReader()
        self._last = _Frame(None, -1, [])

    def detect(self, picture: Picture, image: Image) -> list[Detection]:
        """Return the hands of a picture from left to right."""
        hands = self._followed(picture, image)
        levels = pyramid(image.shape[1], image.shape[0])
        for palm in self._found(image, levels[:_QUICK_LEVELS] if hands else levels):
            if any(_covers(hand, palm) for hand in hands):
                continue
            hand = self._verified(image, self._reader.look(image, palm.region()))
            if hand is not None and not any(_are_same(hand, other) for other in hands):
                hands.append(hand)
        self._last = _Frame(picture.path, -1 if picture.frame is None else picture.frame, hands)
        return sorted((_detection(hand) for hand in hands), key=lambda found: found.box_xyxy)

    def _followed(self, picture: Picture, image: Image) -> list[Reading]:
        """Return the hands of the last frame where they are now, none in frames that are searched anew."""
        path, number, hands = self._last
        if picture.frame is None or (path, number + 1) != (picture.path, picture.frame) or not picture.frame % GROUP:
            return []
        moved = [self._verified(image, hand) for hand in hands]
        return [hand for k, hand in enumerate(moved) if hand and not any(_are_same(hand, m) for m in moved[:k] if m)]

    def _found(self, image: Image, levels: Sequence[Sequence[Tile]]) -> list[Palm]:
        """Return the palms in all tiles, the surest first, each once."""
        palms = [palm for level in levels for tile in level for palm in self._in_tile(image, tile)]
        kept: list[Palm] = []
        for palm in sorted(palms, key=lambda palm: -palm.score):
            if not any(overlap(palm.box_xyxy, other.box_xyxy) > _SAME_PALM for other in kept):
                kept.append(palm)
        return kept[:_MOST_PALMS]

    def _in_tile(self, image: Image, tile: Tile) -> list[Palm]:
        palms = self._palms(cut_tile(image, tile, SIZE), self._min_palm)
        scale, corner = tile.side / SIZE, np.array([tile.x, tile.y])
        return [Palm(p.box_xyxy * scale + np.tile(corner, 2), p.keypoints * scale + corner, p.score) for p in palms]

    def _verified(self, image: Image, first: Reading) -> Reading | None:
        """Look once more, from where a reading sees the hand; None where there is none."""
        if first.presence < _MIN_FIRST_PRESENCE:
            return None
        closer = self._reader.look(image, around_landmarks(first.keypoints, mirrored=first.region.mirrored))
        return closer if closer.presence >= self._min_presence else None


def _covers(hand: Reading, palm: Palm) -> bool:
    """Tell whether a palm is that of a hand: their middles are close."""
    apart = np.linalg.norm(hand.keypoints[_PALM_JOINTS].mean(0) - palm.box_xyxy.reshape(2, 2).mean(0))
    return bool(apart < (palm.box_xyxy[2] - palm.box_xyxy[0]) / 2)


def _are_same(a: Reading, b: Reading) -> bool:
    """Tell whether two readings are of one hand, whatever the side."""
    apart = np.linalg.norm(a.keypoints - b.keypoints, axis=1).mean()
    return bool(apart < _SAME * max(np.ptp(hand.keypoints, axis=0).max() for hand in (a, b)))


def _detection(hand: Reading) -> Detection:
    low, high = hand.keypoints.min(0), hand.keypoints.max(0)
    margin = max(_MARGIN * float((high - low).max()), 0.5)
    x1, y1, x2, y2 = (round(edge, 2) for edge in (*(low - margin).tolist(), *(high + margin).tolist()))
    return Detection((x1, y1, x2, y2), hand.right >= 0.5, round(hand.presence, 4))
