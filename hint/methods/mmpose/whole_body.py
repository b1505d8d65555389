"""Models of MMPose that see a whole body: two of its 133 keypoints' hands, of which the one at the box is taken."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hint.errors import InputError
from hint.methods.mmpose.method import MMPoseMethod
from hint.methods.mmpose.model import crop_input
from hint.methods.mmpose.persons import Persons
from hint.provenance import sha256_file
from hint.skeleton import N_JOINTS
from hint.types import Hand, Image, Predictions


class WholeBodyMethod(MMPoseMethod):
    """A whole-body model with its weights loaded.

    It looks at every person of the picture, or at the whole picture as if one person filled it, and answers with the
    hand of the given side whose middle is nearest to that of the box. Where nobody is, no hand is found.
    """

    _persons: Persons | None = None

    def look_at(self, persons: Path) -> None:
        """Look at the people a file lists, in place of the whole picture."""
        self._persons = Persons(persons)
        self.fingerprint["persons_sha256"] = sha256_file(persons)

    def prepare(self, hand: Hand, image: Image | None) -> list[dict[str, Any]]:
        """Cut the crops of the people who may have the hand."""
        if image is None:
            raise InputError(f"{hand.hand_id}: MMPose needs a picture")
        height, width = image.shape[:2]
        boxes = [(0.0, 0.0, width, height)] if self._persons is None else self._persons.at(hand.image)
        return [crop_input(self._model, image, box) for box in boxes]

    def infer(self, hands: Sequence[Hand], prepared: Sequence[list[dict[str, Any]]]) -> Predictions:
        """Predict a batch; scores are clipped to [0, 1], not calibrated probabilities."""
        keypoints = np.full((len(hands), N_JOINTS, 2), np.nan, np.float32)
        scores = np.zeros((len(hands), N_JOINTS), np.float32)
        flat = [crop for crops in prepared for crop in crops]
        points, raw = self.run(flat) if flat else (np.empty((0, 2 * N_JOINTS, 2)), np.empty((0, 2 * N_JOINTS)))
        ends = np.cumsum([len(crops) for crops in prepared])[:-1]
        bodies = zip(np.split(points, ends), np.split(raw, ends), strict=True)
        for row, (hand, (joints, sure)) in enumerate(zip(hands, bodies, strict=True)):
            if len(joints):
                nearest, side = _nearest(joints, hand), _side(hand)
                keypoints[row], scores[row] = joints[nearest, side], sure[nearest, side]
        return Predictions(np.array([hand.hand_id for hand in hands], np.str_), keypoints, score=np.clip(scores, 0, 1))


def _side(hand: Hand) -> slice:
    """Return where the joints of a side are among those of both hands, left first."""
    return slice(N_JOINTS, None) if hand.is_right else slice(N_JOINTS)


def _nearest(joints: NDArray[Any], hand: Hand) -> int:
    """Return whose hand (P,42,2) is nearest to the box."""
    x1, y1, x2, y2 = hand.box_xyxy
    away = joints[:, _side(hand)].mean(1) - ((x1 + x2) / 2, (y1 + y2) / 2)
    return int(np.linalg.norm(away, axis=1).argmin())
