"""HaMeR as a method: a picture and a box in, 21 keypoints and a mesh out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from hint.crop import CROP_SIZE, box_to_tall_square, crop_blurred
from hint.errors import InputError, MissingRequirementError
from hint.mano.read import find_mano
from hint.methods.crop_method import Crop, CropMethod, Parts, random_card, sized_card, to_numpy
from hint.methods.hamer import tiny
from hint.methods.hamer.card import CARD, TINY_RANDOM, installed_weights, missing_weights
from hint.methods.hamer.config import HamerConfig
from hint.methods.hamer.load import build, choose_mano, is_released, random_network
from hint.methods.hamer.network import FOCAL_LENGTH, HamerOutput, HandInCrop
from hint.methods.hamer.precision import PRECISIONS, set_precision
from hint.types import Float, Hand, Image, ManoParameters, MethodOptions, Predictions
from hint.weights import file_sha256, read_checkpoint

if TYPE_CHECKING:
    from typing_extensions import Self


class HamerMethod(CropMethod[HamerOutput]):
    """HaMeR with its weights loaded.

    The crop of the released evaluation is HaMeR's own, so "native" and "hamer" both ask for it; "demo" is that of the
    released demonstration (3:4 boxes, blur).
    """

    CARD = CARD
    crops = {"native": "hamer", "hamer": "hamer", "demo": "demo"}  # noqa: RUF012 - a ClassVar of the base
    precisions = PRECISIONS
    network: HandInCrop

    def __init__(self, parts: Parts, options: MethodOptions) -> None:
        super().__init__(parts, options)
        network = self.network.network
        set_precision(network, options.precision)
        self.crop_size, self.box_factor = network.config.crop_size, network.config.box_factor
        self.faces = self.network.faces

    @classmethod
    def load(cls, options: MethodOptions) -> Parts:
        """Get the network from a file, or a small one with random weights."""
        return _random(options) if options.weights == TINY_RANDOM else _from_file(options)

    def own_crop(self, hand: Hand, image: Image) -> Crop:
        """Cut a hand out as the demonstration does; pixels of blurred crops are not rounded."""
        square = box_to_tall_square(hand.box_xyxy, self.box_factor)
        return Crop(crop_blurred(image, square, mirror=not hand.is_right, crop_size=self.crop_size), square)

    def infer_hands(self, hands: Sequence[Hand], prepared: Sequence[Crop]) -> tuple[Predictions, ManoParameters]:
        """Predict a batch as :meth:`infer` does, and return the MANO parameters too."""
        output = self.run([cut.pixels for cut in prepared])
        names = ("global_orient", "hand_pose", "betas", "cam", "cam_t")
        outputs = {name: to_numpy(getattr(output, name)) for name in names}
        square = np.array([cut.square for cut in prepared], np.float32)
        focal_length = FOCAL_LENGTH / CROP_SIZE * square[:, 2]
        return self.place(hands, prepared, output), ManoParameters(**outputs, focal_length=focal_length, square=square)

    @torch.inference_mode()
    def pose(self, parameters: ManoParameters) -> tuple[Float, Float]:
        """Return joints (N,21,3) and vertices (N,778,3) of right hands, metres, not translated."""
        arrays = (parameters.global_orient, parameters.hand_pose, parameters.betas)
        joints, vertices = self.network.decoder.mano(*(torch.tensor(array).to(self._device) for array in arrays))
        return to_numpy(joints), to_numpy(vertices)


class HamerTinyMethod(HamerMethod):
    """The small HaMeR that comes with the toolkit."""

    @classmethod
    def create(cls, options: MethodOptions) -> Self:
        """Load it.

        Raises:
            InputError: If other weights are named.
        """
        if options.weights not in (None, tiny.HAMER_TINY):
            raise InputError("hamer-tiny brings its own weights; for others type: --method hamer --weights FILE")
        return super().create(replace(options, weights=tiny.HAMER_TINY))


def _random(options: MethodOptions) -> Parts:
    network, mano = random_network(options.seed, HamerConfig.tiny()), find_mano(options.mano or "procedural")
    identity = {"weights": TINY_RANDOM, "seed": options.seed, "mano_sha256": mano.sha256()}
    return Parts(HandInCrop(network, mano), random_card(CARD, network), identity)


def _from_file(options: MethodOptions) -> Parts:
    path = _weights_file(options.weights)
    checkpoint = read_checkpoint(path)
    network, mano = build(checkpoint), choose_mano(options.mano, checkpoint)
    card = sized_card(CARD, network)
    sha256 = file_sha256(path)
    if path == tiny.WEIGHTS:
        card = replace(tiny.CARD, parameters=card.parameters)
    elif not is_released(checkpoint, sha256):
        card = replace(card, training_data=(), weights_licence="unknown", note=f"weights {path.name}")
    return Parts(HandInCrop(network, mano), card, {"weights_sha256": sha256, "mano_sha256": mano.sha256()})


def _weights_file(name: str | None) -> Path:
    if name == tiny.HAMER_TINY:
        return tiny.WEIGHTS
    path = installed_weights() if name is None else Path(name).expanduser()
    if path is None:
        raise MissingRequirementError(f"hamer {missing_weights()}")
    return path
