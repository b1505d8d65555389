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

from hint import crop as on_cpu
from hint.apart import are_hands_apart, one_thread_each
from hint.crop import Square, box_to_square, to_image
from hint.errors import InputError, UnknownNameError
from hint.methods import device_crop as on_device
from hint.methods.device import Portions, choose_device, device_name, float32_math, placed, stacked
from hint.methods.device_crop import Region
from hint.methods.device_crop import cut as cut_regions
from hint.methods.setup import setup_line
from hint.types import AUTO, Float, Hand, Image, MethodCard, MethodOptions, Predictions

if TYPE_CHECKING:
    from typing_extensions import Self

Pixels = Image | Float | Region

#: How much larger than the longest side of the box HaMeR's crop is.
HAMER_FACTOR = 2.0

#: What can be asked for with ``--set crop-on=`` -> what cuts the crops.
CROP_ON: Mapping[str, Cutter] = {"cpu": on_cpu, "device": on_device}


class Cutter(Protocol):
    """What cuts squares: :mod:`hint.crop` their pixels, :mod:`hint.methods.device_crop` what a GPU cuts them from."""

    def crop(self, image: Image, square: Square, *, mirror: bool = ..., crop_size: int = ...) -> Pixels:
        """Cut a square out of a picture."""
        ...

    def crop_unrounded(self, image: Image, square: Square, *, mirror: bool = ..., crop_size: int = ...) -> Pixels:
        """Cut one with unrounded pixels."""
        ...

    def crop_blurred(self, image: Image, square: Square, *, mirror: bool = ..., crop_size: int = ...) -> Pixels:
        """Cut one, blurred where it shrinks."""
        ...


class Crop(NamedTuple):
    """The network's view of a hand.

    Attributes:
        pixels: (S,S,3) RGB in 0..255, uint8 or float32, or what the device cuts them from; left hands mirrored.
        square: The part of the picture it shows, not mirrored; :func:`hint.crop.to_image` maps back.
        beside: Numbers the network is given beside the pixels, None for networks that see nothing else.
    """

    pixels: Pixels
    square: Square
    beside: Float | None = None


class CropOutput(Protocol):
    """The dataclass of tensors every network returns for N crops, all of them right hands."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

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


@dataclass(frozen=True)
class HandOutput:
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

    #: Whether :meth:`own_crop` leaves the cutting to :attr:`cutter`, so that a device can do it.
    own_crop_on_device: ClassVar[bool] = False

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
        # What it really computes in: a run that chose a precision and one that was told it are the same.
        asked = options.precision
        self._precision = self.best_precision(parts.network, device) if asked == AUTO else asked
        self.fingerprint: dict[str, Any] = {
            "version": 1,
            **parts.identity,
            "precision": self._precision,
            "crop": self._crop_kind,
        }
        crop_on = self._crop_on(options)
        self.cutter = CROP_ON[crop_on]
        if crop_on != "cpu":
            self.fingerprint["crop_on"] = crop_on
        self.device = device_name(device)
        self._device, self._portions = device, Portions(device)
        self.network = placed(parts.network.eval().requires_grad_(False), device)

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

    @classmethod
    def best_precision(cls, network: nn.Module, device: torch.device) -> str:
        """Return the fastest precision that keeps the keypoints; the same whenever it is asked."""
        del network, device
        return "fp32"

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
        return Crop(self.cutter.crop(image, square, mirror=not hand.is_right, crop_size=self.crop_size), square)

    def infer(self, hands: Sequence[Hand], prepared: Sequence[Crop]) -> Predictions:
        """Predict a batch; left hands are mirrored back."""
        return self.place(hands, prepared, self.run(prepared))

    def run(self, prepared: Sequence[Crop]) -> Output:
        """Run the network on crops as :meth:`prepare` cuts them, in portions that fit into the memory of a GPU.

        Raises:
            InputError: If not even one fits.
        """
        with float32_math(self._precision):
            if are_hands_apart() and self._device.type == "cpu" and self._precision.startswith("fp32"):
                return joined(one_thread_each(lambda k: self._forward(prepared[k : k + 1]), len(prepared)))
            return joined(self._portions.compute(self._forward, prepared))

    @torch.inference_mode()
    def _forward(self, prepared: Sequence[Crop]) -> Output:
        """Run the network on crops, all at once."""
        regions = [cut.pixels for cut in prepared if isinstance(cut.pixels, Region)]
        pixels = [cut.pixels for cut in prepared if not isinstance(cut.pixels, Region)]
        size, device = self.crop_size, self._device
        inputs = [cut_regions(regions, size, device) if regions else stacked(pixels, device).float()]
        if beside := [cut.beside for cut in prepared if cut.beside is not None]:
            inputs.append(stacked(beside, device).float())
        output: Output = self.network(*inputs)
        return output

    def find_batch_size(self) -> int | None:
        """Return how many hands to infer together on a GPU, found by trying with black crops; None on a CPU."""
        side = self.crop_size
        blank = Hand("blank", (side / 4, side / 4, side * 3 / 4, side * 3 / 4), is_right=True)
        black = np.zeros((side, side, 3), np.uint8)
        return self._portions.find_batch(lambda n: self.run([self.prepare(blank, black)] * n))

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
        cls._crop_on(options)
        device, name = choose_device(options.device), options.precision
        if name == AUTO:
            return device
        if name not in cls.precisions:
            raise UnknownNameError("precision", name, [AUTO, *cls.precisions])
        if cls.precisions[name] and device.type != "cuda":
            on_cpu = ", ".join(other for other, needs_gpu in cls.precisions.items() if not needs_gpu)
            raise InputError(f"precision {name} needs a GPU; available on the CPU: {on_cpu}")
        return device

    @classmethod
    def _crop(cls, options: MethodOptions) -> str:
        known = ("crop", "crop-on", *cls.settings)
        for key in options.extra:
            if key not in known:
                raise UnknownNameError(f"setting of {cls.CARD.name}", key, known)
        kind = options.extra.get("crop", "native")
        if kind not in cls.crops:
            raise UnknownNameError(f"crop of {cls.CARD.name}", kind, cls.crops)
        return cls.crops[kind]

    @classmethod
    def _crop_on(cls, options: MethodOptions) -> str:
        """Return what cuts the crops; refuse settings that do not exist."""
        kind, where = cls._crop(options), options.extra.get("crop-on", "cpu")
        if where not in CROP_ON:
            raise UnknownNameError(f"crop-on of {cls.CARD.name}", where, CROP_ON)
        if where == "device" and kind == "native" and not cls.own_crop_on_device:
            raise InputError(f"the CPU cuts {cls.CARD.name}'s own crop; leave out crop-on, or add: --crop hamer")
        return where


def joined(outputs: Sequence[Output]) -> Output:
    """Join the outputs for several batches."""
    if len(outputs) == 1:
        return outputs[0]
    names = [field.name for field in fields(outputs[0])]
    return replace(outputs[0], **{name: torch.cat([getattr(part, name) for part in outputs]) for name in names})


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


def _with_crop(card: MethodCard, crop: str) -> MethodCard:
    """Note in tables that the framing was HaMeR's, where it is not the method's own."""
    notes = [card.note, "HaMeR's crop" if crop == "hamer" else ""]
    return replace(card, note=", ".join(note for note in notes if note))
