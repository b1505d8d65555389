"""A method that also guesses, from the picture, which of its joints are occluded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from hint.errors import InputError, MissingRequirementError
from hint.methods.batch import find_batch_size
from hint.requirements import missing_packages
from hint.types import Hand, Image, Method, MethodCard, Predictions

if TYPE_CHECKING:
    from hint.occlusion.guess import OcclusionGuesser

#: Where flags of occlusion may come from, as ``--occlusion`` names it.
PICTURE, SCORE, NONE = "picture", "score", "none"

_PACKAGES = ("torch", "safetensors", "cv2")


class Prepared(NamedTuple):
    """One hand: input of the method, and what the guess looks at."""

    own: Any
    patch: Image


class WithOcclusion:
    """Adds the column ``occlusion_probability`` to rows of a method that does not state occlusion itself.

    Args:
        method: The method.
        guesser: What guesses.
    """

    def __init__(self, method: Method, guesser: OcclusionGuesser) -> None:
        self._method, self._guesser = method, guesser
        self.device = getattr(method, "device", "cpu")

    @property
    def card(self) -> MethodCard:
        """The method's, except that pictures are read."""
        return replace(self._method.card, reads_images=True)

    @property
    def fingerprint(self) -> dict[str, Any]:
        """The method's, and the weights of the guess."""
        return {**self._method.fingerprint, "occlusion_sha256": self._guesser.sha256}

    def prepare(self, hand: Hand, image: Image | None) -> Prepared:
        """Prepare the method's input, and cut out what the guess looks at."""
        if image is None:
            raise InputError(f"occlusion is guessed from the picture, and {hand.hand_id} has none")
        own = self._method.prepare(hand, image if self._method.card.reads_images else None)
        return Prepared(own, self._guesser.patch(hand, image))

    def infer(self, hands: Sequence[Hand], prepared: Sequence[Prepared]) -> Predictions:
        """Predict a batch, and guess what is occluded."""
        rows = self._method.infer(hands, [one.own for one in prepared])
        if rows.occlusion is not None:
            return rows
        guessed = self._guesser(hands, [one.patch for one in prepared], rows.keypoints_2d)
        return replace(rows, occlusion_probability=guessed)

    def find_batch_size(self) -> int | None:
        """Return how many hands the method should be given."""
        return find_batch_size(self._method)


def with_occlusion(method: Method, source: str | None) -> Method:
    """Return a method that guesses occlusion as asked for.

    Args:
        method: The method.
        source: :data:`PICTURE`, :data:`SCORE` or :data:`NONE`; None guesses from the picture if the method looks at
            pictures and the packages are there.

    Raises:
        InputError: If there is no such source.
        MissingRequirementError: If pictures are asked for and packages are missing.
    """
    if source not in (None, PICTURE, SCORE, NONE):
        raise InputError(f"occlusion from {source!r}: choose {PICTURE}, {SCORE} or {NONE}")
    if source in (SCORE, NONE) or (source is None and not method.card.reads_images):
        return method
    if lacking := missing_packages(_PACKAGES, "models"):
        if source is None:
            return method
        raise MissingRequirementError(f"guessing occlusion from pictures {lacking}")
    from hint.occlusion.guess import OcclusionGuesser

    return WithOcclusion(method, OcclusionGuesser())
