"""Fitted hands, and how far to trust them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

from hint.fit.observation import BLOCK, MARGIN, MIN_JOINTS, MIN_SIDE
from hint.mano.layer import ManoLayer
from hint.mano.model import ManoModel
from hint.types import Bool, Float, ManoParameters

#: A mean distance of this share of the hand's extent divides the quality by e.
_CLOSE = 0.05


@dataclass(frozen=True, eq=False)
class FittedHands:
    """MANO hands fitted to the keypoints of N hands.

    Attributes:
        parameters: MANO parameters; NaN where there was no joint to fit to.
        is_right: (N,) sides.
        angles: (N,21) anatomical angles inside their limits, radians, in the order of
            :data:`hint.mano.poses.ANGLE_NAMES`.
        keypoints_2d: (N,21,2) px: where the joints of the fitted hand are seen.
        keypoints_3d: (N,21,3) metres, camera axes, not translated.
        weight: (N,21) how much each joint was worth, 0 for those without pull.
        residual: (N,) weighted mean distance between given and fitted keypoints, as a share of the hand's extent.
        model: The hand model.
    """

    parameters: ManoParameters
    is_right: Bool
    angles: Float
    keypoints_2d: Float
    keypoints_3d: Float
    weight: Float
    residual: Float
    model: ManoModel

    def __len__(self) -> int:
        return len(self.is_right)

    def __repr__(self) -> str:
        return f"FittedHands({len(self)} hands, {int(self.usable.sum())} usable)"

    @property
    def n_joints(self) -> NDArray[np.int64]:
        """(N,) number of joints with pull."""
        return np.asarray((self.weight > 0).sum(1))

    @property
    def usable(self) -> Bool:
        """(N,) whether enough joints determine the hand."""
        return np.array([not reason for reason in self.reasons], bool)

    @property
    def quality(self) -> Float:
        """(N,) 0..1: the share of the joints that were worth something, times how close the fit is to them."""
        closeness = np.exp(-np.nan_to_num(self.residual, nan=np.inf) / _CLOSE)
        quality: Float = np.where(self.usable, self.weight.mean(1) * closeness, 0).astype(np.float32)
        return quality

    @property
    def reasons(self) -> list[str]:
        """Why each hand is not usable, "" where it is."""
        return [
            f"{n} of 21 joints are known, {MIN_JOINTS} are needed"
            if n < MIN_JOINTS
            else "its joints lie at one place"
            if side < 2 * MIN_SIDE
            else ""
            for n, side in zip(self.n_joints.tolist(), self.parameters.square[:, 2].tolist(), strict=True)
        ]

    @property
    def extent(self) -> Float:
        """(N,) longest side of the box around the keypoints with pull, px."""
        extent: Float = self.parameters.square[:, 2] / MARGIN
        return extent

    @property
    def faces(self) -> NDArray[np.int64]:
        """(F,3) triangles of the right hand."""
        return self.model.faces

    @cached_property
    def vertices(self) -> Float:
        """(N,778,3) metres, camera axes, not translated; those of left hands are mirrored."""
        _, vertices = pose(self.model, self.parameters)
        mirrored: Float = vertices * np.where(self.is_right[:, None, None], 1, (-1, 1, 1)).astype(np.float32)
        return mirrored

    def cam_t(self) -> Float:
        """Return (N,3) metres in front of the crop's camera, x negated for left hands."""
        return self.parameters.cam_t * np.where(self.is_right[:, None], 1, (-1, 1, 1)).astype(np.float32)


@torch.inference_mode()
def pose(model: ManoModel, parameters: ManoParameters) -> tuple[Float, Float]:
    """Return joints (N,21,3) and vertices (N,778,3) of right hands, metres, not translated."""
    if not len(parameters):
        return np.empty((0, 21, 3), np.float32), np.empty((0, len(model.v_template), 3), np.float32)
    layer, n = ManoLayer(model), len(parameters)
    # Whole blocks, the last one with hands repeated.
    rows = np.resize(np.arange(n), -(-n // BLOCK) * BLOCK).reshape(-1, BLOCK)
    posed = [layer(*_rotations_and_shape(parameters.select(block))) for block in rows]
    joints, vertices = (np.concatenate([part.numpy() for part in parts])[:n] for parts in zip(*posed, strict=True))
    return joints, vertices


def _rotations_and_shape(parameters: ManoParameters) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    wrist, pose, betas = map(torch.tensor, (parameters.global_orient, parameters.hand_pose, parameters.betas))
    return wrist, pose, betas
