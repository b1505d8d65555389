"""Curves of the losses, and pictures of predictions."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from hint.methods.hamer.network import HamerOutput
from hint.render import draw_keypoints
from hint.training.batch import Batch
from hint.training.trackers import Trackers
from hint.types import Image

#: Hands in a picture, and side of each tile, px.
_SHOWN, _TILE = 4, 256


class Curves:
    """Curves and pictures of a training, in all its trackers."""

    def __init__(self, trackers: Trackers) -> None:
        self._trackers = trackers

    def numbers(self, step: int, values: Mapping[str, float], of: str = "train") -> None:
        """Add a point to each curve."""
        self._trackers.numbers(step, {f"{of}/{name}": value for name, value in values.items()})

    def picture(self, step: int, batch: Batch, output: HamerOutput, of: str = "train") -> None:
        """Add a picture of some crops: ground truth above, predictions below."""
        self._trackers.picture(step, f"{of}/predictions", sheet(batch, output))

    def look(self, step: int, name: str, batch: Batch, output: HamerOutput) -> None:
        """Add a picture of hands that are not trained on."""
        self.picture(step, batch, output, f"val-{name}")

    def close(self) -> None:
        """End the runs of the trackers."""
        self._trackers.close()


def sheet(batch: Batch, output: HamerOutput) -> Image:
    """Draw the first crops of a batch: ground truth above, predictions below.

    Args:
        batch: Hands.
        output: Outputs of the network for these hands, or for more.

    Returns:
        (2*256,n*256,3) RGB.
    """
    n = min(_SHOWN, len(batch))
    crops = batch.select(slice(n)).image.round().byte().cpu().numpy()
    truth = batch.keypoints_2d[:n].float().cpu().numpy()
    predicted = output.keypoints_2d[:n].detach().float().cpu().numpy()
    known = truth[..., 2] > 0
    above = [_draw(crop, points[:, :2], visible) for crop, points, visible in zip(crops, truth, known, strict=True)]
    below = [_draw(crop, points, np.ones(21, bool)) for crop, points in zip(crops, predicted, strict=True)]
    return np.concatenate([np.concatenate(above, 1), np.concatenate(below, 1)])


def _draw(crop: Image, points: NDArray[np.float32], visible: NDArray[np.bool_]) -> Image:
    side = np.arange(_TILE) * len(crop) // _TILE
    return draw_keypoints(crop[side][:, side], (points + 0.5) * _TILE, 2 * visible)
