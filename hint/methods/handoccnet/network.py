"""The whole network: 256 px crops in, joints in the crop, pose and shape of a hand out."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from hint.methods.hamer.head import rot6d_to_matrix
from hint.methods.handoccnet.backbone import Backbone, Config
from hint.methods.handoccnet.head import HandEncoder, HeatMaps, ManoHead
from hint.methods.handoccnet.transformer import Enhancement, Injection

#: Beginnings of keys of the released file that are not part of the network.
MANO_PREFIX = "regressor.mano_regHead.mano_layer."
BESIDE = (MANO_PREFIX, "fitting_loss.")


class NetworkOutput(NamedTuple):
    """Output of the network for N crops.

    Attributes:
        joints_2d: (N,21,2) sides of the crop, 0 to 1.
        pose: (N,48) axis-angle, radians, without the mean pose of the hand.
        betas: (N,10) shape.
    """

    joints_2d: Tensor
    pose: Tensor
    betas: Tensor


class Regressor(nn.Module):
    """The heads; keys as in the released weights."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.hand_regHead = HeatMaps(config.width)
        self.hand_Encoder = HandEncoder(config.width)
        self.mano_regHead = ManoHead(config)

    def forward(self, features: Tensor) -> NetworkOutput:
        """Look at features (N,C,32,32)."""
        heat, encoded, joints = self.hand_regHead(features)
        rot6d, betas = self.mano_regHead(self.hand_Encoder(heat, encoded))
        return NetworkOutput(joints, matrix_to_axis_angle(rot6d_to_matrix(rot6d)).flatten(1), betas)


class HandOccNet(nn.Module):
    """HandOccNet without its hand; keys as in the released weights."""

    def __init__(self, config: Config | None = None) -> None:
        super().__init__()
        config = config or Config()
        self.backbone = Backbone(config)
        self.FIT = Injection(config.width)
        self.SET = Enhancement(config.width)
        self.regressor = Regressor(config)

    def forward(self, crops: Tensor) -> NetworkOutput:
        """Look at crops (N,3,256,256), RGB in 0..1."""
        primary, secondary = self.backbone(crops)
        out: NetworkOutput = self.regressor(self.SET(self.FIT(secondary, primary)))
        return out


def matrix_to_axis_angle(matrices: Tensor) -> Tensor:
    """Turn rotation matrices (...,3,3) into axis times angle (...,3), radians from 0 to pi; NaN becomes 0.

    Every entry of 4 q q^T, with q = (w, x, y, z) the quaternion, is a sum of entries of the matrix. Its row with the
    largest diagonal is the most exact multiple of q.

    Source: Bar-Itzhack 2000; Shepperd 1978 for the choice of the row.
    """
    (xx, xy, xz), (yx, yy, yz), (zx, zy, zz) = (row.unbind(-1) for row in matrices.unbind(-2))
    wx, wy, wz = zy - yz, xz - zx, yx - xy
    rows = (
        (1 + xx + yy + zz, wx, wy, wz),
        (wx, 1 + xx - yy - zz, xy + yx, xz + zx),
        (wy, xy + yx, 1 - xx + yy - zz, yz + zy),
        (wz, xz + zx, yz + zy, 1 - xx - yy + zz),
    )
    table = torch.stack([torch.stack(row, -1) for row in rows], -2)
    best = table.diagonal(dim1=-2, dim2=-1).argmax(-1)
    quaternion = table.gather(-2, best[..., None, None].expand(*best.shape, 1, 4)).squeeze(-2)
    quaternion = torch.where(quaternion[..., :1] < 0, -quaternion, quaternion)
    w, axis = quaternion[..., :1], quaternion[..., 1:]
    length = axis.norm(dim=-1, keepdim=True)
    angle = 2 * torch.atan2(length, w)
    return torch.nan_to_num(axis * angle / length.clamp_min(torch.finfo(length.dtype).tiny), nan=0.0)
