"""WiLoR as a method: a picture and a box in, 21 keypoints and a mesh out."""

from __future__ import annotations

from typing import ClassVar

from hint.mano.read import find_mano
from hint.methods.crop_method import Parts, random_card, sized_card
from hint.methods.hamer.load import choose_mano
from hint.methods.hamer.mano_method import ManoCropMethod
from hint.methods.hamer.precision import PRECISIONS, set_precision
from hint.methods.official_file import RANDOM, OfficialFile
from hint.methods.wilor.card import CARD, WEIGHTS
from hint.methods.wilor.load import build, random_network
from hint.methods.wilor.network import WilorInCrop
from hint.types import MethodOptions
from hint.weights import file_sha256, read_checkpoint


class WilorMethod(ManoCropMethod):
    """WiLoR with its weights loaded; its own crop is that of its demonstration, which is HaMeR's (3:4 boxes, blur)."""

    CARD = CARD
    weights_file: ClassVar[OfficialFile] = WEIGHTS
    precisions = PRECISIONS
    network: WilorInCrop

    def __init__(self, parts: Parts, options: MethodOptions) -> None:
        super().__init__(parts, options)
        set_precision(self.network.network, options.precision)

    @classmethod
    def load(cls, options: MethodOptions) -> Parts:
        """Get the network from a file, or a small one with random weights."""
        return cls._random(options) if options.weights == RANDOM else cls._from_file(options)

    @classmethod
    def _from_file(cls, options: MethodOptions) -> Parts:
        path = cls.weights_file.find(options, cls.CARD.name)
        checkpoint = read_checkpoint(path)
        network, mano = build(checkpoint), choose_mano(options.mano, checkpoint)
        identity = {"weights_sha256": file_sha256(path), "mano_sha256": mano.sha256()}
        return Parts(WilorInCrop(network, mano), sized_card(cls.CARD, network), identity)

    @classmethod
    def _random(cls, options: MethodOptions) -> Parts:
        network, mano = random_network(options.seed), find_mano(options.mano or "procedural")
        identity = {"weights": RANDOM, "seed": options.seed, "mano_sha256": mano.sha256()}
        return Parts(WilorInCrop(network, mano), random_card(cls.CARD, network), identity)
