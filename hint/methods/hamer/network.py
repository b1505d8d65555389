"""The whole network: square crops in, a posed hand and its projection out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hint.crop import CROP_SIZE, MEAN, STD
from hint.mano.layer import ManoLayer
from hint.mano.model import ManoModel
from hint.methods.device import beside
from hint.methods.hamer.config import VIT, HamerConfig
from hint.methods.hamer.head import ManoHead
from hint.methods.hamer.vit import VisionTransformer, middle_columns

if TYPE_CHECKING:
    from hint.methods.hamer.convolutional import ConvolutionalBackbone

#: Focal length of the crop's camera, px of a crop of 256; smaller crops are smaller pictures of the same camera.
FOCAL_LENGTH = 5000.0


@dataclass(frozen=True)
class HamerOutput:
    """Output of the network for N crops.

    Attributes:
        cam: (N,3) scale, x, y of a weak camera.
        cam_t: (N,3) translation in front of the crop's camera, metres.
        focal_length: (N,2) px.
        global_orient: (N,1,3,3) rotation of the wrist.
        hand_pose: (N,15,3,3) rotations of the finger joints; the mean pose is in them.
        betas: (N,10) shape.
        keypoints_3d: (N,21,3) metres, not translated.
        vertices: (N,778,3) metres, not translated.
        keypoints_2d: (N,21,2) crop units: the square crop spans -0.5 to 0.5.
    """

    cam: Tensor
    cam_t: Tensor
    focal_length: Tensor
    global_orient: Tensor
    hand_pose: Tensor
    betas: Tensor
    keypoints_3d: Tensor
    vertices: Tensor
    keypoints_2d: Tensor


class Hamer(nn.Module):
    """HaMeR without its training parts; keys as in the released weights.

    The backbone does nearly all the work, so it alone may run in a lower precision, by casting it or, with
    ``autocast``, by casting what it multiplies; the head and MANO stay in float32. It sees the middle
    three quarters of a square crop's columns.
    """

    def __init__(self, config: HamerConfig) -> None:
        super().__init__()
        self.config = config
        self.autocast: torch.dtype | None = None
        self.backbone = _backbone(config)
        self.mano_head = ManoHead(config)

    @property
    def costly(self) -> nn.ModuleList:
        """What may compute in a lower precision."""
        return nn.ModuleList([self.backbone])

    def forward(self, crops: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Map normalised crops (N,3,S,S) to rotations (N,16,3,3), shape (N,10) and camera (N,3)."""
        with torch.autocast(crops.device.type, self.autocast or torch.bfloat16, enabled=self.autocast is not None):
            tokens = self.backbone(middle_columns(crops).to(self.backbone.pos_embed.dtype))
        out: tuple[Tensor, Tensor, Tensor] = self.mano_head(tokens.float())
        return out


def _backbone(config: HamerConfig) -> VisionTransformer | ConvolutionalBackbone:
    if config.backbone == VIT:
        return VisionTransformer(config.vit)
    # Only here, since it brings timm, whose import takes longer than that of PyTorch.
    from hint.methods.hamer.convolutional import ConvolutionalBackbone

    return ConvolutionalBackbone(config)


class HandDecoder(nn.Module):
    """Pose MANO and project it into the crop."""

    def __init__(self, model: ManoModel, crop_size: int = CROP_SIZE) -> None:
        super().__init__()
        self._focal_length = FOCAL_LENGTH * crop_size / CROP_SIZE
        self.mano = ManoLayer(model)

    def forward(self, rotations: Tensor, betas: Tensor, cam: Tensor) -> HamerOutput:
        """Turn the network's output into a hand."""
        global_orient, hand_pose = rotations[:, :1], rotations[:, 1:]
        joints, vertices = self.mano(global_orient, hand_pose, betas)
        cam_t = camera_translation(cam)
        return HamerOutput(
            cam=cam,
            cam_t=cam_t,
            focal_length=torch.full_like(cam[:, :2], self._focal_length),
            global_orient=global_orient,
            hand_pose=hand_pose,
            betas=betas,
            keypoints_3d=joints,
            vertices=vertices,
            keypoints_2d=project(joints + cam_t[:, None]),
        )


class ManoNetwork(nn.Module):
    """A network together with its hand: maps crops (N,S,S,3), RGB in 0..255, to a :class:`HamerOutput`.

    Attributes:
        decoder: Poses and projects the hand.
        faces: (F,3) triangles of the hand.
        crop_size: Side of the crops, px.
        box_factor: Side of the crops over the longest side of the hand's box.
    """

    decoder: HandDecoder
    faces: NDArray[np.int64]
    crop_size: int
    box_factor: float


class HandInCrop(ManoNetwork):
    """A network together with its hand: crops in, hands out."""

    def __init__(self, network: Hamer, model: ManoModel) -> None:
        super().__init__()
        self.network = network
        self.decoder = HandDecoder(model, network.config.crop_size)
        self.faces = model.faces
        self.crop_size, self.box_factor = network.config.crop_size, network.config.box_factor

    def forward(self, crops: Tensor) -> HamerOutput:
        """Map crops (N,S,S,3), RGB in 0..255, to hands."""
        output: HamerOutput = self.decoder(*self.network(normalise(crops)))
        return output


def normalise(crops: Tensor) -> Tensor:
    """Turn crops (N,S,S,3) in 0..255 into network input (N,3,S,S): ImageNet mean 0 and deviation 1."""
    pixels = crops.float()
    return ((pixels - beside(pixels, MEAN)) / beside(pixels, STD)).permute(0, 3, 1, 2)


def camera_translation(cam: Tensor, side: int = CROP_SIZE) -> Tensor:
    """Turn the weak camera (N,3) = (scale, x, y) of a picture of some side, px, into a translation (N,3) in metres."""
    scale, x, y = cam.unbind(-1)
    return torch.stack([x, y, 2 * FOCAL_LENGTH / (side * scale + 1e-9)], -1)


def project(points: Tensor, side: int = CROP_SIZE) -> Tensor:
    """Project points (N,P,3) in front of the camera of a picture of some side, px, to its units (N,P,2)."""
    return FOCAL_LENGTH / side * points[..., :2] / points[..., 2:]
