"""A MANO hand behind any method that gives keypoints: ``NAME-mano``.

The 2D keypoints of the result are those of the fitted hand, so mesh and points agree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from hint.errors import InputError
from hint.fit import HandFitter, Trust, gather, pose
from hint.mano.model import ManoModel
from hint.mano.procedural import procedural_hand
from hint.mano.read import mano_or_procedural
from hint.methods.batch import find_batch_size
from hint.methods.mano_card import SUFFIX, fitted_card
from hint.methods.setup import setup_line
from hint.types import Float, Hand, Image, ManoMethod, ManoParameters, Method, MethodOptions, Predictions

if TYPE_CHECKING:
    from typing_extensions import Self

#: Errors to expect of predicted keypoints; depths are the worst of them.
TRUST = Trust(sigma_2d=0.01, sigma_3d=0.02)


class ManoFit:
    """A method and the hand that is fitted to its keypoints.

    Args:
        method: Gives 2D keypoints, and 3D keypoints in camera axes or none.
        model: The hand.

    Raises:
        InputError: If the method poses MANO itself.
    """

    __repr__ = setup_line

    def __init__(self, method: Method, model: ManoModel) -> None:
        name = method.card.name
        if isinstance(method, ManoMethod):
            raise InputError(f"{name} poses a MANO hand itself; leave out {SUFFIX}: --method {name}")
        self.card = fitted_card(method.card)
        if model is not procedural_hand():
            licences = [method.card.weights_licence, "MANO for non-commercial use"]
            self.card = replace(self.card, weights_licence="; ".join(filter(None, licences)))
        self.fingerprint: dict[str, Any] = {
            "fit": 1,
            "mano_sha256": model.sha256(),
            "trust": vars(TRUST),
            "method": name,
            "keypoints": method.fingerprint,
        }
        self.faces = model.faces
        self.device = getattr(method, "device", "cpu")
        self._method, self.hand_model = method, model
        self._fitter = HandFitter(model, TRUST)

    @classmethod
    def wrap(cls, method: Method, options: MethodOptions) -> Self:
        """Fit the hand of the options, by default an installed MANO, else the procedural hand."""
        return cls(method, mano_or_procedural(options.mano))

    def prepare(self, hand: Hand, image: Image | None) -> Any:
        """Do what the method does."""
        return self._method.prepare(hand, image)

    def infer(self, hands: Sequence[Hand], prepared: Sequence[Any]) -> Predictions:
        """Predict a batch; a hand without keypoints stays NaN."""
        return self.infer_hands(hands, prepared)[0]

    def infer_hands(self, hands: Sequence[Hand], prepared: Sequence[Any]) -> tuple[Predictions, ManoParameters]:
        """Predict a batch as :meth:`infer` does, and return its MANO parameters."""
        found = self._method.infer(hands, prepared)
        sides = np.array([hand.is_right for hand in hands], bool)
        fitted = self._fitter.fit(gather(found.keypoints_2d, sides, found.keypoints_3d, _confidence(found.score)))
        posed = replace(
            found,
            keypoints_2d=fitted.keypoints_2d,
            keypoints_3d=fitted.keypoints_3d,
            vertices=fitted.vertices,
        )
        return posed, fitted.parameters

    def find_batch_size(self) -> int | None:
        """Return how many hands the method should be given."""
        return find_batch_size(self._method)

    def pose(self, parameters: ManoParameters) -> tuple[Float, Float]:
        """Return joints (N,21,3) and vertices (N,778,3) of right hands, metres, not translated."""
        return pose(self.hand_model, parameters)


class MediaPipeMano:
    """``mediapipe-mano``: listed by its own name, made as all others are."""

    @staticmethod
    def create(options: MethodOptions) -> ManoFit:
        """Load MediaPipe, and the hand."""
        from hint.methods.table import create

        return ManoFit.wrap(create("mediapipe", options), options)


def _confidence(score: Float | None) -> Float | None:
    """Return scores of joints as weights; a score of the whole hand says nothing about its joints."""
    return None if score is None or score.ndim == 1 else np.clip(score, 0, 1)
