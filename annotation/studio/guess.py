"""The points annotators start from: those of a file of predictions, else a mean hand in the box."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from annotation.studio.picture import box_of
from annotation.studio.task import Guess, Points
from hint.files import read_predictions
from hint.files.manifest import SampledHand
from hint.mano.procedural.anatomy import DIGITS, WRIST
from hint.skeleton import FINGERS
from hint.types import Predictions

#: What the predictions on the server are called where all of them are mean poses.
MEAN_POSE = "mean-pose"
#: Part of a box that a mean pose fills.
_FILLED = 0.9


def read_guesses(path: Path, hands: Sequence[SampledHand]) -> dict[str, Guess]:
    """Return hand id -> guess, for hands of a manifest with 21 predicted points.

    Without flags in the file, joints inside the frame exist and none is occluded.

    Raises:
        InputError: If the file is not a predictions npz.
    """
    return guesses_of(read_predictions(path), hands, path.stem)


def guesses_of(predictions: Predictions, hands: Sequence[SampledHand], name: str) -> dict[str, Guess]:
    """Return hand id -> guess.

    Args:
        predictions: Predictions of one method.
        hands: Hands of a manifest.
        name: Model version if the predictions do not name their method.
    """
    size = {hand.hand_id: hand.size for hand in hands}
    version = model_version(predictions, name)
    rows = [row for row, hand_id in enumerate(predictions.hand_id.tolist()) if hand_id in size]
    rows = [row for row in rows if np.isfinite(predictions.keypoints_2d[row]).all()]
    found = {}
    for row in rows:
        hand_id = str(predictions.hand_id[row])
        points = predictions.keypoints_2d[row].astype(np.float64)
        exists = ((points >= 0) & (points < size[hand_id])).all(1)
        exists = exists if predictions.existence is None else predictions.existence[row]
        hidden = np.zeros(21, bool) if predictions.occlusion is None else predictions.occlusion[row]
        found[hand_id] = Guess.model_validate(
            {
                "version": version,
                "keypoints": points.tolist(),
                "existence": exists.tolist(),
                "occlusion": hidden.tolist(),
            }
        )
    return found


def mean_pose(hand: SampledHand) -> Points:
    """Return an open hand of mean proportions in the box of a hand: fingers up, seen from the back, px of the frame.

    Its points are far from each other, so each can be taken and put where it belongs.
    """
    joints = np.concatenate([WRIST[None], *(DIGITS[finger].at(DIGITS[finger].stops) for finger in FINGERS)])
    flat = np.stack([-joints[:, 2] if hand.side == "right" else joints[:, 2], joints[:, 0]], axis=1)
    low, high = np.reshape(box_of(hand, None), (2, 2))
    centred = flat - (flat.min(0) + flat.max(0)) / 2
    placed = (low + high) / 2 + centred * (_FILLED * (high - low) / np.ptp(flat, axis=0)).min()
    return tuple((float(x), float(y)) for x, y in placed)


def model_version(predictions: Predictions, name: str) -> str:
    """Return a name for a method and its settings, such as "hamer-1f0c9a2b"; ``name`` if the method is unknown."""
    method, fingerprint = predictions.meta.get("method"), predictions.meta.get("fingerprint")
    if not isinstance(method, str):
        return _plain(name)
    if not isinstance(fingerprint, Mapping):
        return _plain(method)
    text = json.dumps(fingerprint, sort_keys=True).encode()
    return f"{_plain(method)}-{hashlib.sha256(text).hexdigest()[:8]}"


def _plain(name: str) -> str:
    """Remove commas, which the server uses to join the versions of a task."""
    return name.replace(",", "_")[:80]
