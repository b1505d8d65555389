"""From a network's output to joints, and to their place in the crop."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor, nn

from hint.mano.layer import ManoLayer
from hint.mano.model import MANOPTH_TIP_VERTICES, N_VERTICES, ManoModel
from hint.methods.crop_method import HandOutput
from hint.methods.hamer.network import normalise
from hint.methods.vertex_transformers.topology import Topology
from hint.skeleton import FROM_MANO

#: Vertices at the fingertips, for joints regressed from a mesh. The rest hand has manopth's, whose middle
#: finger ends one vertex earlier.
TIP_VERTICES = (745, 317, 445, 556, 673)

#: What is projected: the points as they come, as in training, or moved so that the wrist is the origin, as in the
#: released demonstrations.
PROJECTIONS = ("training", "demo")


@dataclass(frozen=True, eq=False)
class RestHand:
    """What a network needs to know of the hand.

    Attributes:
        template: (216,3) joints and sampled vertices of the rest hand, metres from the wrist.
        regressor: (21,778) joints from vertices.
        adjacency: (195,195) of the sampled vertices, None for METRO.
    """

    template: Tensor
    regressor: Tensor
    adjacency: Tensor | None

    @classmethod
    def of(cls, model: ManoModel, topology: Topology) -> RestHand:
        """Build it from a hand and a choice of vertices."""
        adjacency = None if topology.adjacency is None else torch.from_numpy(topology.adjacency)
        return cls(rest_template(model, torch.from_numpy(topology.down)), joint_regressor(model), adjacency)


def rest_template(model: ManoModel, down: Tensor) -> Tensor:
    """Return joints and sampled vertices of the hand in its mean pose (216,3), metres from the wrist.

    Args:
        model: The hand.
        down: (195,778) matrix that samples vertices.
    """
    rotations = Rotation.from_rotvec(np.concatenate([np.zeros(3), model.hands_mean]).reshape(16, 3)).as_matrix()
    pose = torch.from_numpy(rotations.astype(np.float32))[None]
    joints, vertices = ManoLayer(model, MANOPTH_TIP_VERTICES)(pose[:, :1], pose[:, 1:], torch.zeros(1, 10))
    template: Tensor = torch.cat([joints[0], down @ vertices[0]]) - joints[0, :1]
    return template


def joint_regressor(model: ManoModel) -> Tensor:
    """Return the matrix (21,778) from vertices to joints in HInt order."""
    tips = torch.zeros(len(TIP_VERTICES), N_VERTICES)
    tips[range(len(TIP_VERTICES)), TIP_VERTICES] = 1
    return torch.cat([torch.from_numpy(model.j_regressor.astype(np.float32)), tips])[list(FROM_MANO)]


def project(points: Tensor, cam: Tensor) -> Tensor:
    """Project points (N,P,3) to crop units (N,P,2), half of the camera's, which go from -1 to 1.

    Args:
        points: Metres.
        cam: (N,3) scale, then a shift in metres that is added before it is scaled.
    """
    return cam[:, None, :1] * (points[..., :2] + cam[:, None, 1:]) / 2


class HandReader(nn.Module):
    """A network together with its hand: crops in, hands out."""

    template: Tensor
    regressor: Tensor
    adjacency: Tensor | None

    def __init__(self, network: nn.Module, rest: RestHand, projection: str = "training") -> None:
        super().__init__()
        self.network = network
        self._is_moved = projection == "demo"
        for name in ("template", "regressor", "adjacency"):
            self.register_buffer(name, getattr(rest, name), persistent=False)

    def forward(self, crops: Tensor) -> HandOutput:
        """Map crops (N,224,224,3), RGB in 0..255, to hands."""
        answer = self.network(normalise(crops), self.template, self.adjacency)
        joints = self.regressor @ answer.vertices
        projected = joints - joints[:, :1] if self._is_moved else joints
        return HandOutput(project(projected, answer.cam), joints, answer.vertices)
