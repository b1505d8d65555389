"""The right hand of SMPL-X: the part of the body FrankMocap moves, with the numbers the whole body would give.

Everything up to the right wrist stays in its rest pose, so only the wrist and the 15 finger joints turn. The joints of
the left hand keep their mean pose; what that adds to the template is constant and added beforehand.

Source: Pavlakos et al. 2019 (SMPL-X), section 3.1; ``smplx.SMPLX`` with ``flat_hand_mean=False``.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from hashlib import sha256
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from smplx.lbs import batch_rigid_transform, batch_rodrigues
from torch import Tensor, nn

from hint.mano.layer import Parents
from hint.mano.model import TIP_VERTICES, ManoModel
from hint.skeleton import FROM_MANO

Array = NDArray[np.float64]

#: The vertices of the hand; more may follow, for fingertips that are not among them.
N_VERTICES = 778

#: Which of the 16 moving joints the hand is placed by: the base of the index finger.
ORIGIN = 1


@dataclass(frozen=True, eq=False)
class RightHand:
    """What is needed of a body with J joints to pose its right hand of V vertices.

    Attributes:
        v_template: (V,3) metres; the pose correctives of what never moves are in it.
        shapedirs: (V,3,10).
        posedirs: (V,3,144) correctives of the moving joints, times their flattened (R - I).
        lbs_weights: (V,J).
        rest_joints: (J,3) of the mean shape.
        joint_shapedirs: (J,3,10) how shape moves them.
        parents: (J,) -1 for the root.
        rest_pose: (J,3) axis-angle of every joint; the mean pose of both hands is in it.
        moving: (16,) wrist, then three joints of index, middle, little and ring finger and thumb.
        tips: (5,) vertices that stand for the tips of thumb, index, middle, ring and little finger.
    """

    v_template: Array
    shapedirs: Array
    posedirs: Array
    lbs_weights: Array
    rest_joints: Array
    joint_shapedirs: Array
    parents: NDArray[np.int64]
    rest_pose: Array
    moving: NDArray[np.int64]
    tips: NDArray[np.int64]

    def sha256(self) -> str:
        """Return the digest that identifies this hand."""
        digest = sha256()
        for field in fields(self):
            array: NDArray[Any] = np.ascontiguousarray(getattr(self, field.name))
            digest.update(field.name.encode() + array.tobytes())
        return digest.hexdigest()


def stand_in(model: ManoModel) -> RightHand:
    """Make the hand out of one with MANO's arrays, to try things out without SMPL-X; its body is a wrist."""
    wrist = np.zeros((*model.v_template.shape, 9))
    return RightHand(
        v_template=model.v_template,
        shapedirs=model.shapedirs,
        posedirs=np.concatenate([wrist, model.posedirs], -1),
        lbs_weights=model.lbs_weights,
        rest_joints=model.j_regressor @ model.v_template,
        joint_shapedirs=np.einsum("jv,vcs->jcs", model.j_regressor, model.shapedirs),
        parents=model.parents,
        rest_pose=np.concatenate([np.zeros(3), model.hands_mean]).reshape(16, 3),
        moving=np.arange(16),
        tips=np.array(TIP_VERTICES),
    )


class Posed(NamedTuple):
    """A hand whose index finger begins at the origin.

    Attributes:
        joints: (N,21,3) metres, in HInt order.
        vertices: (N,778,3) metres.
        index_mcp: (N,3) where the index finger begins in the body, metres.
    """

    joints: Tensor
    vertices: Tensor
    index_mcp: Tensor


class HandLayer(nn.Module):
    """Linear blend skinning of the right hand."""

    v_template: Tensor
    shapedirs: Tensor
    posedirs: Tensor
    lbs_weights: Tensor
    rest_joints: Tensor
    joint_shapedirs: Tensor
    parents: Tensor
    rest_pose: Tensor
    moving: Tensor
    tips: Tensor
    order: Tensor

    def __init__(self, hand: RightHand) -> None:
        super().__init__()
        for field in fields(hand):
            array = torch.from_numpy(np.array(getattr(hand, field.name)))
            values = array.float() if array.is_floating_point() else array
            self.register_buffer(field.name, values, persistent=False)
        self.register_buffer("order", torch.tensor(FROM_MANO), persistent=False)
        # Numbers, not tensors: reading an entry of a tensor waits for the GPU it is on.
        self._chain, self._origin = hand.parents.tolist(), int(hand.moving[ORIGIN])

    def forward(self, pose: Tensor, betas: Tensor) -> Posed:
        """Pose the hand.

        Args:
            pose: (N,48) axis-angle of wrist and finger joints, radians; the mean pose is added to it.
            betas: (N,10) shape.
        """
        rotations = self._rotations(pose)
        joints = self.rest_joints + torch.einsum("jcs,ns->njc", self.joint_shapedirs, betas)
        posed_joints, transforms = batch_rigid_transform(rotations, joints, Parents(self._chain, self.parents))
        bend = (rotations[:, self.moving] - torch.eye(3, device=pose.device)).flatten(1)
        shaped = self.v_template + torch.einsum("vcs,ns->nvc", self.shapedirs, betas)
        vertices = self._skin(shaped + torch.einsum("vcp,np->nvc", self.posedirs, bend), transforms)
        points = torch.cat([posed_joints[:, self.moving], vertices[:, self.tips]], 1)[:, self.order]
        origin = posed_joints[:, self._origin]
        return Posed(points - origin[:, None], vertices[:, :N_VERTICES] - origin[:, None], origin)

    def _rotations(self, pose: Tensor) -> Tensor:
        """Return the rotation (N,J,3,3) of every joint of the body."""
        angles = self.rest_pose.repeat(len(pose), 1, 1)
        angles[:, self.moving] += pose.reshape(len(pose), -1, 3)
        matrices: Tensor = batch_rodrigues(angles.reshape(-1, 3)).reshape(len(pose), -1, 3, 3)
        return matrices

    def _skin(self, vertices: Tensor, transforms: Tensor) -> Tensor:
        """Move vertices (N,V,3) with the joints, whose transforms from the rest pose are (N,J,4,4)."""
        blended = torch.einsum("vj,njab->nvab", self.lbs_weights, transforms[:, :, :3])
        return torch.einsum("nvab,nvb->nva", blended[..., :3], vertices) + blended[..., 3]
