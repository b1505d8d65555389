"""HandOccNet as two methods: one returns the joints of its MANO hand, one those of its heat maps."""

from __future__ import annotations

from typing import ClassVar

import torch

from hint.errors import MissingRequirementError
from hint.file_hash import file_sha256
from hint.mano.model import ManoModel
from hint.mano.read import find_mano, installed_mano, missing_mano
from hint.methods.crop_method import Crop, CropMethod, HandOutput, Parts, random_card, sized_card
from hint.methods.handoccnet.backbone import CROP_SIZE, Config
from hint.methods.handoccnet.card import WEIGHTS, NoParam, Param
from hint.methods.handoccnet.crop import demonstration_square
from hint.methods.handoccnet.hand import HandInCrop, embedded_mano
from hint.methods.handoccnet.network import BESIDE, MANO_PREFIX, HandOccNet
from hint.methods.official_file import RANDOM
from hint.methods.official_weights import fill, without_module
from hint.methods.random_weights import draw_weights
from hint.types import Hand, Image, MethodCard, MethodOptions
from hint.weights import Checkpoint, read_checkpoint

#: Random weights: a narrow network whose heat maps have peaks, and whose hand shows its palm, fingers up.
_RANDOM_CONFIG = Config((1, 1, 1, 1), (8, 16, 32, 64), 32, (64, 64))
_RANDOM_GAINS = {"*.score.0.weight": 3.0, "*.pose_reg.weight": 0.02, "*.shape_reg.weight": 0.02}
_UPRIGHT, _STRAIGHT = (0.0, 1, 0, 0, 0, 1), (1.0, 0, 0, 0, 1, 0)


class HandOccNetMethod(CropMethod[HandOutput]):
    """HandOccNet with its weights loaded; the two methods differ in the points they return."""

    crop_size = CROP_SIZE
    own_crop_on_device = True
    shows_mano: ClassVar[bool]

    @classmethod
    def load(cls, options: MethodOptions) -> Parts:
        """Get the network from the official file, or a small one with random weights."""
        return cls._random(options) if options.weights == RANDOM else cls._from_file(options)

    def own_crop(self, hand: Hand, image: Image) -> Crop:
        """Cut a hand out as HandOccNet's demonstration does; pixels are not rounded."""
        square = demonstration_square(hand.box_xyxy, image.shape[1], image.shape[0])
        pixels = self.cutter.crop_unrounded(image, square, mirror=not hand.is_right, crop_size=CROP_SIZE)
        return Crop(pixels, square)

    @classmethod
    def _from_file(cls, options: MethodOptions) -> Parts:
        path = WEIGHTS.find(options, cls.CARD.name)
        checkpoint = without_module(read_checkpoint(path))
        network = fill(HandOccNet, checkpoint, method=cls.CARD.name, ignore=BESIDE)
        mano, card = _choose_mano(options.mano, checkpoint), sized_card(cls.CARD, network)
        return cls._parts(network, mano, card, {"weights_sha256": file_sha256(path)})

    @classmethod
    def _random(cls, options: MethodOptions) -> Parts:
        network = random_network(options.seed)
        mano, card = find_mano(options.mano or "procedural"), random_card(cls.CARD, network)
        return cls._parts(network, mano, card, {"weights": RANDOM, "seed": options.seed})

    @classmethod
    def _parts(cls, network: HandOccNet, mano: ManoModel, card: MethodCard, identity: dict[str, str | int]) -> Parts:
        return Parts(HandInCrop(network, mano, cls.shows_mano), card, identity | {"mano_sha256": mano.sha256()})


class HandOccNetParam(HandOccNetMethod):
    """HandOccNet that returns the joints of its MANO hand."""

    shows_mano = True
    CARD = Param.CARD


class HandOccNetNoParam(HandOccNetMethod):
    """HandOccNet that returns the joints of its heat maps."""

    shows_mano = False
    CARD = NoParam.CARD


def random_network(seed: int) -> HandOccNet:
    """Make a small network with random weights."""
    network = HandOccNet(_RANDOM_CONFIG)
    draw_weights(network, seed, _RANDOM_GAINS)
    with torch.no_grad():
        network.regressor.hand_regHead.betas.fill_(1.0)
        network.regressor.mano_regHead.pose_reg.bias.copy_(torch.tensor(_UPRIGHT + 15 * _STRAIGHT))
    return network


def _choose_mano(option: str | None, checkpoint: Checkpoint) -> ManoModel:
    """Return the requested hand, else an installed MANO file, else the arrays in the weights file."""
    if option is not None or installed_mano():
        return find_mano(option)
    stored = checkpoint.under(MANO_PREFIX)
    if not stored:
        raise MissingRequirementError(missing_mano())
    return embedded_mano(stored, str(checkpoint.path))
