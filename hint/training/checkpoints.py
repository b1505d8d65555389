"""Checkpoints: the last few states of a training, written atomically under the released keys.

A file is written by ``torch.save`` and holds tensors, numbers and strings. Its ``state_dict`` is that of a released
checkpoint without MANO's arrays, so the official code and ``--weights`` read it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from hint.errors import InputError, WriteError, first_line
from hint.files import atomic_write
from hint.files.atomic import why_not
from hint.weights import METADATA

_NAME = re.compile(r"step_(\d+)\.ckpt")


@dataclass(frozen=True)
class State:
    """All that a training needs to continue as if it had not stopped.

    Attributes:
        step: Steps done.
        weights: State dict under the released keys.
        optimisers: State dicts of the optimisers, network first.
        average: Averaged weights of the network, empty without averaging.
        scaler: State of the loss scaling, empty unless fp16.
        settings: Settings of the training, as JSON.
        metadata: Description of the weights.
    """

    step: int
    weights: dict[str, Tensor]
    optimisers: list[dict[str, Any]]
    average: dict[str, Tensor]
    scaler: dict[str, Any]
    settings: str
    metadata: dict[str, str]


def checkpoint_path(folder: Path, step: int) -> Path:
    """Return the path of the state after a number of steps."""
    return folder / f"step_{step:08d}.ckpt"


def saved_steps(folder: Path) -> list[int]:
    """Return the steps that have a checkpoint, in order."""
    names = (_NAME.fullmatch(path.name) for path in folder.glob("step_*.ckpt"))
    return sorted(int(name[1]) for name in names if name)


def save_state(state: State, folder: Path, keep: int) -> Path:
    """Write a state, then remove all but the last ``keep``.

    Raises:
        WriteError: If it cannot be written; earlier checkpoints are kept.
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
    except RuntimeError as error:  # PyTorch notices that something is missing in the file
        cause = error.__context__
        reason = why_not(cause) if isinstance(cause, OSError) else first_line(error)
        raise WriteError(f"cannot write {path}: {reason}") from error
    for step in saved_steps(folder)[:-keep]:
        checkpoint_path(folder, step).unlink(missing_ok=True)
    return path


def load_state(path: Path) -> State:
    """Read a state.

    Raises:
        InputError: If the file is damaged or not a checkpoint of :func:`save_state`.
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
    except Exception as error:  # torch raises many types for damaged files
        raise InputError(
            f"{path}: not a training checkpoint ({first_line(error)}); remove it to continue from the one before"
        ) from error
