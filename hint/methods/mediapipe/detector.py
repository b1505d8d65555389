"""MediaPipe Hands as it is used: it looks for palms itself, here in a square crop around the box.

A detection counts if it overlaps the box (:func:`choose`); a hand that is not found is a row of NaN.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from hint.box import overlap
from hint.errors import InputError, MissingRequirementError
from hint.methods.extra import read_numbers
from hint.methods.mediapipe.card import Detector, missing, refuse_options
from hint.methods.setup import setup_line
from hint.skeleton import N_JOINTS
from hint.types import Hand, Image, MethodOptions, Predictions

if TYPE_CHECKING:
    from hint.landmarks.reading import Reading
    from hint.landmarks.region import Region

CARD = Detector.CARD
#: A detection that overlaps the box less is another hand.
_MIN_OVERLAP = 0.2
#: Palms to read, as MediaPipe's default, and the presence to require of a hand.
_MOST, _MIN_PRESENCE = 2, 0.5
#: Side of the crop, px. Landmarks are read at 224 px around the hand, which takes half of the crop.
_CROP_SIZE = 384
_DEFAULTS = {"box_factor": 2.0, "min_detection_confidence": 0.5}


class MediaPipeDetectorMethod:
    """Find palms in a crop around each box, left hands mirrored, and read the hands they belong to.

    Not thread-safe, except for ``prepare``.

    Args:
        box_factor: Side of the crop, in longest sides of the box.
        min_detection_confidence: Threshold of the palm detector.
    """

    card = CARD
    __repr__ = setup_line

    def __init__(self, box_factor: float, min_detection_confidence: float) -> None:
        from hint.landmarks.files import LANDMARKS, PALMS
        from hint.landmarks.palm import PalmNetwork
        from hint.landmarks.reading import HandReader

        self._palms, self._reader = PalmNetwork(), HandReader()
        self._box_factor, self._min_score = box_factor, min_detection_confidence
        self.fingerprint: dict[str, Any] = {
            "version": 2,
            "weights": [PALMS.sha256, LANDMARKS.sha256],
            "crop_size": _CROP_SIZE,
            "box_factor": box_factor,
            "min_detection_confidence": min_detection_confidence,
        }

    @classmethod
    def create(cls, options: MethodOptions) -> MediaPipeDetectorMethod:
        """Load both networks.

        Args:
            options: ``extra["box_factor"]`` and ``extra["min_detection_confidence"]`` are read.

        Raises:
            MissingRequirementError: If something must be installed or fetched first.
            InputError: If an option cannot be followed.
        """
        refuse_options(CARD.name, options)
        settings = read_numbers(CARD.name, options, _DEFAULTS)
        if settings["box_factor"] <= 0 or not 0 <= settings["min_detection_confidence"] <= 1:
            raise InputError(f"{CARD.name}: box_factor must be positive and min_detection_confidence in [0, 1]")
        if lacking := missing():
            raise MissingRequirementError(f"{CARD.name} {lacking}")
        return cls(**settings)

    def prepare(self, hand: Hand, image: Image | None) -> tuple[Image, Region]:
        """Cut the square around the box, and say where it lies."""
        from hint.landmarks.region import around_box, cut

        if image is None:
            raise InputError(f"{CARD.name} needs a picture, and {hand.hand_id} has none")
        region = around_box(hand.box_xyxy, self._box_factor, mirrored=not hand.is_right)
        return cut(image, region, _CROP_SIZE, black_border=True), region

    def infer(self, hands: Sequence[Hand], prepared: Sequence[tuple[Image, Region]]) -> Predictions:
        """Return landmarks, world landmarks and presence; NaN, and score 0, where no hand was found."""
        keypoints = np.full((len(hands), N_JOINTS, 2), np.nan, np.float32)
        world = np.full((len(hands), N_JOINTS, 3), np.nan, np.float32)
        score = np.zeros(len(hands), np.float32)
        for row, (hand, (crop, region)) in enumerate(zip(hands, prepared, strict=True)):
            found = choose(self._found(crop, region), hand)
            if found is not None:
                keypoints[row], world[row], score[row] = found.keypoints, found.world, found.presence
        return Predictions(np.array([hand.hand_id for hand in hands]), keypoints, world, score=score)

    def _found(self, crop: Image, region: Region) -> list[Reading]:
        """Return the hands in a crop, in the picture it was cut from."""
        palms = self._palms(crop, self._min_score)[:_MOST]
        readings = [self._reader.look(crop, palm.region()) for palm in palms]
        return [
            reading._replace(
                keypoints=region.to_picture(reading.keypoints / _CROP_SIZE - 0.5),
                world=region.upright(reading.world),
                right=1 - reading.right if region.mirrored else reading.right,
            )
            for reading in readings
            if reading.presence > _MIN_PRESENCE
        ]


def choose(readings: Sequence[Reading], hand: Hand) -> Reading | None:
    """Return the reading of the given hand, None where there is none.

    A reading counts where its bounding box overlaps the given one by at least 0.2 (intersection over union). Among
    those, one of the right side goes first, then the one that overlaps most. A wrong side alone does not rule a
    reading out: box and side are annotated, and the landmarks do not depend on the predicted side.
    """
    from hint.landmarks.region import enclosing

    def agreement(reading: Reading) -> float:
        return overlap(enclosing(reading.keypoints).tolist(), hand.box_xyxy)

    on_box = [reading for reading in readings if agreement(reading) >= _MIN_OVERLAP]
    return max(on_box, key=lambda r: ((r.right > 0.5) == hand.is_right, agreement(r)), default=None)
