"""Checkpoints: the last few states of a training, each whole or not there, under the released keys.

A file is what ``torch.save`` writes of plain tensors, numbers and texts. Its ``state_dict`` is that of a released
checkpoint without MANO's arrays, so the official code and ``--weights`` read it as one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from hint.errors import InputError, WriteError
from hint.files import atomic_write
from hint.weights import METADATA

_NAME = re.compile(r"step_(\d+)\.ckpt")


@dataclass(frozen=True)
class State:
    """All that a training needs to go on as if it had not stopped.

    Attributes:
        step: Steps done.
        weights: State dict under the released keys.
        optimisers: State dicts of the optimisers, network first.
        average: Averaged weights of the network, empty where there are none.
        scaler: State of the loss scaling, empty but for fp16.
        settings: JSON of what the training was started with.
        metadata: What the weights alone need to be understood.
    """

    step: int
    weights: dict[str, Tensor]
    optimisers: list[dict[str, Any]]
    average: dict[str, Tensor]
    scaler: dict[str, Any]
    settings: str
    metadata: dict[str, str]


def checkpoint_path(folder: Path, step: int) -> Path:
    """Return where the state after a number of steps lies."""
    return folder / f"step_{step:08d}.ckpt"


def saved_steps(folder: Path) -> list[int]:
    """Return after which numbers of steps states were kept, in order."""
    names = (_NAME.fullmatch(path.name) for path in folder.glob("step_*.ckpt"))
    return sorted(int(name[1]) for name in names if name)


def save_state(state: State, folder: Path, keep: int) -> Path:
    """Write a state, and only then remove all but the last ``keep``.

    Raises:
        WriteError: If it cannot be written; the earlier ones are left as they are.
    """
    path = checkpoint_path(folder, state.step)
    content = {
        "state_dict": state.weights,
        "global_step": state.step,
        "optimizer_states": state.optimisers,
        "average": state.average,
        "scaler": state.scaler,
        "settings": state.settings,
        METADATA: state.metadata,
    }
    try:
        with atomic_write(path) as stream:
            torch.save(content, stream)
    except RuntimeError as error:  # PyTorch's own words for a write that failed
        raise WriteError(f"cannot write {path}: {str(error).splitlines()[0]}") from error
    for step in saved_steps(folder)[:-keep]:
        checkpoint_path(folder, step).unlink(missing_ok=True)
    return path


def load_state(path: Path) -> State:
    """Read a state.

    Raises:
        InputError: If the file is damaged or was not written by :func:`save_state`.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        return State(
            step=content["global_step"],
            weights=content["state_dict"],
            optimisers=content["optimizer_states"],
            average=content["average"],
            scaler=content["scaler"],
            settings=content["settings"],
            metadata=content[METADATA],
        )
    except Exception as error:  # whatever a damaged file makes torch raise
        said = (str(error) or type(error).__name__).splitlines()[0]
        raise InputError(
            f"{path}: no checkpoint of a training ({said}); remove it to go on from the one before"
        ) from error
