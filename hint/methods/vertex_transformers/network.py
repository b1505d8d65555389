"""The networks: a picture and a rest hand in, points and a camera out; keys as in the released weights.

Source: Lin, Wang, Liu 2021 (METRO, CVPR; Mesh Graphormer, ICCV), section 3 of both.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from hint.mano.model import N_VERTICES
from hint.methods.vertex_transformers.encoder import Block
from hint.methods.vertex_transformers.hrnet import describe, hrnet
from hint.methods.vertex_transformers.sizes import N_CHANNELS, N_INPUTS, N_JOINTS, N_POINTS, N_SAMPLED, Sizes


class Answer(NamedTuple):
    """Output of a network for N pictures.

    Attributes:
        cam: (N,3) scale and shift of a weak camera, see :func:`hint.methods.vertex_transformers.decode.project`.
        joints: (N,21,3) metres, as tokens; the methods use those regressed from the vertices.
        sampled: (N,195,3) some of the vertices, metres.
        vertices: (N,778,3) metres.
    """

    cam: Tensor
    joints: Tensor
    sampled: Tensor
    vertices: Tensor


class VertexTransformer(nn.Module):
    """METRO or Mesh Graphormer."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.backbone = hrnet(sizes.trunk)
        self.trans_encoder = nn.ModuleList(Block(sizes, k) for k in range(len(sizes.hidden)))
        self.upsampling = nn.Linear(N_SAMPLED, N_VERTICES)
        self.cam_param_fc = nn.Linear(3, 1)
        self.cam_param_fc2 = nn.Linear(N_POINTS, 150)
        self.cam_param_fc3 = nn.Linear(150, 3)
        self.grid_feat_dim = nn.Linear(N_CHANNELS, N_INPUTS) if sizes.is_graph else None

    def forward(self, images: Tensor, template: Tensor, adjacency: Tensor | None = None) -> Answer:
        """Look at pictures.

        Args:
            images: (N,3,224,224), ImageNet mean 0 and deviation 1.
            template: (216,3) joints and sampled vertices of the rest hand, metres from the wrist.
            adjacency: (195,195) of the sampled vertices; METRO does without.
        """
        tokens = self.tokens(images, template)
        for block in self.trans_encoder:
            tokens = block(tokens, adjacency)
        points = tokens[:, :N_POINTS]
        # Not squeezed, or a single picture would lose its batch axis.
        camera = self.cam_param_fc3(self.cam_param_fc2(self.cam_param_fc(points)[..., 0]))
        sampled = points[:, N_JOINTS:]
        return Answer(camera, points[:, :N_JOINTS], sampled, self.upsampling(sampled.mT).mT)

    def tokens(self, images: Tensor, template: Tensor) -> Tensor:
        """Return the tokens of the first block (N,T,2051): points of the rest hand, each with the picture's features.

        In Mesh Graphormer the cells of the picture follow.
        """
        features, cells = describe(self.backbone, images)
        n = len(images)
        points = torch.cat([template.expand(n, -1, -1), features[:, None].expand(-1, N_POINTS, -1)], -1)
        if self.grid_feat_dim is None:
            return points
        return torch.cat([points, self.grid_feat_dim(cells.flatten(2).mT)], 1)


def unused_keys(sizes: Sizes) -> tuple[str, ...]:
    """Return the beginnings of the keys that released files carry and nothing reads: word embeddings and the like."""
    keys = ["backbone.classifier."]
    for block in range(len(sizes.hidden)):
        keys += [f"trans_encoder.{block}.bert.embeddings.", f"trans_encoder.{block}.bert.pooler."]
        keys += [f"trans_encoder.{block}.bert.encoder.layer.{k}.graph_conv.skip_conv." for k in range(sizes.layers)]
    return tuple(keys)
