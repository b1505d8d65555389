"""What HaMeR and the paper's baselines share: a network that looks at one crop per hand and knows right hands only.

A hand is cut out the method's own way ("native", as its authors publish it) or HaMeR's way ("hamer", twice the longest
side of the box), because the paper does not say which box the baselines were given. Left hands are mirrored before the
network sees them, and its answer is mirrored back.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, ClassVar, Generic, NamedTuple, Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from hint.apart import are_hands_apart, one_thread_each
from hint.crop import Square, box_to_square, crop, to_image
from hint.errors import InputError, UnknownNameError
from hint.methods.device import choose_device, device_name, float32_math, memory_for
from hint.methods.setup import setup_line
from hint.types import Float, Hand, Image, MethodCard, MethodOptions, Predictions

if TYPE_CHECKING:
    from typing_extensions import Self

#: How much larger than the longest side of the box HaMeR's crop is.
HAMER_FACTOR = 2.0


class Crop(NamedTuple):
    """The network's view of a hand.

    Attributes:
        pixels: (S,S,3) RGB in 0..255, uint8 or float32; left hands mirrored.
        square: The part of the picture it shows, not mirrored; :func:`hint.crop.to_image` maps back.
        beside: Numbers the network is given beside the pixels, None for networks that see nothing else.
    """

    pixels: Image | Float
    square: Square
    beside: Float | None = None


class CropOutput(Protocol):
    """What every network returns for N crops, all of them right hands."""

    @property
    def keypoints_2d(self) -> Tensor:
        """(N,21,2) crop units, the crop spans -0.5 to 0.5."""
        ...

    @property
    def keypoints_3d(self) -> Tensor:
        """(N,21,3) metres."""
        ...

    @property
    def vertices(self) -> Tensor:
        """(N,778,3) metres."""
        ...


class HandOutput(NamedTuple):
    """A :class:`CropOutput` and nothing else."""

    keypoints_2d: Tensor
    keypoints_3d: Tensor
    vertices: Tensor


Output = TypeVar("Output", bound=CropOutput)


@dataclass(frozen=True)
class Parts:
    """A network that is ready to run, and its description.

    Attributes:
        network: Maps crops (N,S,S,3), float32 RGB in 0..255, and what they have beside, to a :class:`CropOutput`.
        card: What a reader must know.
        identity: What identifies the weights and auxiliary files, for the fingerprint.
    """

    network: nn.Module
    card: MethodCard
    identity: dict[str, Any]


class CropMethod(ABC, Generic[Output]):
    """A method with its weights loaded; subclasses define how it frames a hand and where its parts come from."""

    __repr__ = setup_line

    #: Card of the method as published.
    CARD: ClassVar[MethodCard]

    #: Settings the method has beside the crop.
    settings: ClassVar[tuple[str, ...]] = ()

    #: What can be asked for with ``--crop`` -> the crop that is cut.
    crops: ClassVar[Mapping[str, str]] = {"native": "native", "hamer": "hamer"}

    #: Precision -> whether it needs a GPU.
    precisions: ClassVar[Mapping[str, bool]] = {"fp32": False, "tf32": True}

    #: Side of the crop, px.
    crop_size: int

    #: How much larger than the longest side of the box the crop "hamer" is.
    box_factor: float = HAMER_FACTOR

    def __init__(self, parts: Parts, options: MethodOptions) -> None:
        device = self._check(options)
        self._crop_kind = self._crop(options)
        self.card = _with_crop(parts.card, self._crop_kind) if self.crops["native"] == "native" else parts.card
        self.fingerprint: dict[str, Any] = {
            "version": 1,
            **parts.identity,
            "precision": options.precision,
            "crop": self._crop_kind,
        }
        self.device = device_name(device)
        self._device, self._precision = device, options.precision
        self.network = parts.network.eval().requires_grad_(False).to(device)

    @classmethod
    def create(cls, options: MethodOptions) -> Self:
        """Load the method.

        Raises:
            MissingRequirementError: If a file or the requested GPU is missing.
            InputError: If a file or a setting cannot be used.
        """
        cls._check(options)
        return cls(cls.load(options), options)

    @classmethod
    @abstractmethod
    def load(cls, options: MethodOptions) -> Parts:
        """Get the network, from files or with random weights."""

    @abstractmethod
    def own_crop(self, hand: Hand, image: Image) -> Crop:
        """Cut a hand out as the demonstrations of the method do."""

    def prepare(self, hand: Hand, image: Image | None) -> Crop:
        """Cut the crop of a hand."""
        if image is None:
            raise InputError(f"{hand.hand_id}: {self.card.title} needs a picture")
        if self._crop_kind != "hamer":
            return self.own_crop(hand, image)
        square = box_to_square(hand.box_xyxy, self.box_factor)
        return Crop(crop(image, square, mirror=not hand.is_right, crop_size=self.crop_size), square)

    def infer(self, hands: Sequence[Hand], prepared: Sequence[Crop]) -> Predictions:
        """Predict a batch; left hands are mirrored back."""
        return self.place(hands, prepared, self.run(prepared))

    def run(self, prepared: Sequence[Crop]) -> Output:
        """Run the network on crops as :meth:`prepare` cuts them.

        Raises:
            InputError: If they do not fit into the memory of the GPU together.
        """
        with memory_for(len(prepared)), float32_math(self._precision):
            if are_hands_apart() and self._device.type == "cpu" and self._precision == "fp32":
                return _joined(one_thread_each(lambda k: self._forward(prepared[k : k + 1]), len(prepared)))
            return self._forward(prepared)

    @torch.inference_mode()
    def _forward(self, prepared: Sequence[Crop]) -> Output:
        beside = [cut.beside for cut in prepared if cut.beside is not None]
        arrays = [np.stack([cut.pixels for cut in prepared]), *([np.stack(beside)] if beside else [])]
        output: Output = self.network(*(torch.from_numpy(array).to(self._device).float() for array in arrays))
        return output

    @staticmethod
    def place(hands: Sequence[Hand], prepared: Sequence[Crop], output: Output) -> Predictions:
        """Carry the network's output back from the crops to the picture."""
        points = to_numpy(output.keypoints_2d)
        mirror = np.array([(1 if hand.is_right else -1, 1, 1) for hand in hands], np.float32)[:, None]
        placed = zip(points, prepared, hands, strict=True)
        return Predictions(
            np.array([hand.hand_id for hand in hands]),
            np.stack([to_image(p, cut.square, hand.is_right) for p, cut, hand in placed]),
            to_numpy(output.keypoints_3d) * mirror,
            to_numpy(output.vertices) * mirror,
        )

    @classmethod
    def _check(cls, options: MethodOptions) -> torch.device:
        """Return the device; refuse settings, crops, devices and precisions that do not exist."""
        cls._crop(options)
        device, name = choose_device(options.device), options.precision
        if name not in cls.precisions:
            raise UnknownNameError("precision", name, cls.precisions)
        if cls.precisions[name] and device.type != "cuda":
            on_cpu = ", ".join(other for other, needs_gpu in cls.precisions.items() if not needs_gpu)
            raise InputError(f"precision {name} needs a GPU; available on the CPU: {on_cpu}")
        return device

    @classmethod
    def _crop(cls, options: MethodOptions) -> str:
        known = ("crop", *cls.settings)
        for key in options.extra:
            if key not in known:
                raise UnknownNameError(f"setting of {cls.CARD.name}", key, known)
        kind = options.extra.get("crop", "native")
        if kind not in cls.crops:
            raise UnknownNameError(f"crop of {cls.CARD.name}", kind, cls.crops)
        return cls.crops[kind]


