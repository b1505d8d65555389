"""Find hands in whole pictures, with their sides.

A detector of your own is any object with ``identity``, a string that names it and its settings, and
``find(picture, image)``, which returns :class:`~hint.prediction.seen.Found` hands of an RGB picture.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from hint.errors import MissingRequirementError, UnknownNameError
from hint.prediction.seen import Found
from hint.prediction.source import Picture
from hint.prediction.tracks import overlap
from hint.types import Image

#: Two hands whose boxes overlap more are one hand that was found twice.
_SAME = 0.6


class Finder(Protocol):
    """Says where the hands of a picture are.

    Attributes:
        identity: Changes where the answers would; what an earlier run found is kept as long as it does not.
    """

    identity: str

    def find(self, picture: Picture, image: Image) -> list[Found]:
        """Return the hands of a picture, (H,W,3) RGB."""
        ...


def create_detector(name: str) -> Finder:
    """Set up a detector.

    Raises:
        UnknownNameError: If none has this name.
        MissingRequirementError: If something must be installed first.
    """
    if name not in DETECTORS:
        raise UnknownNameError("detector", name, DETECTORS)
    return DETECTORS[name]()


class MediaPipeDetector:
    """MediaPipe Hands on the whole picture; a box is what its 21 landmarks span.

    It looks for palms in a picture shrunk to 192 px, so hands smaller than about a tenth of the picture are missed.

    Args:
        most: Hands of a picture at most.
        confidence: Threshold of the palm detector.

    Raises:
        MissingRequirementError: If MediaPipe is not installed.
    """

    def __init__(self, most: int = 8, confidence: float = 0.5) -> None:
        from hint.methods.mediapipe import VERSION, missing, without_chatter

        if lacking := missing():
            raise MissingRequirementError(f"--detector mediapipe {lacking}; or name known boxes with --boxes")
        from mediapipe.python.solutions.hands import Hands

        self.identity = f"mediapipe {VERSION}, at most {most} hands, confidence {confidence}"
        self._quietly, self._found_one = without_chatter, False
        with without_chatter():
            self._graph = Hands(True, most, 1, confidence)
            # The first picture is what makes it load its networks.
            self._graph.process(np.zeros((192, 192, 3), np.uint8))

    def find(self, picture: Picture, image: Image) -> list[Found]:
        """Return the hands of a picture from left to right."""
        found = [
            _found(points, sides.classification[0], image.shape)
            for points, sides in self._answers(np.ascontiguousarray(image))
        ]
        kept: list[Found] = []
        for hand in sorted(found, key=lambda f: -(f.score or 0)):
            if all(overlap(hand.box_xyxy, other.box_xyxy) <= _SAME for other in kept):
                kept.append(hand)
        return sorted(kept, key=lambda f: f.box_xyxy)

    def _answers(self, image: Image) -> list[tuple[Any, Any]]:
        if self._found_one:
            result = self._graph.process(image)
        else:
            with self._quietly():  # the first hand it finds makes it talk once more
                result = self._graph.process(image)
        if not result.multi_hand_landmarks:
            return []
        self._found_one = True
        return list(zip(result.multi_hand_landmarks, result.multi_handedness, strict=True))


def _found(points: Any, side: Any, shape: tuple[int, ...]) -> Found:
    """Read one hand; MediaPipe names sides as if pictures came from a mirror: "Left" is a right hand."""
    height, width = shape[:2]
    landmarks = np.array([(p.x * width, p.y * height) for p in points.landmark]) - 0.5
    x1, y1, x2, y2 = (round(edge, 2) for edge in (*landmarks.min(0).tolist(), *landmarks.max(0).tolist()))
    return Found((x1, y1, max(x2, x1 + 1), max(y2, y1 + 1)), side.label == "Left", round(float(side.score), 4))


DETECTORS = {"mediapipe": MediaPipeDetector}
