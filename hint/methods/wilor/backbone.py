"""The encoder: 16 tokens for rotations, one for shape and one for the camera pass through the ViT with the image's.

Source: Potamias et al. 2025 (WiLoR), section 4.2; released network, keys as in its weights.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hint.methods.hamer.config import VitSizes
from hint.methods.hamer.head import POSE, HandNumbers
from hint.methods.hamer.vit import PATCH, VisionTransformer

_ROTATION, _SHAPE, _CAMERA = 6, 10, 3
_JOINTS = POSE // _ROTATION


class HandTokens(VisionTransformer):
    """The encoder with tokens of the hand in front of the image's, which alone know where they are."""

    init_hand_pose: Tensor
    init_betas: Tensor
    init_cam: Tensor

    def __init__(self, sizes: VitSizes) -> None:
        super().__init__(sizes)
        self._rows = sizes.crop_size // PATCH
        for name, size in (("hand_pose", POSE), ("betas", _SHAPE), ("cam", _CAMERA)):
            self.register_buffer(f"init_{name}", torch.zeros(1, size))
        self.pose_emb = nn.Linear(_ROTATION, sizes.width)
        self.shape_emb = nn.Linear(_SHAPE, sizes.width)
        self.cam_emb = nn.Linear(_CAMERA, sizes.width)
        self.decpose = nn.Linear(sizes.width, _ROTATION)
        self.decshape = nn.Linear(sizes.width, _SHAPE)
        self.deccam = nn.Linear(sizes.width, _CAMERA)

    def embed(self, images: Tensor) -> Tensor:
        """Turn (N,3,256,192) into 18 tokens of the hand and 192 of the image (N,210,width)."""
        image = super().embed(images)
        return torch.cat([self.start_tokens().expand(len(image), -1, -1), image], 1)

    def start_tokens(self) -> Tensor:
        """Return the tokens (1,18,width) of the mean hand: rotations from the wrist on, shape, camera."""
        pose = self.pose_emb(self.init_hand_pose.reshape(1, _JOINTS, _ROTATION))
        return torch.cat([pose, self.shape_emb(self.init_betas)[:, None], self.cam_emb(self.init_cam)[:, None]], 1)

    def read(self, tokens: Tensor) -> tuple[HandNumbers, Tensor]:
        """Read a hand and the feature map (N,width,16,12) off the mixed tokens (N,210,width)."""
        pose, shape, camera, image = torch.split(tokens, [_JOINTS, 1, 1, tokens.shape[1] - _JOINTS - 2], 1)
        hand = HandNumbers(
            self.decpose(pose).flatten(1) + self.init_hand_pose,
            self.decshape(shape[:, 0]) + self.init_betas,
            self.deccam(camera[:, 0]) + self.init_cam,
        )
        return hand, image.transpose(1, 2).reshape(len(image), image.shape[2], self._rows, -1)
