"""Guess existence and occlusion of joints from where a method puts them and how sure it is."""

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
        existence_at: A joint inside the frame exists from this score on; 0 goes by the frame alone, as HInt does.
        occlusion_below: An existing joint of a lower score is occluded; 0 takes none to be.
        calibration_sha256: Digest of the file they come from, "" for the defaults.
    """

    existence_at: float = 0.0
    occlusion_below: float = 0.3
    calibration_sha256: str = ""


def joint_scores(predictions: Predictions) -> Double | None:
    """Return the score of each joint (N,21), float64; that of the hand where joints have none; None without any."""
    if predictions.score is None:
        return None
    score = np.asarray(predictions.score, np.float64)
    spread: Double = np.broadcast_to(score[:, None] if score.ndim == 1 else score, (len(score), N_JOINTS))
    return spread


def inside_frame(keypoints: NDArray[Any], sizes: NDArray[Any]) -> Bool:
    """Tell which joints lie in the frame (N,21); a joint that was not predicted does not.

    Args:
        keypoints: (N,21,2) px.
        sizes: (N,2) width and height of the frames, px; inf where unknown.
    """
    inside: Bool = np.all((keypoints >= 0) & (keypoints < sizes[:, None]), axis=2)
    return inside


def guess(predictions: Predictions, sizes: Mapping[str, tuple[int, int]], thresholds: Thresholds) -> Predictions:
    """Add existence and occlusion (N,21) to predictions; what the method says of them itself is kept.

    Args:
        predictions: Any method's, with scores or without.
        sizes: Width and height of the frame of each hand; hands that are not in it have no edge.
        thresholds: How scores become flags.

    Returns:
        The predictions; ``meta["prelabel"]`` says what the flags come from.
    """
    frames = np.array([sizes.get(i, (np.inf, np.inf)) for i in predictions.hand_id.tolist()], np.float64).reshape(-1, 2)
    score = joint_scores(predictions)
    exists = inside_frame(predictions.keypoints_2d, frames)
    occluded = np.zeros_like(exists)
    if score is not None:
        exists = exists & (score >= thresholds.existence_at)
        occluded = score < thresholds.occlusion_below
    existence = exists if predictions.existence is None else predictions.existence
    occlusion = occluded & existence if predictions.occlusion is None else predictions.occlusion
    meta = {**predictions.meta, "prelabel": _described(predictions, thresholds)}
    return replace(predictions, existence=existence, occlusion=occlusion, meta=meta)


def _described(predictions: Predictions, thresholds: Thresholds) -> dict[str, Any]:
    by_score = "nothing" if predictions.score is None else "score"
    return {
        "existence_from": "frame and score" if predictions.existence is None else "method",
        "occlusion_from": by_score if predictions.occlusion is None else "method",
        "existence_at": thresholds.existence_at,
        "occlusion_below": thresholds.occlusion_below,
        "calibration_sha256": thresholds.calibration_sha256,
    }
