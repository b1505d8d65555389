"""Precision of the backbone; the head, MANO and the losses stay in float32."""

from __future__ import annotations

import torch

from hint.errors import InputError
from hint.training.preset import Preset

#: Precision -> type of the backbone's products, None for float32.
AUTOCAST = {"fp32": None, "bf16": torch.bfloat16, "fp16": torch.float16}


def check_precision(preset: Preset, device: torch.device) -> None:
    """Check that the device can train in the preset's precision.

    Raises:
        InputError: If it is fp16 and the device is no GPU.
    """
    if preset.precision == "fp16" and device.type != "cuda":
        raise InputError("precision fp16 needs a GPU; on the CPU use --precision bf16 or fp32")
