"""The default detector: palms in tiles of the picture, each verified by the landmark network.

MediaPipe's palm network sees a picture in 192 px and misses palms smaller than about a tenth of it; here it is shown
the whole picture, then smaller and smaller tiles. The landmark network reads the hand around each palm, then looks
closer, at last in a mirror. What it does not take for a hand is dropped; its handedness gives the side.

Between frames of a video that are searched like this, hands are followed as MediaPipe does: each is read where it was
in the frame before, and only the largest tiles are searched for new ones.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from hint.box import Box, area, shared_area
from hint.detection.detection import GROUP, Detection
from hint.detection.picture import Picture
from hint.detection.tiles import Tile, cut_tile, pyramid
from hint.errors import MissingRequirementError
from hint.landmarks.files import missing
from hint.landmarks.palm import SIZE, Palm, PalmNetwork, merged
from hint.landmarks.reading import HandReader, Reading
from hint.landmarks.region import around_landmarks
from hint.types import Image

#: What boxes have beyond the keypoints on every side, in longest sides of their bounding box: the median of HInt.
_MARGIN = 0.08
#: Confidence to require of palms, level by level: in small tiles more looks like one.
_MIN_PALM = (0.2, 0.2, 0.5, 0.5)
#: Levels of tiles that are searched between frames in which all are.
_QUICK_LEVELS = 2
#: Tiles whose pixels differ less, grey levels, show sky or wall.
_BLANK = 4.0
#: Palms to verify in a picture, at most: the surest.
_MOST_PALMS = 60
#: Regions of palms larger than this, in longer sides of the picture, and surer than this, are turned so often.
_LARGE, _SURE, _TURNS = 0.05, 0.5, 8
#: Presence from which the first and the second look are worth another.
_WORTH_A_LOOK = (0.1, 0.3)
#: Presence to require on average: small things look like hands more often than large ones.
_MIN_PRESENCE, _MIN_PRESENCE_LARGE = 0.75, 0.5
#: Size of a large hand, in longer sides of the picture.
_LARGE_HAND = 0.15
#: Two readings are of one hand if their landmarks are closer, in longest sides of their bounding box, on average.
_SAME_HAND = 0.35
#: A part of a hand was taken for a hand if so much of its box lies in one that is larger by so much.
_INSIDE, _SMALLER = 0.7, 0.7
#: Wrist and knuckles, whose mean is about the middle of the palm.
_PALM_JOINTS = [0, 5, 9, 13, 17]


class _Seen(NamedTuple):
    """A hand that was verified.

    Attributes:
        reading: What the last look saw.
        presence: Of the last looks, on average.
        right: Probability that it is a right hand, likewise.
    """

    reading: Reading
    presence: float
    right: float

    @property
    def box_xyxy(self) -> Box:
        """Its landmarks' bounding box with the margin of HInt's boxes."""
        low, high = self.reading.keypoints.min(0), self.reading.keypoints.max(0)
        margin = max(_MARGIN * float((high - low).max()), 0.5)
        x1, y1, x2, y2 = (round(edge, 2) for edge in (*(low - margin).tolist(), *(high + margin).tolist()))
        return x1, y1, x2, y2


class _Frame(NamedTuple):
    """The hands of the last frame."""

    path: Path | None
    number: int
    hands: list[_Seen]


class TiledDetector:
    """Finds palms in tiles and verifies them. Not thread-safe.

    Raises:
        MissingRequirementError: If something must be installed or fetched first.
    """

    identity = "mediapipe in tiles 1"

    def __init__(self) -> None:
        if lacking := missing():
            raise MissingRequirementError(f"--detector mediapipe {lacking}; or give known boxes with --boxes")
        self._palms, self._reader = PalmNetwork(), HandReader()
        self._last = _Frame(None, -1, [])

    def __reduce__(self) -> tuple[type[TiledDetector], tuple[()]]:
        return TiledDetector, ()  # the networks are loaded again

    def detect(self, picture: Picture, image: Image) -> list[Detection]:
        """Return the hands of a picture from left to right."""
        levels = pyramid(image.shape[1], image.shape[0])
        hands: list[_Seen] = []
        if self._goes_on(picture):
            levels, hands = levels[:_QUICK_LEVELS], self._followed(image)
        for palm in self._found(image, levels):
            if not any(_covers(hand, palm) for hand in hands):
                hands += self._read(image, palm)
        hands = _without_doubles(hands)
        self._last = _Frame(picture.path, -1 if picture.frame is None else picture.frame, hands)
        found = [Detection(hand.box_xyxy, hand.right >= 0.5, round(hand.presence, 4)) for hand in hands]
        return sorted(found, key=lambda hand: hand.box_xyxy)

    def _goes_on(self, picture: Picture) -> bool:
        """Tell whether the hands of the last frame are followed into this one."""
        follows = (self._last.path, self._last.number + 1) == (picture.path, picture.frame)
        return picture.frame is not None and follows and picture.frame % GROUP > 0

    def _followed(self, image: Image) -> list[_Seen]:
        """Return the hands of the last frame where they are now."""
        moved = [self._judged(image, [self._closer(image, hand.reading)]) for hand in self._last.hands]
        return _without_doubles([hand for found in moved for hand in found])

    def _found(self, image: Image, levels: Sequence[Sequence[Tile]]) -> list[Palm]:
        """Return the palms in all tiles, the surest first, each averaged over the tiles that show it."""
        palms = [
            palm
            for tiles, min_score in zip(levels, _MIN_PALM, strict=False)
            for tile in tiles
            for palm in self._in_tile(image, tile, min_score)
        ]
        if not palms:
            return []
        points = np.stack([np.concatenate([palm.box_xyxy.reshape(2, 2), palm.keypoints]) for palm in palms])
        return merged(points, np.array([palm.score for palm in palms]))[:_MOST_PALMS]

    def _in_tile(self, image: Image, tile: Tile, min_score: float) -> list[Palm]:
        pixels = cut_tile(image, tile, SIZE)
        if pixels.std(axis=(0, 1)).max() < _BLANK:
            return []
        palms = self._palms(pixels, min_score)
        scale, corner = tile.side / SIZE, np.array([tile.x, tile.y])
        return [Palm(p.box_xyxy * scale + np.tile(corner, 2), p.keypoints * scale + corner, p.score) for p in palms]

    def _read(self, image: Image, palm: Palm) -> list[_Seen]:
        """Return the hand of a palm, none if there is none; around a large, sure palm its direction is searched too."""
        region = palm.region()
        hand = self._verified(image, self._reader.look(image, region))
        is_large = palm.box_xyxy[2] - palm.box_xyxy[0] > _LARGE * max(image.shape)
        if hand or not is_large or palm.score < _SURE:
            return hand
        turned = [region._replace(angle=region.angle + math.tau * turn / _TURNS) for turn in range(1, _TURNS)]
        return self._verified(image, max((self._reader.look(image, r) for r in turned), key=lambda look: look.presence))

    def _verified(self, image: Image, first: Reading) -> list[_Seen]:
        """Return the hand that a first look saw, none if closer ones do not see it."""
        looks = [first]
        for worth in _WORTH_A_LOOK:
            if looks[-1].presence < worth:
                return []
            looks.append(self._closer(image, looks[-1]))
        return self._judged(image, looks[1:])

    def _judged(self, image: Image, looks: Sequence[Reading]) -> list[_Seen]:
        """Return the hand that these looks and another one in a mirror see, none if they are not sure on average."""
        looks = [*looks, self._closer(image, looks[-1], mirrored=True)]
        presence, right = np.mean([(look.presence, look.right) for look in looks], axis=0).tolist()
        size = np.ptp(looks[-2].keypoints, axis=0).max()
        least = _MIN_PRESENCE if size < _LARGE_HAND * max(image.shape) else _MIN_PRESENCE_LARGE
        return [_Seen(looks[-2], presence, right)] if presence >= least else []

    def _closer(self, image: Image, reading: Reading, mirrored: bool = False) -> Reading:
        return self._reader.look(image, around_landmarks(reading.keypoints, mirrored))


def _covers(hand: _Seen, palm: Palm) -> bool:
    """Tell whether a palm is that of a hand: their middles are close, and it is as large."""
    middle, palm_side = hand.reading.keypoints[_PALM_JOINTS].mean(0), float(palm.box_xyxy[2] - palm.box_xyxy[0])
    size = float(np.ptp(hand.reading.keypoints, axis=0).max())
    return bool(np.linalg.norm(middle - palm.box_xyxy.reshape(2, 2).mean(0)) < palm_side / 2 < size)


def _without_doubles(hands: Sequence[_Seen]) -> list[_Seen]:
    """Return each hand once, the surest reading of it."""
    kept: list[_Seen] = []
    for hand in sorted(hands, key=lambda hand: -hand.presence):
        if not any(_are_same(hand.reading, other.reading) or _is_part(hand.box_xyxy, other.box_xyxy) for other in kept):
            kept.append(hand)
    return kept


def _are_same(a: Reading, b: Reading) -> bool:
    """Tell whether two readings are of one hand, whatever the side."""
    apart = np.linalg.norm(a.keypoints - b.keypoints, axis=1).mean()
    return bool(apart < _SAME_HAND * max(np.ptp(hand.keypoints, axis=0).max() for hand in (a, b)))


def _is_part(box: Box, of: Box) -> bool:
    """Tell whether a box lies in one that is larger."""
    side, larger = (max(b[2] - b[0], b[3] - b[1]) for b in (box, of))
    return shared_area(box, of) > _INSIDE * area(box) and side < _SMALLER * larger
