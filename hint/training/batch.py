"""The input of a training step: a batch of augmented crops and what is known about their hands."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from torch import Tensor, UntypedStorage
from torch.nn import functional
from torch.utils.data import get_worker_info

from hint.errors import InputError


def pixels(shape: tuple[int, ...]) -> Tensor:
    """Return memory for the pixels of a batch, uint8 of any content.

    A data-loading process shares it with the training process, to which torch would have to copy it otherwise.
    """
    if get_worker_info() is None:
        return torch.empty(shape, dtype=torch.uint8)
    storage: UntypedStorage = UntypedStorage._new_shared(math.prod(shape))  # type: ignore[no-untyped-call]
    return torch.empty(0, dtype=torch.uint8).set_(storage).view(shape)


#: Shape of each tensor after the batch axis; S is the side of the stored crops.
_SHAPES: dict[str, tuple[int | str, ...]] = {
    "crops": ("S", "S", 3),
    "colour": (3,),
    "keypoints_2d": (21, 3),
    "keypoints_3d": (21, 4),
    "global_orient": (1, 3, 3),
    "hand_pose": (15, 3, 3),
    "betas": (10,),
    "has_hand_pose": (),
    "has_betas": (),
    "is_right": (),
    "affine": (2, 3),
}


@dataclass(frozen=True, eq=False)
class Batch:
    """B training hands. Left hands are already mirrored: everything but ``is_right`` describes a right hand.

    Pictures are moved as uint8, the smallest form; :attr:`image` finishes them on the batch's device.

    Attributes:
        key: Name of each hand.
        crops: (B,S,S,3) uint8 RGB. With ``affine``, a larger region that is not augmented yet.
        colour: (B,3) factors on red, green and blue, not applied yet.
        keypoints_2d: (B,21,3) x and y in crop units (the square crop spans -0.5 to 0.5) and confidence.
        keypoints_3d: (B,21,4) metres, not root-aligned, rotated with the crop, and confidence.
        global_orient: (B,1,3,3) rotation of the wrist, rotated with the crop; absolute.
        hand_pose: (B,15,3,3) rotations of the finger joints; absolute: they include the mean pose.
        betas: (B,10) shape.
        has_hand_pose: (B,) bool, True where ``global_orient`` and ``hand_pose`` are supervised.
        has_betas: (B,) bool, True where ``betas`` are.
        is_right: (B,) bool, side before mirroring.
        affine: None if crops are finished; else (B,2,3) maps from the finished crop to the stored one, both spanning
            -1 to 1.
        size: Side of the finished crop, px; S without ``affine``.
        skipped: Why samples were unreadable and replaced, one entry each.
    """

    key: tuple[str, ...]
    crops: Tensor
    colour: Tensor
    keypoints_2d: Tensor
    keypoints_3d: Tensor
    global_orient: Tensor
    hand_pose: Tensor
    betas: Tensor
    has_hand_pose: Tensor
    has_betas: Tensor
    is_right: Tensor
    affine: Tensor | None = None
    size: int = 0
    skipped: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        side = self.crops.shape[1] if self.crops.ndim == 4 else -1
        for name, shape in _SHAPES.items():
            tensor = getattr(self, name)
            expected = (len(self.key), *(side if length == "S" else length for length in shape))
            if tensor is not None and tuple(tensor.shape) != expected:
                raise InputError(f"{name} of a batch has shape {tuple(tensor.shape)}, expected {expected}")

    def __len__(self) -> int:
        return len(self.key)

    @property
    def image(self) -> Tensor:
        """(B,S,S,3) float32 RGB in 0..255, augmented; what :func:`hint.methods.hamer.network.normalise` takes."""
        pixels = self.crops.float()
        if self.affine is not None:
            grid = functional.affine_grid(self.affine, [len(self), 3, self.size, self.size], align_corners=False)
            moved = functional.grid_sample(pixels.permute(0, 3, 1, 2), grid, align_corners=False)
            pixels = moved.permute(0, 2, 3, 1)
        return (pixels * self.colour[:, None, None]).clamp(0, 255)

    def __reduce__(self) -> tuple[Any, ...]:
        """Send small tensors to another process as they are; torch shares memory for each, which takes it longer."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        tensors = {name: v for name, v in values.items() if isinstance(v, Tensor) and name != "crops"}
        small = {name: v.numpy() for name, v in tensors.items() if v.device.type == "cpu"}
        return _received, (values | small,)

    def _map(self, change: Callable[[Tensor], Tensor], **others: Any) -> Batch:
        values: dict[str, Any] = {f.name: getattr(self, f.name) for f in fields(self)} | others
        tensors: dict[str, Any] = {name: change(v) for name, v in values.items() if isinstance(v, Tensor)}
        return Batch(**(values | tensors))

    def to(self, device: torch.device | str, non_blocking: bool = False) -> Batch:
        """Return the batch on a device."""
        return self._map(lambda tensor: tensor.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> Batch:
        """Return the batch in memory that a GPU copies from by itself; called by torch's loader."""
        return self._map(Tensor.pin_memory)

    def select(self, index: slice | Tensor) -> Batch:
        """Return the hands a slice, an index tensor or a mask picks."""
        if isinstance(index, slice):
            return self._map(lambda tensor: tensor[index], key=self.key[index])
        chosen = torch.arange(len(self))[index.cpu()].tolist()
        where = torch.tensor(chosen, dtype=torch.long)
        return self._map(lambda tensor: tensor[where.to(tensor.device)], key=tuple(self.key[i] for i in chosen))


def _received(values: dict[str, Any]) -> Batch:
    arrays = {name: torch.from_numpy(v) for name, v in values.items() if isinstance(v, np.ndarray)}
    return Batch(**(values | arrays))