def sized_card(card: MethodCard, network: nn.Module) -> MethodCard:
    """Return the card with the number of parameters the network has."""
    return replace(card, parameters=sum(parameter.numel() for parameter in network.parameters()))


def random_card(card: MethodCard, network: nn.Module) -> MethodCard:
    """Return the card of a method with random weights."""
    return replace(
        sized_card(card, network), weights_licence="", training_data=(), trained_on_hint=False, note="random weights"
    )


def to_numpy(values: Tensor) -> Float:
    """Return a tensor as float32 on the CPU."""
    array: Float = values.float().cpu().numpy()
    return array


def _joined(outputs: Sequence[Output]) -> Output:
    """Return the outputs of several crops as one; all their fields are tensors with a row for each crop."""
    kind: Any = type(outputs[0])
    names = kind._fields if issubclass(kind, tuple) else [f.name for f in fields(kind)]
    joined: Output = kind(**{name: torch.cat([getattr(output, name) for output in outputs]) for name in names})
    return joined


def _with_crop(card: MethodCard, crop: str) -> MethodCard:
    """Note in tables that the framing was HaMeR's, where it is not the method's own."""
    notes = [card.note, "HaMeR's crop" if crop == "hamer" else ""]
    return replace(card, note=", ".join(note for note in notes if note))
