"""MediaPipe's landmark network on the box that every method gets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from hint.errors import InputError, MissingRequirementError
from hint.methods.extra import read_numbers
from hint.methods.mediapipe.card import CARD, missing, refuse_options
from hint.methods.setup import setup_line
from hint.types import Hand, Image, MethodOptions, Predictions

if TYPE_CHECKING:
    from hint.landmarks.window import Window


class MediaPipeMethod:
    """Read each hand from its box; see :class:`hint.landmarks.reading.HandReader`.

    Not thread-safe, except for ``prepare``.
    """

    card = CARD
    __repr__ = setup_line

    def __init__(self) -> None:
        from hint.landmarks.files import LANDMARKS
        from hint.landmarks.reading import HandReader

        self._reader = HandReader()
        self.fingerprint: dict[str, Any] = {"version": 2, "weights": LANDMARKS.sha256}

    @classmethod
    def create(cls, options: MethodOptions) -> MediaPipeMethod:
        """Load the network; there are no settings.

        Raises:
            MissingRequirementError: If something must be installed or fetched first.
            InputError: If an option cannot be followed.
        """
        refuse_options(CARD.name, options)
        read_numbers(CARD.name, options, {})
        if lacking := missing():
            raise MissingRequirementError(f"{CARD.name} {lacking}")
        return cls()

    def prepare(self, hand: Hand, image: Image | None) -> Window:
        """Cut out what the network may look at."""
        from hint.landmarks.window import around

        if image is None:
            raise InputError(f"{CARD.name} needs a picture, and {hand.hand_id} has none")
        return around(image, hand.box_xyxy)

    def infer(self, hands: Sequence[Hand], prepared: Sequence[Window]) -> Predictions:
        """Return landmarks, world landmarks and the score of the reading."""
        readings = [
            self._reader.read_window(window, hand.is_right) for hand, window in zip(hands, prepared, strict=True)
        ]
        return Predictions(
            np.array([hand.hand_id for hand in hands]),
            np.stack([reading.keypoints for reading in readings]),
            np.stack([reading.world for reading in readings]),
            score=np.array([reading.score for reading in readings]),
        )
