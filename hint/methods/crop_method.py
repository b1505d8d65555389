"""What the paper's baselines share: a network that looks at one crop per hand and never saw a left one.

A hand is cut out the method's own way ("native", as its authors publish it) or the way HaMeR's is ("hamer", twice the
longest side of the box), because the paper does not say which box it gave them. Left hands are looked at in a mirror
and carried back.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from hint.crop import Square, box_to_square, crop, to_image
from hint.errors import InputError, UnknownNameError
from hint.methods.device import choose_device, device_name, float32_math, memory_for
from hint.types import Float, Hand, Image, MethodCard, MethodOptions, Predictions
from hint.weights import Checkpoint, file_sha256, matching, read_checkpoint

Network = TypeVar("Network", bound=nn.Module)

#: Whose framing a network is given.
CROPS = ("native", "hamer")

#: How much larger than the longest side of the box HaMeR's crop is.
HAMER_FACTOR = 2.0

#: In place of a weights file: random numbers and a hand without licence, for trying things out.
RANDOM = "random"

#: Whether a precision needs a GPU.
_PRECISIONS = {"fp32": False, "tf32": True}

#: A key only the weights of one network have -> the methods that run it.
_SIGNATURES = {
    "mano_head.decpose.weight": "hamer",
    "feat_encoder.1.weight": "frankmocap",
    "grid_feat_dim.weight": "mesh-graphormer",
    "trans_encoder.0.bert.position_embeddings.weight": "metro",
    "regressor.hand_regHead.betas": "handoccnet-param or handoccnet-noparam",
}


class Crop(NamedTuple):
    """What a network is shown of a hand.

    Attributes:
        pixels: (S,S,3) RGB in 0..255, uint8 or float32; left hands mirrored.
        square: The part of the picture it shows, not mirrored; :func:`hint.crop.to_image` leads back.
    """

    pixels: Image | Float
    square: Square


class HandOutput(NamedTuple):
    """What a network says about N crops, all of them right hands.

    Attributes:
        points: (N,21,2) crop units, the crop spans -0.5 to 0.5.
        keypoints_3d: (N,21,3) metres.
        vertices: (N,778,3) metres.
    """

    points: Tensor
    keypoints_3d: Tensor
    vertices: Tensor


@dataclass(frozen=True)
class Parts:
    """A network that is ready to run, and what to say about it.

    Attributes:
        network: Maps crops (N,S,S,3), float32 RGB in 0..255, to a :class:`HandOutput`.
        card: What a reader must know.
        identity: What tells these weights and auxiliary files from others, for the fingerprint.
    """

    network: nn.Module
    card: MethodCard
    identity: dict[str, Any]


class CropMethod(ABC):
    """A baseline with its weights loaded; subclasses say how it frames a hand and where its parts come from."""

    #: Side of the crop, px.
    crop_size: int

    #: Settings the method has beside the crop.
    settings: ClassVar[tuple[str, ...]] = ()

    def __init__(self, parts: Parts, options: MethodOptions) -> None:
        self._crop_kind = crop_kind(parts.card.name, options.extra, self.settings)
        device = choose_device(options.device)
        _check_precision(options.precision, device)
        self.card = _card(parts.card, self._crop_kind)
        self.fingerprint: dict[str, Any] = {
            "version": 1,
            **parts.identity,
            "precision": options.precision,
            "crop": self._crop_kind,
        }
        self.device = device_name(device)
        self._device, self._precision = device, options.precision
        self._network = parts.network.eval().requires_grad_(False).to(device)

    @abstractmethod
    def native_crop(self, hand: Hand, image: Image) -> Crop:
        """Cut a hand out as the authors of the method do."""

    def prepare(self, hand: Hand, image: Image | None) -> Crop:
        """Cut the crop of a hand."""
        if image is None:
            raise InputError(f"{hand.hand_id}: {self.card.title} needs a picture")
        if self._crop_kind == "native":
            return self.native_crop(hand, image)
        square = box_to_square(hand.box_xyxy, HAMER_FACTOR)
        return Crop(crop(image, square, mirror=not hand.is_right, crop_size=self.crop_size), square)

    def infer(self, hands: Sequence[Hand], prepared: Sequence[Crop]) -> Predictions:
        """Predict a batch; left hands are carried back out of the mirror."""
        points, keypoints_3d, vertices = (_numpy(values) for values in self.run([c.pixels for c in prepared]))
        mirror = np.array([(1 if hand.is_right else -1, 1, 1) for hand in hands], np.float32)[:, None]
        placed = zip(points, prepared, hands, strict=True)
        return Predictions(
            np.array([hand.hand_id for hand in hands]),
            np.stack([to_image(p, cut.square, hand.is_right) for p, cut, hand in placed]),
            keypoints_3d * mirror,
            vertices * mirror,
        )

    @torch.inference_mode()
    def run(self, crops: Sequence[Image | Float]) -> HandOutput:
        """Run the network on crops (S,S,3) as :meth:`prepare` cuts them.

        Raises:
            InputError: If they do not fit into the memory of the GPU together.
        """
        with memory_for(len(crops)), float32_math(self._precision):
            pixels = torch.from_numpy(np.stack(crops)).to(self._device)
            output: HandOutput = self._network(pixels.float())
            return output


def crop_kind(name: str, extra: Mapping[str, str], settings: Iterable[str] = ()) -> str:
    """Return what ``--crop`` says.

    Args:
        name: Of the method.
        extra: What ``--set`` and ``--crop`` say.
        settings: Other settings the method has.

    Raises:
        UnknownNameError: If a setting or a crop does not exist.
    """
    known = ("crop", *settings)
    for key in extra:
        if key not in known:
            raise UnknownNameError(f"setting of {name}", key, known)
    kind = extra.get("crop", "native")
    if kind not in CROPS:
        raise UnknownNameError(f"crop of {name}", kind, CROPS)
    return kind


def load_network(
    make: Callable[[], Network], path: Path, *, method: str, ignore: Iterable[str] = ()
) -> tuple[Network, dict[str, str]]:
    """Put official weights into a network, without room for a second copy of them.

    Args:
        make: Builds the network; its parameters and persistent buffers are those of the file. Buffers that are not
            persistent must not be made here, since it is built without memory.
        path: Weights as released; keys may carry the ``module.`` of DataParallel.
        method: Name of the method, for messages.
        ignore: Beginnings of keys that may be in the file and are not needed.

    Returns:
        The network, and what tells its weights from others.

    Raises:
        InputError: If the file is damaged, or holds the weights of something else.
    """
    checkpoint = without_module(read_checkpoint(path))
    return fill(make, checkpoint, method=method, ignore=ignore), {"weights_sha256": file_sha256(path)}


def fill(make: Callable[[], Network], checkpoint: Checkpoint, *, method: str, ignore: Iterable[str] = ()) -> Network:
    """Put weights that were read into a network; see :func:`load_network`."""
    with torch.device("meta"):
        network = make()
    expected = {key: value.shape for key, value in network.state_dict().items()}
    _refuse_other_methods(checkpoint, expected, method)
    network.load_state_dict(matching(checkpoint, expected, ignore), assign=True)
    return network


def without_module(checkpoint: Checkpoint) -> Checkpoint:
    """Return weights without the prefix that training on several GPUs leaves in the keys."""
    return replace(checkpoint, state={key.removeprefix("module."): value for key, value in checkpoint.state.items()})


def _refuse_other_methods(checkpoint: Checkpoint, expected: Mapping[str, torch.Size], method: str) -> None:
    found = next((name for key, name in _SIGNATURES.items() if key in checkpoint.state), None)
    own = next((name for key, name in _SIGNATURES.items() if key in expected), None)
    if found is not None and found != own:
        raise InputError(f"{checkpoint.path}: weights of {found}, not of {method}; type: --method {found.split()[0]}")


def _card(card: MethodCard, crop: str) -> MethodCard:
    """Say in tables whose framing it was, where it is not the method's own."""
    notes = [card.note, "HaMeR's crop" if crop == "hamer" else ""]
    return replace(card, note=", ".join(note for note in notes if note))


def _check_precision(name: str, device: torch.device) -> None:
    if name not in _PRECISIONS:
        raise UnknownNameError("precision", name, _PRECISIONS)
    if _PRECISIONS[name] and device.type != "cuda":
        raise InputError(f"precision {name} needs a GPU; on the CPU there is fp32")


def _numpy(values: Tensor) -> Float:
    array: Float = values.float().cpu().numpy()
    return array
