"""The discriminator: tells real hands from predicted ones by joint, pose and shape.

Source: Kanazawa et al. 2018 (HMR), section 3.2; keys, sizes and initialisation of the released weights.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

JOINTS = 15

#: Scores per hand: one per joint, one of the shape, one of the whole pose.
SCORES = JOINTS + 2


class Discriminator(nn.Module):
    """Score the rotations of the finger joints and the shape; the wrist's rotation is ignored."""

    def __init__(self) -> None:
        super().__init__()
        self.D_conv1 = nn.Conv2d(9, 32, 1)
        self.D_conv2 = nn.Conv2d(32, 32, 1)
        self.pose_out = nn.ModuleList(nn.Linear(32, 1) for _ in range(JOINTS))
        self.betas_fc1 = nn.Linear(10, 10)
        self.betas_fc2 = nn.Linear(10, 5)
        self.betas_out = nn.Linear(5, 1)
        self.D_alljoints_fc1 = nn.Linear(32 * JOINTS, 1024)
        self.D_alljoints_fc2 = nn.Linear(1024, 1024)
        self.D_alljoints_out = nn.Linear(1024, 1)
        for name, parameter in self.named_parameters():
            nn.init.zeros_(parameter) if name.endswith("bias") else nn.init.xavier_uniform_(parameter)

    def forward(self, hand_pose: Tensor, betas: Tensor) -> Tensor:
        """Score hands: towards 1 real, towards 0 predicted.

        Args:
            hand_pose: (N,15,3,3) rotations.
            betas: (N,10) shape.

        Returns:
            (N,17).
        """
        features = functional.relu(self.D_conv1(hand_pose.flatten(2).transpose(1, 2)[..., None]))
        features = functional.relu(self.D_conv2(features))[..., 0]
        joints = [out(features[..., k]) for k, out in enumerate(self.pose_out)]
        shape = functional.relu(self.betas_fc2(functional.relu(self.betas_fc1(betas))))
        together = functional.relu(self.D_alljoints_fc1(features.flatten(1)))
        together = functional.relu(self.D_alljoints_fc2(together))
        return torch.cat([*joints, self.betas_out(shape), self.D_alljoints_out(together)], 1)
