"""The MANO layer: rotation matrices and shape in, 21 joints and 778 vertices out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from smplx.lbs import lbs
from torch import Tensor, nn

from hint.mano.model import TIP_VERTICES, ManoModel
from hint.skeleton import FROM_MANO


class Parents:
    """The kinematic tree as smplx reads it, without waiting for a GPU.

    Args:
        numbers: Parent of each joint; single ones are asked for to walk the chain.
        tensor: The same beside the joints; slices of it index them.
    """

    def __init__(self, numbers: Sequence[int], tensor: Tensor) -> None:
        self.shape = (len(numbers),)
        self._numbers, self._tensor = numbers, tensor

    def __getitem__(self, which: int | slice) -> int | Tensor:
        return self._tensor[which] if isinstance(which, slice) else self._numbers[which]


class ManoLayer(nn.Module):
    """Linear blend skinning of one hand model, as HaMeR uses it.

    Args:
        model: The hand.
        tips: Vertices at the fingertips; they differ between methods.

    Attributes:
        model: The hand.

    Rotations are absolute: the mean pose of the model is not added. The joints are those of the kinematic chain, not
    regressed from the posed mesh; the tips are posed vertices.

    Source: Romero et al. 2017, section 3; ``smplx.MANOLayer`` with ``pose2rot=False``.
    """

    v_template: Tensor
    shapedirs: Tensor
    posedirs: Tensor
    j_regressor: Tensor
    lbs_weights: Tensor
    tips: Tensor
    order: Tensor
    parents: Tensor

    def __init__(self, model: ManoModel, tips: tuple[int, ...] = TIP_VERTICES) -> None:
        super().__init__()
        self.model = model
        floats = {name: getattr(model, name) for name in ("v_template", "shapedirs", "j_regressor", "lbs_weights")}
        floats["posedirs"] = model.posedirs.reshape(-1, model.posedirs.shape[-1]).T
        for name, array in floats.items():
            self.register_buffer(name, torch.from_numpy(array.astype(np.float32)), persistent=False)
        self.register_buffer("tips", torch.tensor(tips), persistent=False)
        self.register_buffer("order", torch.tensor(FROM_MANO), persistent=False)
        self.register_buffer("parents", torch.tensor(model.parents), persistent=False)

    def forward(self, global_orient: Tensor, hand_pose: Tensor, betas: Tensor) -> tuple[Tensor, Tensor]:
        """Pose the hand.

        Args:
            global_orient: (N,1,3,3) rotation of the wrist.
            hand_pose: (N,15,3,3) rotations of the finger joints, relative to their parents.
            betas: (N,10) shape.

        Returns:
            Joints (N,21,3) in HInt order and vertices (N,778,3), metres.
        """
        rotations = torch.cat([global_orient, hand_pose], 1)
        vertices, joints = lbs(
            betas,
            rotations,
            self.v_template,
            self.shapedirs,
            self.posedirs,
            self.j_regressor,
            Parents(self.model.parents.tolist(), self.parents),
            self.lbs_weights,
            pose2rot=False,
        )
        return torch.cat([joints, vertices[:, self.tips]], 1)[:, self.order], vertices
