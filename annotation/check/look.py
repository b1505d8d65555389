"""What pictures show of labelled hands: MediaPipe's landmark network and the occlusion guess look at each of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hint.errors import InputError, MissingRequirementError
from hint.progress import progress
from hint.requirements import missing_packages
from hint.types import Double, Hand, HandLabels, Image

if TYPE_CHECKING:
    from hint.landmarks.backbone import LandmarkBackbone
    from hint.occlusion.guess import OcclusionGuesser

_PACKAGES = ("torch", "safetensors")
#: Hands that are looked at together.
_BATCH = 16


@dataclass(frozen=True, eq=False)
class Look:
    """What the pictures of N hands show, NaN without a picture.

    Attributes:
        presence: (N,) probability that there is a hand where the keypoints are.
        of_its_side: (N,) probability that it is of the labelled side.
        keypoints_2d: (N,21,2) px, where the network sees the joints.
        occluded: (N,21) probability that each joint is occluded.
    """

    presence: Double
    of_its_side: Double
    keypoints_2d: Double
    occluded: Double

    def select(self, index: Any) -> Look:
        """Return the hands an index array, a mask or a slice picks."""
        return Look(*(getattr(self, f.name)[index] for f in fields(self)))


def nothing_seen(n: int) -> Look:
    """Return the look at n hands without pictures."""
    return Look(np.full(n, np.nan), np.full(n, np.nan), np.full((n, 21, 2), np.nan), np.full((n, 21), np.nan))


class Onlooker:
    """Looks at hands, on the CPU.

    Raises:
        MissingRequirementError: If packages are missing.
    """

    def __init__(self) -> None:
        if lacking := missing_packages(_PACKAGES, "models"):
            raise MissingRequirementError(f"looking at pictures {lacking}")
        from hint.landmarks.backbone import load_network
        from hint.occlusion.guess import OcclusionGuesser

        self._guesser: OcclusionGuesser = OcclusionGuesser()
        self._network: LandmarkBackbone = load_network().requires_grad_(False)

    def look(self, labels: HandLabels) -> Look:
        """Look at the hands whose pictures exist and can be read."""
        seen, hands = nothing_seen(len(labels)), labels.hands()
        rows = [k for k, image in enumerate(labels.image.tolist()) if image and Path(image).is_file()]
        with progress("looking at pictures", len(rows)) as advance:
            for start in range(0, len(rows), _BATCH):
                some = rows[start : start + _BATCH]
                patches = {k: patch for k in some if (patch := self._patch(hands[k])) is not None}
                self._look(seen, patches, [hands[k] for k in patches], labels.keypoints_2d)
                advance(len(some))
        return seen

    def _patch(self, hand: Hand) -> Image | None:
        from hint.images import read_image

        try:
            return self._guesser.patch(hand, read_image(Path(hand.image or "")))
        except InputError:  # counted among the pictures that cannot be read
            return None

    def _look(self, seen: Look, patches: dict[int, Image], hands: Sequence[Hand], keypoints: Double) -> None:
        """Fill in the rows of some hands."""
        if not patches:
            return
        rows = list(patches)
        seen.occluded[rows] = self._guesser(hands, list(patches.values()), keypoints[rows])
        for (row, patch), hand in zip(patches.items(), hands, strict=True):
            seen.presence[row], seen.of_its_side[row], seen.keypoints_2d[row] = self._see(hand, patch, keypoints[row])

    def _see(self, hand: Hand, patch: Image, keypoints: Double) -> tuple[float, float, Double]:
        """Return presence, probability of the side, and joints (21,2) px of the picture."""
        import torch

        from hint.occlusion.view import cut_views, in_patch, in_picture, upright

        view = upright(torch.from_numpy(in_patch(hand, keypoints.astype(np.float32)))[None])
        pixels = torch.from_numpy(patch).permute(2, 0, 1)[None].float() / 255
        with torch.inference_mode():
            found = self._network(cut_views(pixels, view))
            placed = (found.points[..., :2] @ view.turn.mT + view.shift[:, None])[0].numpy()
        return float(found.presence), float(found.right), in_picture(hand, placed)
