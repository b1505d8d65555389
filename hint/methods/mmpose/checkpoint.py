"""Read weights as MMEngine writes them, without running anything that is in the file.

Such files also hold a description of the dataset (numpy arrays) and the history of the training (objects of MMEngine
that name ``getattr``). Inference needs neither: arrays are rebuilt, the rest becomes an empty object. Any other name
is refused, as :mod:`hint.weights` does.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from hint import safepickle
from hint.errors import InputError, some_ids
from hint.weights import read_checkpoint

#: numpy's types of numbers, which arrays name.
_DTYPE_CODES = "?bBhHiIlLqQefdSU"


class _Shell:
    """Takes the place of an object that inference does not need; nothing that is put into it is kept."""

    def __init__(self, *_: object) -> None:
        pass

    def __setstate__(self, state: object) -> None:
        pass


def _nothing(*_: object) -> None:
    """Take the place of ``getattr``, which would reach anything."""


def _harmless() -> list[Any]:
    """Return what the file may name besides tensors, as ``torch.serialization.safe_globals`` takes it."""
    beside: dict[str, Any] = {"mmengine.logging.history_buffer.HistoryBuffer": _Shell}
    beside |= {f"{module}.getattr": _nothing for module in ("builtins", "__builtin__")}
    beside |= {f"{module}.{name}": value for (module, name), value in safepickle.NUMPY.items()}
    types = {type(np.dtype(code)) for code in _DTYPE_CODES}
    return [*((value, name) for name, value in beside.items()), *types]


def read_state(path: Path) -> dict[str, Tensor]:
    """Read the weights in a file of MMEngine, PyTorch or safetensors.

    Raises:
        InputError: If the file is absent, cut short, no weights, or names anything weights never need.
    """
    with torch.serialization.safe_globals(_harmless()):
        state = read_checkpoint(path).state
    return {key.removeprefix("module."): value for key, value in state.items()}


def load_state(model: nn.Module, state: dict[str, Tensor], path: Path) -> None:
    """Put weights into a model; keys of MMPose 0.x are renamed by the model itself.

    Raises:
        InputError: If they are the weights of another model.
    """
    try:
        result = model.load_state_dict(state, strict=False)
    except RuntimeError as error:
        shapes = [line.strip() for line in str(error).splitlines()[1:]]
        raise InputError(f"{path}: weights of another model ({some_ids(shapes[:5])})") from error
    problems = {"missing": result.missing_keys, "unknown": result.unexpected_keys}
    listed = "; ".join(f"{kind}: {some_ids(keys)}" for kind, keys in problems.items() if keys)
    if listed:
        raise InputError(f"{path}: weights of another model ({listed})")
