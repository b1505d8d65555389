"""The guess itself: pictures, boxes, sides and keypoints in, probabilities of being occluded out."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from hint.apart import are_hands_apart, one_thread_each
from hint.occlusion.look import Looker
from hint.occlusion.network import OcclusionNetwork
from hint.occlusion.view import cut_patch, in_patch
from hint.provenance import sha256_file
from hint.skeleton import N_JOINTS
from hint.types import Float, Hand, Image
from hint.weights import load_into, read_checkpoint

#: The weights, which come with the toolkit; docs/prelabel.md says how they were made.
WEIGHTS = Path(__file__).with_name("occlusion.safetensors")


class OcclusionGuesser:
    """Guesses which joints of a hand are occluded, on the CPU.

    Args:
        weights: What ``tools/occlusion_weights.py`` wrote.

    Raises:
        InputError: If the file cannot be read or holds another network.
    """

    def __init__(self, weights: Path = WEIGHTS) -> None:
        self._weights = weights
        self._network = load_into(OcclusionNetwork(), read_checkpoint(weights)).eval().requires_grad_(False)
        self._looker = Looker()

    @cached_property
    def sha256(self) -> str:
        """Digest of the weights."""
        return sha256_file(self._weights)

    def patch(self, hand: Hand, image: Image) -> Image:
        """Return what the guess needs of a picture: (320,320,3) around the box."""
        return cut_patch(hand, image)

    def __call__(self, hands: Sequence[Hand], patches: Sequence[Image], keypoints_2d: NDArray[Any]) -> Float:
        """Return the probability (N,21) that each joint is occluded.

        Args:
            hands: N hands.
            patches: What :meth:`patch` returned for them.
            keypoints_2d: (N,21,2) px of the pictures.

        Returns:
            0 to 1; NaN for joints whose keypoint is not finite.
        """
        finite = np.isfinite(keypoints_2d).all(2)
        probability = np.full((len(hands), N_JOINTS), np.nan, np.float32)
        rows = np.flatnonzero(finite.any(1))
        if len(rows):
            placed = [in_patch(hands[row], _filled(keypoints_2d[row], finite[row])) for row in rows]
            probability[rows] = self._guess(np.stack([patches[row] for row in rows]), np.stack(placed))
        probability[~finite] = np.nan
        return probability

    def _guess(self, patches: Image, keypoints: Float) -> Float:
        if not are_hands_apart():
            return self._together(patches, keypoints)
        apart = one_thread_each(lambda k: self._together(patches[k : k + 1], keypoints[k : k + 1]), len(patches))
        return np.concatenate(apart)

    @torch.inference_mode()
    def _together(self, patches: Image, keypoints: Float) -> Float:
        pixels = torch.from_numpy(patches).permute(0, 3, 1, 2).float() / 255
        sight = self._looker.look(pixels, torch.from_numpy(keypoints))
        # One after the other: the last digit of a sum depends on how many there are.
        return np.concatenate([self._network(*sight.select([k])).sigmoid().numpy() for k in range(len(patches))])


def _filled(keypoints: NDArray[Any], finite: NDArray[np.bool_]) -> NDArray[Any]:
    """Return (21,2) keypoints with the mean of the finite ones in place of the others."""
    return np.where(finite[:, None], keypoints, keypoints[finite].mean(0))
