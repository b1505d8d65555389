"""Control: the ground truth plus Gaussian noise, which shows what a known error scores.

With noise of sigma per axis the distance to the truth is Rayleigh distributed, so the expected share of joints within
t box sides is 1 - exp(-t^2 / (2 sigma^2)): 39.3 %, 86.5 % and 98.9 % at 0.05, 0.10 and 0.15 for the default sigma.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from hint.errors import InputError, some_ids
from hint.methods.extra import read_numbers
from hint.methods.setup import setup_line
from hint.types import Double, Hand, HandLabels, Image, MethodCard, MethodOptions, Predictions

CARD = MethodCard(
    name="oracle-noise",
    title="Ground truth + noise",
    summary="Control: the ground truth plus Gaussian noise; 5 % of the box's longest side by default (--set sigma=).",
    trained_on_hint=False,
    reads_images=False,
    needs_labels=True,
    note="sees the ground truth",
)


class OracleNoise:
    """Return the ground truth plus isotropic Gaussian noise.

    Args:
        labels: Ground truth of every hand that will be predicted.
        sigma: Standard deviation per axis, in units of the longest side of the box.
        seed: Changes the noise of every hand.
    """

    card = CARD
    __repr__ = setup_line

    def __init__(self, labels: HandLabels, sigma: float, seed: int) -> None:
        self._keypoints = dict(zip(labels.hand_id.tolist(), labels.keypoints_2d, strict=True))
        self._sigma, self._seed = sigma, seed
        self.fingerprint: dict[str, Any] = {
            "version": 1,
            "labels_sha256": _digest(labels),
            "sigma": sigma,
            "seed": seed,
        }

    @classmethod
    def create(cls, options: MethodOptions) -> OracleNoise:
        """Build the control.

        Args:
            options: ``labels``, ``seed`` and ``extra["sigma"]`` are read.

        Raises:
            InputError: If there are no labels, or sigma is not a number of at least 0.
        """
        sigma = read_numbers(CARD.name, options, {"sigma": 0.05})["sigma"]
        if sigma < 0:
            raise InputError(f"{CARD.name}: --set sigma={sigma:g} must not be negative")
        if options.labels is None:
            raise InputError(
                f"{CARD.name} needs the ground truth, so it runs only with labels: hint eval --data LABELS"
            )
        return cls(options.labels, sigma, options.seed)

    def prepare(self, hand: Hand, image: Image | None) -> None:
        """Do nothing: the labels are enough."""

    def infer(self, hands: Sequence[Hand], prepared: Sequence[Any]) -> Predictions:
        """Return noisy ground truth.

        Raises:
            InputError: If hands have no label.
        """
        unknown = [hand.hand_id for hand in hands if hand.hand_id not in self._keypoints]
        if unknown:
            raise InputError(f"{CARD.name} has no label for {some_ids(unknown)}; give the labels of these hands")
        return Predictions(np.array([hand.hand_id for hand in hands]), np.stack([self._noisy(hand) for hand in hands]))

    def _noisy(self, hand: Hand) -> Double:
        # Seeded by the hand, not drawn in turn, so that neither order nor batches change the noise.
        seed = hashlib.sha256(f"{self._seed}:{hand.hand_id}".encode()).digest()
        noise = np.random.default_rng(int.from_bytes(seed, "little")).standard_normal((21, 2))
        x1, y1, x2, y2 = hand.box_xyxy
        noisy: Double = self._keypoints[hand.hand_id] + noise * self._sigma * max(x2 - x1, y2 - y1)
        return noisy


def _digest(labels: HandLabels) -> str:
    """Digest the positions, independent of the order of the hands."""
    order = np.argsort(labels.hand_id)
    digest = hashlib.sha256("\n".join(labels.hand_id[order].tolist()).encode())
    digest.update(np.ascontiguousarray(labels.keypoints_2d[order]).tobytes())
    return digest.hexdigest()
