"""HandOccNet's hand: MANO as manopth poses it, and the place of its joints in the crop.

The network has no camera. Its 2D joints are those of its heat maps; where MANO's joints shall be shown, they are laid
onto these by the weak perspective camera (scale, shift) that comes closest to them. That is a definition of ours: the
paper shows MANO's joints in 3D only.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from smplx.lbs import batch_rodrigues
from torch import Tensor, nn

from hint.mano.layer import ManoLayer
from hint.mano.model import MANOPTH_TIP_VERTICES, ManoModel
from hint.mano.read import from_embedded
from hint.methods.crop_method import HandOutput
from hint.methods.handoccnet.network import HandOccNet
from hint.skeleton import MANO_PARENTS


class MeanPoseHand(nn.Module):
    """MANO with poses relative to the mean pose, and the fingertips of manopth."""

    hands_mean: Tensor

    def __init__(self, model: ManoModel) -> None:
        super().__init__()
        self.layer = ManoLayer(model, MANOPTH_TIP_VERTICES)
        mean = np.concatenate([np.zeros(3), model.hands_mean])
        self.register_buffer("hands_mean", torch.tensor(mean, dtype=torch.float32), persistent=False)

    def forward(self, pose: Tensor, betas: Tensor) -> tuple[Tensor, Tensor]:
        """Pose the hand.

        Args:
            pose: (N,48) axis-angle, radians.
            betas: (N,10) shape.

        Returns:
            Joints (N,21,3) in HInt order and vertices (N,778,3), metres.
        """
        rotations = batch_rodrigues((pose + self.hands_mean).reshape(-1, 3)).reshape(-1, 16, 3, 3)
        out: tuple[Tensor, Tensor] = self.layer(rotations[:, :1], rotations[:, 1:], betas)
        return out


class HandInCrop(nn.Module):
    """From crops to a hand in them.

    Args:
        network: Maps crops to heat maps and MANO parameters.
        model: The hand it poses.
        shows_mano: Whether the points are MANO's joints, laid onto those of the heat maps, or the latter.
    """

    def __init__(self, network: HandOccNet, model: ManoModel, shows_mano: bool) -> None:
        super().__init__()
        self.network = network
        self.hand = MeanPoseHand(model)
        self.shows_mano = shows_mano

    def forward(self, crops: Tensor) -> HandOutput:
        """Map crops (N,256,256,3), RGB in 0..255; they are not normalised."""
        outputs = self.network((crops / 255).permute(0, 3, 1, 2))
        joints, vertices = self.hand(outputs.pose, outputs.betas)
        points = outputs.joints_2d - 0.5
        return HandOutput(lay_onto(joints, points) if self.shows_mano else points, joints, vertices)


def lay_onto(joints: Tensor, points: Tensor) -> Tensor:
    """Project joints so that they come as close as a weak perspective camera brings them to given points.

    Args:
        joints: (N,J,3).
        points: (N,J,2) targets.

    Returns:
        (N,J,2) scale * joints_xy + shift, with the scale, which is not negative, and the shift of least squares.
    """
    flat = joints[..., :2] - joints[..., :2].mean(1, keepdim=True)
    centre = points.mean(1, keepdim=True)
    scale = (flat * (points - centre)).sum((1, 2)) / flat.square().sum((1, 2))
    return scale.clamp_min(0)[:, None, None] * flat + centre


def embedded_mano(stored: Mapping[str, Tensor], source: str) -> ManoModel:
    """Build the hand from the arrays manopth leaves in a checkpoint.

    Args:
        stored: manopth buffer name without prefix -> array.
        source: File they came from.

    Raises:
        InputError: If some are absent.
    """
    arrays = {name.removeprefix("th_"): values.numpy() for name, values in stored.items()}
    renamed = {
        "faces": "faces_tensor",
        "weights": "lbs_weights",
        "hands_mean": "hand_mean",
        "selected_comps": "hand_components",
    }
    found = {renamed.get(name, name): values for name, values in arrays.items()} | {"parents": np.array(MANO_PARENTS)}
    for name in ("v_template", "hand_mean"):
        if name in found:
            found[name] = found[name][0]
    if "posedirs" in found:
        found["posedirs"] = found["posedirs"].reshape(-1, found["posedirs"].shape[-1]).T
    return from_embedded(found, source)
