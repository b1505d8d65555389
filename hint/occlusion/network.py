"""The network that says which joints are occluded: attention over the 21 joints."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from hint.landmarks import backbone
from hint.landmarks.network import SIZE as VIEW
from hint.occlusion.surface import SURFACES
from hint.skeleton import N_JOINTS

#: Channels read off the feature maps at a joint.
CHANNELS = sum(backbone.CHANNELS.values())

WIDTH, HEADS, LAYERS = 96, 4, 3

#: What a joint knows without a picture: its place, and that of the 21 joints from there.
_PLACES = 2 + 2 * N_JOINTS

#: What the landmark network adds: its own point from there, depth behind the 21 joints, presence.
_LANDMARKS = 2 + N_JOINTS + 1


#: How deep below a surface joints usually lie, metres.
_DEEP = 0.03


class Seen(NamedTuple):
    """What the landmark network saw in N views.

    Attributes:
        features: (N,21,368) of its maps at the joints.
        points: (N,21,3) its own landmarks, px of the view, and their depth on the same scale.
        presence: (N,) whether it saw a hand, 0..1.
        world: (N,21,3) its landmarks in metres, axes of the view.
    """

    features: Tensor
    points: Tensor
    presence: Tensor
    world: Tensor


class OcclusionNetwork(nn.Module):
    """Maps keypoints, what was seen at them and what a fitted hand hides, to one logit per joint.

    Args:
        width: Channels per joint.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, width: int = WIDTH) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(CHANNELS))
        self.register_buffer("deviation", torch.ones(CHANNELS))
        self.joint = nn.Parameter(torch.zeros(N_JOINTS, width))
        self.places = nn.Linear(_PLACES, width)
        self.seen = nn.Linear(CHANNELS + _LANDMARKS, width)
        self.unseen = nn.Parameter(torch.zeros(width))
        self.fitted = nn.Linear(len(SURFACES), width)
        self.unfitted = nn.Parameter(torch.zeros(width))
        layer = nn.TransformerEncoderLayer(width, HEADS, 2 * width, 0.1, "gelu", batch_first=True, norm_first=True)
        self.layers = nn.TransformerEncoder(layer, LAYERS, enable_nested_tensor=False)
        self.out = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 1))

    def forward(self, keypoints: Tensor, seen: Seen | None, ahead: Tensor | None) -> Tensor:
        """Return logits (N,21).

        Args:
            keypoints: (N,21,2) px of the views.
            seen: What the views show; None without pictures. A hand with NaN features has none either.
            ahead: (N,21,3) metres of :func:`hint.occlusion.surface.ahead`; None without a fitted hand, NaN likewise.
        """
        places = keypoints / (VIEW / 2) - 1
        away = places[:, None] - places[:, :, None]
        token = self.joint + self.places(torch.cat([places, away.flatten(2)], 2))
        looked = None if seen is None else self._looked(keypoints, seen)
        token = token + _known(self.seen, looked, self.unseen)
        deep = None if ahead is None else (ahead / _DEEP).clamp(max=3)
        token = token + _known(self.fitted, deep, self.unfitted)
        logits: Tensor = self.out(self.layers(token))[..., 0]
        return logits

    def _looked(self, keypoints: Tensor, seen: Seen) -> Tensor:
        """Return (N,21,C) what the landmark network says about each joint."""
        own = (seen.points[..., :2] - keypoints) / (VIEW / 2)
        depth = seen.points[..., 2] / (VIEW / 2)
        behind = depth[:, :, None] - depth[:, None]
        presence = seen.presence[:, None, None].expand(-1, N_JOINTS, 1)
        return torch.cat([(seen.features - self.mean) / self.deviation, own, behind, presence], 2)


def _known(layer: nn.Module, values: Tensor | None, otherwise: Tensor) -> Tensor:
    """Apply a layer to the hands (N,21,C) without NaN; the others get a vector of their own."""
    if values is None:
        return otherwise
    known = values.isfinite().flatten(1).all(1)[:, None, None]
    return torch.where(known, layer(torch.where(known, values, 0.0)), otherwise)
