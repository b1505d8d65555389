"""Smooth the hands of a video, each track by itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hint.prediction.one_euro import Filter, OneEuro
from hint.prediction.tasks import HandResult
from hint.types import Float, ManoMethod, ManoParameters, Method

#: Unit of length of translations across the picture, metres: about a hand.
_HAND = 0.2


class Smoother:
    """Smooths rows in the order of their frames.

    Rotations (as matrices, projected to the nearest rotation), shape, the crop's camera and 2D keypoints are filtered;
    joints and vertices are posed again, so that bones keep their lengths. Without MANO, 3D joints are filtered.

    Args:
        setting: Strength of the filter.
        method: What predicted the rows; None for one that does not pose MANO.
    """

    def __init__(self, setting: OneEuro, method: Method | None) -> None:
        self._setting, self._method = setting, method
        self._filters: dict[tuple[int, str], Filter] = {}

    def smooth(self, row: HandResult, track: int, seconds: float) -> HandResult:
        """Return a smoothed row; one that is not finite is returned as it is and does not enter the filter.

        Args:
            row: One hand of one frame.
            track: Number of the hand in the video.
            seconds: Time of the frame; later than the last row of this track.
        """
        predictions = row.predictions
        if not np.isfinite(predictions.keypoints_2d).all():
            return row
        x1, y1, x2, y2 = row.hand.box_xyxy
        points = self._filter(track, "points", predictions.keypoints_2d, seconds, max(x2 - x1, y2 - y1))
        if row.parameters is None or not isinstance(self._method, ManoMethod):
            solid = predictions.keypoints_3d
            joints = None if solid is None else self._filter(track, "joints", solid, seconds, _HAND)
            return replace(row, predictions=replace(predictions, keypoints_2d=points, keypoints_3d=joints))
        parameters = self._parameters(row.parameters, track, seconds)
        joints, vertices = self._method.pose(parameters)
        mirror = np.array((1 if row.hand.is_right else -1, 1, 1), np.float32)
        posed = replace(predictions, keypoints_2d=points, keypoints_3d=joints * mirror, vertices=vertices * mirror)
        return HandResult(row.hand, posed, parameters)

    def _parameters(self, raw: ManoParameters, track: int, seconds: float) -> ManoParameters:
        depth = float(raw.cam_t[0, 2])
        units = {"cam_t": (_HAND, _HAND, depth), "square": raw.square[0, 2], "focal_length": raw.focal_length[0]}
        names = ("global_orient", "hand_pose", "betas", "cam", "cam_t", "square", "focal_length")
        smooth = {n: self._filter(track, n, getattr(raw, n), seconds, units.get(n, 1.0)) for n in names}
        for name in ("global_orient", "hand_pose"):
            smooth[name] = nearest_rotations(smooth[name])
        return ManoParameters(**smooth)

    def _filter(self, track: int, name: str, values: object, seconds: float, unit: object) -> Float:
        filtered = self._filters.setdefault((track, name), Filter(self._setting))
        return filtered(np.asarray(values), seconds, np.asarray(unit)).astype(np.float32)


def nearest_rotations(matrices: Float) -> Float:
    """Return the rotations (...,3,3) nearest to matrices."""
    u, _, v = np.linalg.svd(matrices)
    u[..., 2] *= np.sign(np.linalg.det(u @ v))[..., None]
    rotations: Float = u @ v
    return rotations
