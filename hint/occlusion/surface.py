"""What a posed hand hides of itself: how far its own surface lies in front of each joint."""

from __future__ import annotations

import torch
from torch import Tensor

from hint.mano.model import ManoModel
from hint.skeleton import FINGER_OF_JOINT, FINGERS, MANO_JOINT_NAMES

#: The surfaces that may lie in front of a joint: of its own digit, of another digit, of the palm.
SURFACES = ("own digit", "other digit", "palm")


class Surface:
    """The triangles of a hand model, told apart by digit.

    Args:
        model: The hand.
    """

    def __init__(self, model: ManoModel) -> None:
        faces = torch.as_tensor(model.faces.copy())
        digits = torch.tensor([-1] + [FINGERS.index(name[:-1]) for name in MANO_JOINT_NAMES[1:]])
        weights = torch.as_tensor(model.lbs_weights.copy())[faces].sum(1)
        share = torch.stack([weights[:, digits == digit].sum(1) for digit in range(-1, len(FINGERS))], 1)
        digit, joint = share.argmax(1) - 1, torch.tensor(FINGER_OF_JOINT)[:, None]
        palm = (digit == -1).expand(len(joint), -1)
        own = (digit == joint) & ~palm
        self._faces, self._masks = faces, torch.stack([own, ~own & ~palm, palm])

    def ahead(self, vertices: Tensor, joints: Tensor) -> Tensor:
        """Return (N,21,3) metres that the nearest of :data:`SURFACES` lies in front of each joint; 0 where none does.

        Args:
            vertices: (N,V,3) metres, x right, y down, z away from a distant camera.
            joints: (N,21,3) likewise.
        """
        corner, second, third = vertices[:, self._faces].unbind(2)
        b, c = (second - corner)[:, None], (third - corner)[:, None]
        p = joints[:, :, None] - corner[:, None]
        area = _cross(b, c)
        beta, gamma = _cross(p, c) / area, _cross(b, p) / area
        inside = (beta >= 0) & (gamma >= 0) & (beta + gamma <= 1)  # false for triangles seen edge-on
        depth = p[..., 2] - beta * b[..., 2] - gamma * c[..., 2]
        depth = torch.where(inside, depth, 0.0)
        return torch.stack([(depth * mask).amax(2) for mask in self._masks], 2).clamp_min(0)


def _cross(a: Tensor, b: Tensor) -> Tensor:
    """Return the z component of the cross product of (...,3) vectors."""
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
