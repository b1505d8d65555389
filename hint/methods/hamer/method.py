"""HaMeR as a method: a picture and a box in, 21 keypoints and a mesh out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from hint.crop import CROP_SIZE, Square, box_to_square, box_to_tall_square, crop, crop_blurred, to_image
from hint.errors import InputError, MissingRequirementError, UnknownNameError
from hint.mano.model import ManoModel
from hint.mano.read import find_mano
from hint.methods.device import choose_device, device_name, float32_math, memory_for
from hint.methods.hamer import tiny
from hint.methods.hamer.card import CARD, TINY_RANDOM, installed_weights, missing
from hint.methods.hamer.config import HamerConfig
from hint.methods.hamer.load import build, choose_mano, is_released, random_network
from hint.methods.hamer.network import FOCAL_LENGTH, Hamer, HamerOutput, HandDecoder, normalise
from hint.methods.hamer.precision import check_precision, set_precision
from hint.types import Float, Hand, Image, ManoParameters, MethodCard, MethodOptions, Predictions
from hint.weights import file_sha256, read_checkpoint

if TYPE_CHECKING:
    from typing_extensions import Self

#: Ways to cut a crop: as the released evaluation does, which is HaMeR's own way and so has both names that the other
#: methods know, or as its demonstration does (3:4 boxes, blur).
CROPS = {"native": "hamer", "hamer": "hamer", "demo": "demo"}


@dataclass(frozen=True)
class _Source:
    """A network, its hand, and what to say about them."""

    network: Hamer
    mano: ManoModel
    card: MethodCard
    identity: dict[str, Any]


class HamerMethod:
    """HaMeR with its weights loaded.

    Args:
        source: Network and hand.
        device: Where to compute.
        precision: In what numbers, a name of ``precision.PRECISIONS``.
        crop_kind: "hamer" or "demo".
    """

    def __init__(self, source: _Source, device: torch.device, precision: str, crop_kind: str) -> None:
        self.card = source.card
        self.fingerprint: dict[str, Any] = {
            "version": 1,
            **source.identity,
            "mano_sha256": source.mano.sha256(),
            "precision": precision,
            "crop": crop_kind,
        }
        self.device = device_name(device)
        self._device, self._precision, self._crop_kind = device, precision, crop_kind
        set_precision(source.network, precision)
        self._network = source.network.to(device)
        self._crop_size, self._box_factor = source.network.config.crop_size, source.network.config.box_factor
        self.faces = source.mano.faces
        self._decoder = HandDecoder(source.mano, self._crop_size).to(device)

    @classmethod
    def create(cls, options: MethodOptions) -> Self:
        """Load HaMeR.

        Raises:
            MissingRequirementError: If weights, MANO or a GPU that was asked for is missing.
            InputError: If weights, MANO or a setting cannot be used.
        """
        crop_kind = _crop_kind(options.extra)
        device = choose_device(options.device)
        check_precision(options.precision, device)
        source = _random(options) if options.weights == TINY_RANDOM else _from_file(options)
        return cls(source, device, options.precision, crop_kind)

    def prepare(self, hand: Hand, image: Image | None) -> Image | Float:
        """Cut the crop (S,S,3): uint8, or float32 for the demonstration's, which is not rounded."""
        if image is None:
            raise InputError(f"{hand.hand_id}: HaMeR needs a picture")
        cut = crop if self._crop_kind == "hamer" else crop_blurred
        return cut(image, self._square(hand), mirror=not hand.is_right, crop_size=self._crop_size)

    def infer(self, hands: Sequence[Hand], prepared: Sequence[Image | Float]) -> Predictions:
        """Predict a batch; left hands are carried back out of the mirror."""
        return self.infer_hands(hands, prepared)[0]

    def infer_hands(
        self, hands: Sequence[Hand], prepared: Sequence[Image | Float]
    ) -> tuple[Predictions, ManoParameters]:
        """Predict a batch as :meth:`infer` does, and say what MANO was posed with."""
        output = self.run(prepared)
        squares = [self._square(hand) for hand in hands]
        points = _numpy(output.keypoints_2d)
        mirror = np.array([(1 if hand.is_right else -1, 1, 1) for hand in hands], np.float32)[:, None]
        predictions = Predictions(
            np.array([hand.hand_id for hand in hands]),
            np.stack([to_image(p, s, hand.is_right) for p, s, hand in zip(points, squares, hands, strict=True)]),
            _numpy(output.keypoints_3d) * mirror,
            _numpy(output.vertices) * mirror,
        )
        names = ("global_orient", "hand_pose", "betas", "cam", "cam_t")
        said = {name: _numpy(getattr(output, name)) for name in names}
        square = np.array(squares, np.float32)
        focal_length = FOCAL_LENGTH / CROP_SIZE * square[:, 2]
        return predictions, ManoParameters(**said, focal_length=focal_length, square=square)

    @torch.inference_mode()
    def pose(self, parameters: ManoParameters) -> tuple[Float, Float]:
        """Return joints (N,21,3) and vertices (N,778,3) of right hands, metres, not translated."""
        arrays = (parameters.global_orient, parameters.hand_pose, parameters.betas)
        joints, vertices = self._decoder.mano(*(torch.tensor(array).to(self._device) for array in arrays))
        return _numpy(joints), _numpy(vertices)

    @torch.inference_mode()
    def run(self, crops: Sequence[Image | Float]) -> HamerOutput:
        """Run the network on crops as :meth:`prepare` returns them; everything as the network says it.

        Raises:
            InputError: If they do not fit into the memory of the GPU together.
        """
        with memory_for(len(crops)), float32_math(self._precision):
            pixels = torch.from_numpy(np.stack(crops)).to(self._device)
            output: HamerOutput = self._decoder(*self._network(normalise(pixels)))
            return output

    def _square(self, hand: Hand) -> Square:
        square = box_to_square if self._crop_kind == "hamer" else box_to_tall_square
        return square(hand.box_xyxy, self._box_factor)


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


