"""The numbers a backbone is trained in; the head, MANO and the losses stay in float32."""

from __future__ import annotations

import torch

from hint.errors import InputError
from hint.training.preset import Preset

#: Precision -> what the backbone multiplies in, None for float32.
AUTOCAST = {"fp32": None, "bf16": torch.bfloat16, "fp16": torch.float16}


def check_precision(preset: Preset, device: torch.device) -> None:
    """Refuse fp16 without a GPU.

    Raises:
        InputError: If it is asked for.
    """
    if preset.precision == "fp16" and device.type != "cuda":
        raise InputError("precision fp16 needs a GPU; on the CPU say --precision bf16 or fp32")
