"""What methods share whose encoder is HaMeR's ViT."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from typing import Any, ClassVar, NamedTuple

import torch
from torch import nn

from hint.file_hash import file_sha256, hash_ahead
from hint.mano.model import ManoModel
from hint.mano.read import find_mano
from hint.methods.crop_method import Crop, Parts, random_card, sized_card
from hint.methods.extra import read_switch
from hint.methods.hamer.load import choose_mano
from hint.methods.hamer.mano_method import ManoCropMethod
from hint.methods.hamer.network import HamerOutput, ManoNetwork
from hint.methods.hamer.precision import PRECISIONS, fastest_exact, set_compiled, set_precision
from hint.methods.official_file import RANDOM, OfficialFile
from hint.types import MethodOptions
from hint.weights import Checkpoint, read_checkpoint


class VitMethod(ManoCropMethod):
    """A method whose encoder may compute faster: in a lower precision, with other roundings, or compiled."""

    precisions = PRECISIONS
    settings: ClassVar[tuple[str, ...]] = ("compile",)

    def __init__(self, parts: Parts, options: MethodOptions) -> None:
        super().__init__(parts, options)
        network: Any = self.network.network
        set_precision(network, self._precision, self._device)
        self._is_compiled = bool(read_switch(self.CARD.name, options, "compile"))
        if self._is_compiled:
            self.fingerprint["compile"] = True
            set_compiled(network)

    def _forward(self, prepared: Sequence[Crop]) -> HamerOutput:
        """Run the network on crops, all at once; compiled, it knows a few sizes of batches, which are filled up."""
        if not self._is_compiled:
            return super()._forward(prepared)
        n, size = len(prepared), 1 << (len(prepared) - 1).bit_length()
        output = super()._forward([*prepared, *[prepared[-1]] * (size - n)])
        return replace(output, **{field.name: getattr(output, field.name)[:n] for field in fields(output)})

    @classmethod
    def best_precision(cls, network: nn.Module, device: torch.device) -> str:
        """Return the fastest precision that keeps the keypoints."""
        inner: Any = network.network
        return fastest_exact(inner, device)


class Makers(NamedTuple):
    """How a network is made.

    Attributes:
        build: Puts weights into a network.
        draw: Makes a small network with random weights from a seed.
        join: Puts a network and a hand together.
    """

    build: Callable[[Checkpoint], Any]
    draw: Callable[[int], Any]
    join: Callable[[Any, ManoModel], ManoNetwork]


class OfficialVitMethod(VitMethod):
    """A network whose weights are one file of its authors."""

    weights_file: ClassVar[OfficialFile]
    makers: ClassVar[Makers]

    @classmethod
    def load(cls, options: MethodOptions) -> Parts:
        """Get the network from a file, or a small one with random weights."""
        return cls._random(options) if options.weights == RANDOM else cls._from_file(options)

    @classmethod
    def _from_file(cls, options: MethodOptions) -> Parts:
        path = cls.weights_file.find(options, cls.CARD.name)
        hash_ahead(path)
        checkpoint = read_checkpoint(path)
        network, mano = cls.makers.build(checkpoint), choose_mano(options.mano, checkpoint)
        identity = {"weights_sha256": file_sha256(path), "mano_sha256": mano.sha256()}
        return Parts(cls.makers.join(network, mano), sized_card(cls.CARD, network), identity)

    @classmethod
    def _random(cls, options: MethodOptions) -> Parts:
        network, mano = cls.makers.draw(options.seed), find_mano(options.mano or "procedural")
        identity = {"weights": RANDOM, "seed": options.seed, "mano_sha256": mano.sha256()}
        return Parts(cls.makers.join(network, mano), random_card(cls.CARD, network), identity)