def _crop_kind(extra: dict[str, str]) -> str:
    for key in extra:
        if key != "crop":
            raise UnknownNameError("setting of hamer", key, ["crop"])
    kind = extra.get("crop", "native")
    if kind not in CROPS:
        raise UnknownNameError("crop of hamer", kind, CROPS)
    return CROPS[kind]


def _random(options: MethodOptions) -> _Source:
    network = random_network(options.seed, HamerConfig.tiny())
    card = replace(
        CARD,
        weights_licence="",
        training_data=(),
        parameters=sum(p.numel() for p in network.parameters()),
        note="random weights",
    )
    identity = {"weights": TINY_RANDOM, "seed": options.seed}
    return _Source(network, find_mano(options.mano or "procedural"), card, identity)


def _from_file(options: MethodOptions) -> _Source:
    path = _weights_file(options.weights)
    checkpoint = read_checkpoint(path)
    network, mano = build(checkpoint), choose_mano(options.mano, checkpoint)
    card = replace(CARD, parameters=sum(p.numel() for p in network.parameters()))
    sha256 = file_sha256(path)
    if path == tiny.WEIGHTS:
        card = replace(tiny.CARD, parameters=card.parameters)
    elif not is_released(checkpoint, sha256):
        card = replace(card, training_data=(), weights_licence="unknown", note=f"weights {path.name}")
    return _Source(network, mano, card, {"weights_sha256": sha256})


def _weights_file(name: str | None) -> Path:
    if name == tiny.HAMER_TINY:
        return tiny.WEIGHTS
    path = installed_weights() if name is None else Path(name).expanduser()
    if path is None:
        raise MissingRequirementError(f"hamer {missing()}")
    return path


def _numpy(values: torch.Tensor) -> NDArray[np.float32]:
    array: NDArray[np.float32] = values.float().cpu().numpy()
    return array
