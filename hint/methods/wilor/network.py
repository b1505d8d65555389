"""The whole network: square crops in, a posed hand and its projection out."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hint.mano.model import ManoModel
from hint.methods.hamer.config import RELEASED_BOX_FACTOR, VitSizes
from hint.methods.hamer.head import HandNumbers, rot6d_to_matrix
from hint.methods.hamer.network import HamerOutput, HandDecoder, ManoNetwork, normalise
from hint.methods.hamer.vit import middle_columns
from hint.methods.wilor.backbone import HandTokens
from hint.methods.wilor.refinement import Refinement


class Wilor(nn.Module):
    """WiLoR without its training parts; keys as in the released weights.

    The blocks do nearly all the work, so they alone may run in a lower precision.
    """

    def __init__(self, sizes: VitSizes) -> None:
        super().__init__()
        self.sizes = sizes
        self.autocast: torch.dtype | None = None
        self.backbone = HandTokens(sizes)
        self.refine_net = Refinement(sizes.width)

    @property
    def costly(self) -> nn.ModuleList:
        """What may compute in a lower precision."""
        return nn.ModuleList([self.backbone.blocks, self.backbone.last_norm])

    def read(self, crops: Tensor) -> tuple[HandNumbers, Tensor]:
        """Map normalised crops (N,3,S,S) to a hand, not refined, and a feature map (N,width,16,12)."""
        tokens = self.backbone.embed(middle_columns(crops))
        with torch.autocast(crops.device.type, self.autocast or torch.bfloat16, enabled=self.autocast is not None):
            mixed = self.backbone.mix(tokens.to(self.backbone.last_norm.weight.dtype))
        return self.backbone.read(mixed.float())


class WilorInCrop(ManoNetwork):
    """The network together with its hand, whose mesh the refinement looks at."""

    def __init__(self, network: Wilor, model: ManoModel) -> None:
        super().__init__()
        self.network = network
        self.decoder = HandDecoder(model, network.sizes.crop_size)
        self.faces = model.faces
        self.crop_size, self.box_factor = network.sizes.crop_size, RELEASED_BOX_FACTOR

    def forward(self, crops: Tensor) -> HamerOutput:
        """Map crops (N,S,S,3), RGB in 0..255, to hands."""
        first, features = self.network.read(normalise(crops))
        hand = self.network.refine_net(features, first, self.decode(first).vertices)
        return self.decode(hand)

    def decode(self, hand: HandNumbers) -> HamerOutput:
        """Pose and project a hand."""
        output: HamerOutput = self.decoder(rot6d_to_matrix(hand.pose), hand.betas, hand.cam)
        return output
