"""HaMeR as a method: a picture and a box in, 21 keypoints and a mesh out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch

from hint.crop import CROP_SIZE, box_to_square, box_to_tall_square, crop_blurred
from hint.errors import InputError, MissingRequirementError
from hint.landmarks.backbone import WEIGHTS as EYE_WEIGHTS
from hint.landmarks.backbone import load_network as load_eye
from hint.mano.read import find_mano
from hint.methods.crop_method import Crop, CropMethod, Parts, random_card, sized_card, to_numpy
from hint.methods.hamer import tiny
from hint.methods.hamer.card import CARD, TINY_RANDOM, installed_weights, missing_weights
from hint.methods.hamer.config import HamerConfig
from hint.methods.hamer.load import build, choose_mano, is_released, random_network
from hint.methods.hamer.network import FOCAL_LENGTH, HamerOutput, HandInCrop
from hint.methods.hamer.precision import PRECISIONS, set_precision
from hint.methods.hamer.tiny_network import TinyHand, load_parts
from hint.types import Float, Hand, Image, ManoParameters, MethodOptions, Predictions
from hint.weights import file_sha256, read_checkpoint


class ManoCropMethod(CropMethod[HamerOutput]):
    """What both sizes of HaMeR share: MANO parameters from one crop."""

    network: HandInCrop | TinyHand

    def __init__(self, parts: Parts, options: MethodOptions) -> None:
        super().__init__(parts, options)
        self.crop_size, self.box_factor = self.network.crop_size, self.network.box_factor
        self.faces = self.network.faces

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


class HamerMethod(ManoCropMethod):
    """HaMeR with its weights loaded.

    The crop of the released evaluation is HaMeR's own, so "native" and "hamer" both ask for it; "demo" is that of the
    released demonstration (3:4 boxes, blur).
    """

    CARD = CARD
    crops: ClassVar[Mapping[str, str]] = {"native": "hamer", "hamer": "hamer", "demo": "demo"}
    precisions = PRECISIONS
    network: HandInCrop

    def __init__(self, parts: Parts, options: MethodOptions) -> None:
        super().__init__(parts, options)
        set_precision(self.network.network, options.precision)

    @classmethod
    def load(cls, options: MethodOptions) -> Parts:
        """Get the network from a file, or a small one with random weights."""
        return _random(options) if options.weights == TINY_RANDOM else _from_file(options)

    def own_crop(self, hand: Hand, image: Image) -> Crop:
        """Cut a hand out as the demonstration does; pixels of blurred crops are not rounded."""
        square = box_to_tall_square(hand.box_xyxy, self.box_factor)
        return Crop(crop_blurred(image, square, mirror=not hand.is_right, crop_size=self.crop_size), square)


class HamerTinyMethod(ManoCropMethod):
    """The small one that comes with the toolkit."""

    CARD = tiny.CARD
    crops: ClassVar[Mapping[str, str]] = {"native": "native"}
    network: TinyHand

    @classmethod
    def load(cls, options: MethodOptions) -> Parts:
        """Get the network that comes with the toolkit.

        Raises:
            InputError: If other weights are named.
        """
        if options.weights not in (None, tiny.HAMER_TINY):
            raise InputError("hamer-tiny brings its own weights; for others type: --method hamer --weights FILE")
        mano = find_mano(options.mano or "procedural")
        eye, parts = load_eye(), load_parts(tiny.WEIGHTS)
        network = TinyHand(eye, parts, mano)
        files = {"weights_sha256": file_sha256(tiny.WEIGHTS), "landmarks_sha256": file_sha256(EYE_WEIGHTS)}
        return Parts(network, sized_card(tiny.CARD, network), {**files, "mano_sha256": mano.sha256()})

    def own_crop(self, hand: Hand, image: Image) -> Crop:
        """Cut a hand out with room to turn; a picture that shrinks is blurred first."""
        square = box_to_square(hand.box_xyxy, self.box_factor)
        return Crop(crop_blurred(image, square, mirror=not hand.is_right, crop_size=self.crop_size), square)


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
    if not is_released(checkpoint, sha256):
        card = replace(card, training_data=(), weights_licence="unknown", note=f"weights {path.name}")
    return Parts(HandInCrop(network, mano), card, {"weights_sha256": sha256, "mano_sha256": mano.sha256()})


def _weights_file(name: str | None) -> Path:
    if name == tiny.HAMER_TINY:
        raise InputError("hamer-tiny is a method of its own now: type --method hamer-tiny")
    path = installed_weights() if name is None else Path(name).expanduser()
    if path is None:
        raise MissingRequirementError(f"hamer {missing_weights()}")
    return path
