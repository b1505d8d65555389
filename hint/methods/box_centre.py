"""Control: every joint at the centre of the box: the score without any pose."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from hint.methods.extra import read_numbers
from hint.methods.setup import setup_line
from hint.skeleton import N_JOINTS
from hint.types import Hand, Image, MethodCard, MethodOptions, Predictions

CARD = MethodCard(
    name="box-centre",
    title="Box centre",
    summary="Control: all joints at the centre of the annotated box.",
    trained_on_hint=False,
    reads_images=False,
)


class BoxCentre:
    """Put all joints at the centre of the box."""

    card = CARD
    __repr__ = setup_line
    fingerprint: ClassVar[dict[str, Any]] = {"version": 1}

    @classmethod
    def create(cls, options: MethodOptions) -> BoxCentre:
        """Return the control; it has no settings."""
        read_numbers(CARD.name, options, {})
        return cls()

    def prepare(self, hand: Hand, image: Image | None) -> None:
        """Do nothing: the box is enough."""

    def infer(self, hands: Sequence[Hand], prepared: Sequence[Any]) -> Predictions:
        """Return the centre of each box, 21 times."""
        boxes = np.array([hand.box_xyxy for hand in hands])
        centres = (boxes[:, :2] + boxes[:, 2:]) / 2
        return Predictions(np.array([hand.hand_id for hand in hands]), np.repeat(centres[:, None], N_JOINTS, axis=1))
