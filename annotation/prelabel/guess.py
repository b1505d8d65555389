"""Guess the existence and occlusion of joints from their predicted positions and scores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hint.skeleton import N_JOINTS
from hint.types import Bool, Double, Predictions


@dataclass(frozen=True)
class Thresholds:
    """How scores become flags.

    Attributes:
        existence_at: Lowest score of an existing joint inside the frame; 0 uses the frame alone, as HInt does.
        occlusion_below: An existing joint that is less certainly visible (:func:`visible_scores`) is occluded; 0 marks
            none; None is 0.5 of what the picture says and 0.3 of the method's scores.
        calibration_sha256: Digest of the file they come from, "" for the defaults.
    """

    existence_at: float = 0.0
    occlusion_below: float | None = None
    calibration_sha256: str = ""

    def below(self, source: str) -> float:
        """Return :attr:`occlusion_below` for the source of what it is compared with."""
        return _BELOW.get(source, 0.0) if self.occlusion_below is None else self.occlusion_below


#: Source of the flags of occlusion -> which score is too low for a visible joint.
_BELOW = {"picture": 0.5, "score": 0.3}


def joint_scores(predictions: Predictions) -> Double | None:
    """Return joint scores (N,21), float64; the score of the hand if joints have none; None without scores."""
    if predictions.score is None:
        return None
    score = np.asarray(predictions.score, np.float64)
    spread: Double = np.broadcast_to(score[:, None] if score.ndim == 1 else score, (len(score), N_JOINTS))
    return spread


def visible_scores(predictions: Predictions) -> tuple[Double | None, str]:
    """Return how certainly joints are visible (N,21), float64, and where that comes from.

    Returns:
        1 less the probability of occlusion, and "picture"; or the method's scores, and "score"; or None and "nothing".
        NaN where the picture says nothing.
    """
    if predictions.occlusion_probability is not None:
        return 1 - np.asarray(predictions.occlusion_probability, np.float64), "picture"
    score = joint_scores(predictions)
    return score, "nothing" if score is None else "score"


def inside_frame(keypoints: NDArray[Any], sizes: NDArray[Any]) -> Bool:
    """Return which joints are inside the frame (N,21); False for joints that were not predicted.

    Args:
        keypoints: (N,21,2) px.
        sizes: (N,2) width and height of the frames, px; inf where unknown.
    """
    inside: Bool = np.all((keypoints >= 0) & (keypoints < sizes[:, None]), axis=2)
    return inside


def guess(predictions: Predictions, sizes: Mapping[str, tuple[int, int]], thresholds: Thresholds) -> Predictions:
    """Add existence and occlusion (N,21) to predictions; flags from the method itself are kept.

    Args:
        predictions: Predictions of any method, with or without scores.
        sizes: Hand id -> (width, height) of its frame, px; hands that are missing here have an unbounded frame.
        thresholds: How scores become flags.

    Returns:
        The predictions; ``meta["prelabel"]`` records where the flags come from.
    """
    frames = np.array([sizes.get(i, (np.inf, np.inf)) for i in predictions.hand_id.tolist()], np.float64).reshape(-1, 2)
    score = joint_scores(predictions)
    visible, source = visible_scores(predictions)
    exists = inside_frame(predictions.keypoints_2d, frames)
    if score is not None:
        exists = exists & (score >= thresholds.existence_at)
    occluded = np.zeros_like(exists) if visible is None else visible < thresholds.below(source)
    existence = exists if predictions.existence is None else predictions.existence
    occlusion = occluded & existence if predictions.occlusion is None else predictions.occlusion
    meta = {**predictions.meta, "prelabel": _described(predictions, thresholds)}
    return replace(predictions, existence=existence, occlusion=occlusion, meta=meta)


def _described(predictions: Predictions, thresholds: Thresholds) -> dict[str, Any]:
    _, source = visible_scores(predictions)
    below = thresholds.below(source)
    used = source if below > 0 else "nothing"
    return {
        "existence_from": "frame and score" if predictions.existence is None else "method",
        "occlusion_from": used if predictions.occlusion is None else "method",
        "existence_at": thresholds.existence_at,
        "occlusion_below": below,
        "calibration_sha256": thresholds.calibration_sha256,
    }
