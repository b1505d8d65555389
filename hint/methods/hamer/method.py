"""HaMeR as a method: a picture and a box in, 21 keypoints and a mesh out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from hint.crop import box_to_square
from hint.errors import InputError, MissingRequirementError
from hint.file_hash import file_sha256, hash_ahead
from hint.files.path import as_path
from hint.landmarks.backbone import WEIGHTS as EYE_WEIGHTS
from hint.landmarks.backbone import load_network as load_eye
from hint.mano.read import find_mano
from hint.methods.crop_method import Crop, Parts, random_card, sized_card
from hint.methods.hamer import tiny
from hint.methods.hamer.card import CARD, TINY_RANDOM, installed_weights, missing_weights
from hint.methods.hamer.config import HamerConfig
from hint.methods.hamer.load import build, choose_mano, is_released, random_network
from hint.methods.hamer.mano_method import ManoCropMethod
from hint.methods.hamer.network import Hamer, HandInCrop
from hint.methods.hamer.tiny_network import TinyHand, load_parts
from hint.methods.hamer.vit_method import VitMethod
from hint.types import Hand, Image, MethodCard, MethodOptions
from hint.weights import Checkpoint, read_checkpoint


class HamerMethod(VitMethod):
    """HaMeR with its weights loaded.

    The crop of the released evaluation is HaMeR's own, so "native" and "hamer" both ask for it; "demo" is that of the
    released demonstration (3:4 boxes, blur).
    """

    CARD = CARD
    crops: ClassVar[Mapping[str, str]] = {"native": "hamer", "hamer": "hamer", "demo": "demo"}
    network: HandInCrop

    @classmethod
    def load(cls, options: MethodOptions) -> Parts:
        """Get the network from a file, or a small one with random weights."""
        return cls._random(options) if options.weights == TINY_RANDOM else cls._from_file(options)

    @classmethod
    def weights_path(cls, options: MethodOptions) -> Path:
        """Return the named file, else the released one in the usual places.

        Raises:
            InputError: If hamer-tiny is named.
            MissingRequirementError: If there is none.
        """
        if options.weights == tiny.HAMER_TINY:
            raise InputError("hamer-tiny is a method of its own now: type --method hamer-tiny")
        path = installed_weights() if options.weights is None else as_path(options.weights)
        if path is None:
            raise MissingRequirementError(f"hamer {missing_weights()}")
        return path

    @classmethod
    def describe(cls, network: Hamer, checkpoint: Checkpoint, sha256: str) -> MethodCard:
        """Return the card of the released weights, or that of weights of unknown origin."""
        card = sized_card(CARD, network)
        if is_released(checkpoint, sha256):
            return card
        return replace(
            card,
            training_data=(),
            trained_on_hint=None,
            weights_licence="unknown",
            note=f"weights {checkpoint.path.name}",
        )

    @classmethod
    def _from_file(cls, options: MethodOptions) -> Parts:
        path = cls.weights_path(options)
        hash_ahead(path)
        checkpoint = read_checkpoint(path)
        network, mano = build(checkpoint), choose_mano(options.mano, checkpoint)
        sha256 = file_sha256(path)
        identity = {"weights_sha256": sha256, "mano_sha256": mano.sha256()}
        return Parts(HandInCrop(network, mano), cls.describe(network, checkpoint, sha256), identity)

    @classmethod
    def _random(cls, options: MethodOptions) -> Parts:
        network, mano = random_network(options.seed, HamerConfig.tiny()), find_mano(options.mano or "procedural")
        identity = {"weights": TINY_RANDOM, "seed": options.seed, "mano_sha256": mano.sha256()}
        return Parts(HandInCrop(network, mano), random_card(cls.CARD, network), identity)


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
        pixels = self.cutter.crop_blurred(image, square, mirror=not hand.is_right, crop_size=self.crop_size)
        return Crop(pixels, square)
