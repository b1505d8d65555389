"""Ground truth of the hands of one picture, as stored in ``<key>.data.pyd``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from hint import safepickle
from hint.errors import InputError
from hint.training.sample import Sample
from hint.training.shards import SCALE_UNIT, SHAPES
from hint.types import Double, Image


@dataclass(frozen=True, eq=False)
class Record:
    """One hand of a ``data.pyd``, checked.

    Attributes:
        values: Arrays by official key, float64, of the official shapes, finite.
        reprojection: Loss of the fit that gave the ground truth, NaN if unknown.
    """

    values: dict[str, Double]
    reprojection: float

    @property
    def size(self) -> Double:
        """(2,) width and height of the box, px."""
        size: Double = self.values["scale"] * SCALE_UNIT
        return size

    def sample(self, key: str, image: Image) -> Sample:
        """Join the ground truth with its picture."""
        values, half = self.values, self.size / 2
        return Sample(
            key=key,
            image=image,
            box_xyxy=np.concatenate([values["center"] - half, values["center"] + half]),
            keypoints_2d=values["keypoints_2d"],
            keypoints_3d=values["keypoints_3d"],
            hand_pose=values["hand_pose"].reshape(16, 3),
            betas=values["betas"],
            is_right=bool(values["right"] > 0),
            has_hand_pose=bool(values["has_hand_pose"] > 0),
            has_betas=bool(values["has_betas"] > 0),
        )


def unpickle(content: bytes, name: str) -> list[Any]:
    """Read a ``data.pyd`` safely: numbers, strings, arrays and containers only.

    Raises:
        InputError: If it contains anything else, is truncated, or is not a list of hands.
    """
    hands = safepickle.loads(content, safepickle.NUMPY, name)
    if not isinstance(hands, list):
        raise InputError(f"{name}: holds a {type(hands).__name__}, not a list of hands")
    return hands


def check(hand: Any, name: str) -> Record:
    """Check one entry of a ``data.pyd``.

    Raises:
        InputError: If a key is missing, a shape is wrong, a number is not finite, or the box has no area.
    """
    if not isinstance(hand, Mapping):
        raise InputError(f"{name}: a hand is a dict, not a {type(hand).__name__}")
    values = {key: _numbers(hand, key, shape, name) for key, shape in SHAPES.items()}
    # One look at all numbers takes a fifth of the time of one at each array.
    if not np.isfinite(np.concatenate([array.ravel() for array in values.values()])).all():
        broken = next(key for key, array in values.items() if not np.isfinite(array).all())
        raise InputError(f"{name}: {broken} is not finite")
    if not (values["scale"] > 0).all():
        raise InputError(f"{name}: the box has no area (scale {values['scale'].tolist()})")
    return Record(values, _reprojection(hand.get("extra_info"), name))


def _numbers(hand: Mapping[str, Any], key: str, shape: tuple[int, ...], name: str) -> Double:
    if key not in hand:
        raise InputError(f"{name}: lacks {key}")
    try:
        array = np.asarray(hand[key], np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(f"{name}: {key} is not numeric") from error
    # Flags are stored as numbers, as arrays without axes, or as arrays of one number.
    if array.shape != shape and not (shape == () and array.size == 1):
        raise InputError(f"{name}: {key} has shape {array.shape}, expected {shape}")
    return array.reshape(shape)


def _reprojection(extra: Any, name: str) -> float:
    """Return the loss in ``extra_info['fitting_loss']``, a dict that may be wrapped in an array."""
    losses = extra.get("fitting_loss") if isinstance(extra, Mapping) else None
    if isinstance(losses, np.ndarray) and losses.ndim == 0:
        losses = losses.item()
    loss = losses.get("reprojection_loss") if isinstance(losses, Mapping) else None
    if loss is None:
        return float("nan")
    try:
        return float(np.asarray(loss, np.float64).reshape(()))
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(f"{name}: the reprojection loss is not a number") from error
