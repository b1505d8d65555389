"""MediaPipe Hands as a detector."""

from __future__ import annotations

from typing import Any

import numpy as np

from hint.detection.detection import Detection, overlap
from hint.detection.picture import Picture
from hint.errors import MissingRequirementError
from hint.types import Image

#: Of two boxes that overlap more (intersection over union), the less confident one is dropped.
_SAME = 0.6


class MediaPipeDetector:
    """MediaPipe Hands on the whole picture; a box encloses its 21 landmarks.

    It searches for palms in a picture shrunk to 192 px, so it misses hands smaller than about a tenth of the picture.

    Args:
        most: Maximum number of hands in a picture.
        confidence: Threshold of the palm detector.

    Raises:
        MissingRequirementError: If MediaPipe is not installed.
    """

    def __init__(self, most: int = 8, confidence: float = 0.5) -> None:
        from hint.methods.mediapipe import VERSION, missing, without_chatter

        if lacking := missing():
            raise MissingRequirementError(f"--detector mediapipe {lacking}; or give known boxes with --boxes")
        from mediapipe.python.solutions.hands import Hands

        self.identity = f"mediapipe {VERSION}, at most {most} hands, confidence {confidence}"
        self._quietly, self._has_found = without_chatter, False
        with without_chatter():
            self._graph = Hands(True, most, 1, confidence)
            # It loads its networks with the first picture.
            self._graph.process(np.zeros((192, 192, 3), np.uint8))

    def detect(self, picture: Picture, image: Image) -> list[Detection]:
        """Return the hands of a picture from left to right."""
        found = [
            _detection(points, sides.classification[0], image.shape)
            for points, sides in self._raw(np.ascontiguousarray(image))
        ]
        kept: list[Detection] = []
        for hand in sorted(found, key=lambda f: -(f.score or 0)):
            if all(overlap(hand.box_xyxy, other.box_xyxy) <= _SAME for other in kept):
                kept.append(hand)
        return sorted(kept, key=lambda f: f.box_xyxy)

    def _raw(self, image: Image) -> list[tuple[Any, Any]]:
        if self._has_found:
            result = self._graph.process(image)
        else:
            with self._quietly():  # with the first hand it finds it logs once more
                result = self._graph.process(image)
        if not result.multi_hand_landmarks:
            return []
        self._has_found = True
        return list(zip(result.multi_hand_landmarks, result.multi_handedness, strict=True))


def _detection(points: Any, side: Any, shape: tuple[int, ...]) -> Detection:
    """Read one hand; MediaPipe assumes mirrored pictures: its "Left" is a right hand."""
    height, width = shape[:2]
    landmarks = np.array([(p.x * width, p.y * height) for p in points.landmark]) - 0.5
    x1, y1, x2, y2 = (round(edge, 2) for edge in (*landmarks.min(0).tolist(), *landmarks.max(0).tolist()))
    return Detection((x1, y1, max(x2, x1 + 1), max(y2, y1 + 1)), side.label == "Left", round(float(side.score), 4))
