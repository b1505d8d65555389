"""Narrow down what a detector finds, and give every hand a side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from hint.detection.detection import Detection, Detector
from hint.detection.picture import Picture
from hint.errors import InputError, MissingRequirementError, UnknownNameError
from hint.types import Image

if TYPE_CHECKING:
    from hint.landmarks.reading import HandReader

SIDES = ("auto", "right", "left")


@dataclass(frozen=True)
class Choice:
    """Which of the hands that a detector finds are taken, and as which side.

    Attributes:
        side: "right" or "left" if all hands are known to be right, or left, ones; "auto" to trust the detector, and
            to ask the landmark network where it tells no side.
        min_score: Minimum confidence of the detector; hands without one are taken.
        max_hands: Maximum number of hands in a picture, the surest; None for all.

    Raises:
        InputError: If a value cannot be used.
    """

    side: str = "auto"
    min_score: float = 0.0
    max_hands: int | None = None

    def __post_init__(self) -> None:
        if self.side not in SIDES:
            raise UnknownNameError("side", self.side, SIDES)
        if not 0 <= self.min_score <= 1:
            raise InputError(f"the minimum score is {self.min_score}, expected 0 to 1")
        if self.max_hands is not None and self.max_hands < 1:
            raise InputError(f"the maximum number of hands is {self.max_hands}, expected 1 or more")

    @property
    def selects(self) -> bool:
        """Whether hands may be left out."""
        return self.min_score > 0 or self.max_hands is not None

    def of(self, hands: Sequence[Detection]) -> list[Detection]:
        """Return the chosen hands, in the order given."""
        sure = [hand for hand in hands if hand.score is None or hand.score >= self.min_score]
        by_score = sorted(range(len(sure)), key=lambda k: -_score(sure[k]))
        chosen = [sure[k] for k in sorted(by_score[: self.max_hands])]
        return chosen if self.side == "auto" else [replace(hand, is_right=self.side == "right") for hand in chosen]


class ChoosingDetector:
    """A detector whose finds are chosen, and all have a side.

    Args:
        detector: What finds hands.
        choice: Which of them are taken.

    Attributes:
        detector: What finds hands.
        identity: Its identity, with the choice unless it takes all as they are.
    """

    def __init__(self, detector: Detector, choice: Choice) -> None:
        self.detector, self._choice = detector, choice
        self.identity = detector.identity if choice == Choice() else f"{detector.identity}, {choice}"

    def __reduce__(self) -> tuple[type[ChoosingDetector], tuple[Detector, Choice]]:
        return ChoosingDetector, (self.detector, self._choice)

    def detect(self, picture: Picture, image: Image, found: Sequence[Detection] | None = None) -> list[Detection]:
        """Return the chosen hands of a picture.

        Args:
            picture: The picture.
            image: Its pixels.
            found: What there is to choose from, if it is known already.

        Raises:
            MissingRequirementError: If a side must be read, and the landmark network must be fetched first.
        """
        chosen = self._choice.of(self.detector.detect(picture, image) if found is None else found)
        return [hand if hand.is_right is not None else self._with_side(hand, image) for hand in chosen]

    def _with_side(self, hand: Detection, image: Image) -> Detection:
        return replace(hand, is_right=self._reader.read(image, hand.box_xyxy).is_right)

    @cached_property
    def _reader(self) -> HandReader:
        from hint.landmarks.files import missing
        from hint.landmarks.reading import HandReader

        if lacking := missing():
            raise MissingRequirementError(f"hands without a side: to read it, {lacking}; or state it: --side right")
        return HandReader()


def _score(hand: Detection) -> float:
    return 1.0 if hand.score is None else hand.score
