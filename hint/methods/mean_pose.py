"""Control: the mean hand of a labelled set, placed in the box: the score without looking at the picture."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

import numpy as np

from hint.errors import InputError
from hint.methods.extra import read_numbers
from hint.methods.setup import setup_line
from hint.skeleton import JOINT_NAMES, N_JOINTS
from hint.types import Bool, Double, Hand, HandLabels, Image, MethodCard, MethodOptions, Predictions

CARD = MethodCard(
    name="mean-pose",
    title="Mean pose",
    summary="Control: the mean hand of a labelled set, placed in the annotated box and mirrored for left hands.",
    trained_on_hint=False,
    reads_images=False,
)
#: The table used without training labels; it names the labels it was fitted on.
FROZEN = "mean_pose.json"


class MeanPose:
    """Place one mean hand in every box.

    Args:
        table: (21,2) mean right hand in box coordinates, as :func:`fit` returns it.
    """

    card = CARD
    __repr__ = setup_line

    def __init__(self, table: Double) -> None:
        self._table = table
        digest = hashlib.sha256(np.ascontiguousarray(table, dtype="<f8").tobytes()).hexdigest()
        self.fingerprint: dict[str, Any] = {"version": 1, "table_sha256": digest}

    @classmethod
    def create(cls, options: MethodOptions) -> MeanPose:
        """Build the control from ``options.train_labels``, or from the frozen table without them."""
        read_numbers(CARD.name, options, {})
        return cls(frozen_table() if options.train_labels is None else fit(options.train_labels))

    def prepare(self, hand: Hand, image: Image | None) -> None:
        """Do nothing: the box and the side are enough."""

    def infer(self, hands: Sequence[Hand], prepared: Sequence[Any]) -> Predictions:
        """Return the mean hand in each box."""
        centre, size, mirror = _frames(
            np.array([hand.box_xyxy for hand in hands]), np.array([hand.is_right for hand in hands])
        )
        keypoints = (centre + self._table * mirror * size).astype(np.float32)
        return Predictions(np.array([hand.hand_id for hand in hands]), keypoints)


def fit(labels: HandLabels) -> Double:
    """Average hands in box coordinates: (p - centre of the box) / its longest side, left hands mirrored.

    Args:
        labels: Hands to average; joints that do not exist in the frame are left out.

    Returns:
        (21,2) mean right hand, in box sides, x right and y down.

    Raises:
        InputError: If a joint exists in no hand.
    """
    centre, size, mirror = _frames(labels.box_xyxy, labels.is_right)
    existing = labels.existence[..., None]
    count = existing.sum(0)
    if not count.all():
        absent = [name for name, n in zip(JOINT_NAMES, count[:, 0], strict=True) if not n]
        raise InputError(f"no mean pose from {len(labels)} hands: {', '.join(absent)} exists in none of them")
    table: Double = np.where(existing, (labels.keypoints_2d - centre) / size * mirror, 0.0).sum(0) / count
    return table


def frozen_table() -> Double:
    """Return the (21,2) table that comes with the toolkit."""
    content = json.loads(files("hint.methods").joinpath(FROZEN).read_text(encoding="utf-8"))
    return np.array(content["keypoints"], dtype=np.float64).reshape(N_JOINTS, 2)


def _frames(boxes: Double, is_right: Bool) -> tuple[Double, Double, Double]:
    """Return centre (N,1,2) px, longest side (N,1,1) px and mirroring (N,1,2) of each hand."""
    size = (boxes[:, 2:] - boxes[:, :2]).max(axis=1)[:, None, None]
    mirror = np.stack([np.where(is_right, 1.0, -1.0), np.ones(len(boxes))], axis=1)[:, None]
    return ((boxes[:, :2] + boxes[:, 2:]) / 2)[:, None], size, mirror
