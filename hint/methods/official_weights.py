"""Put weights as their authors released them into our networks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import nn

from hint.errors import InputError
from hint.file_hash import file_sha256
from hint.files.json_file import parse_json
from hint.weights import Checkpoint, matching, read_checkpoint

Network = TypeVar("Network", bound=nn.Module)

#: A key only the weights of one network have -> the methods that run it.
_SIGNATURES = {
    "refine_net.dec_pose.weight": ("wilor",),
    "motion_module.l1.weight": ("hawor",),
    "mano_head.decpose.weight": ("hamer",),
    "feat_encoder.1.weight": ("frankmocap",),
    "grid_feat_dim.weight": ("mesh-graphormer",),
    "trans_encoder.0.bert.position_embeddings.weight": ("metro",),
    "regressor.hand_regHead.betas": ("handoccnet-param", "handoccnet-noparam"),
}


def load_network(
    make: Callable[[], Network], path: Path, *, method: str, ignore: Iterable[str] = ()
) -> tuple[Network, dict[str, str]]:
    """Put official weights into a network, without room for a second copy of them.

    Args:
        make: Builds the network; its parameters and persistent buffers are those of the file. Buffers that are not
            persistent must not be made here, since it is built without memory.
        path: Weights as released; keys may carry the ``module.`` of DataParallel.
        method: Name of the method, for messages.
        ignore: Prefixes of keys that may be in the file but are not needed.

    Returns:
        The network, and what identifies its weights.

    Raises:
        InputError: If the file is damaged, or holds the weights of something else.
    """
    checkpoint = without_module(read_checkpoint(path))
    return fill(make, checkpoint, method=method, ignore=ignore), {"weights_sha256": file_sha256(path)}


def fill(make: Callable[[], Network], checkpoint: Checkpoint, *, method: str, ignore: Iterable[str] = ()) -> Network:
    """Put weights that were read into a network; see :func:`load_network`."""
    refuse_other_methods(checkpoint, method)
    with torch.device("meta"):
        network = make()
    expected = {key: value.shape for key, value in network.state_dict().items()}
    network.load_state_dict(matching(checkpoint, expected, ignore), assign=True)
    return network


def without_module(checkpoint: Checkpoint) -> Checkpoint:
    """Return weights without the prefix that training on several GPUs leaves in the keys."""
    return replace(checkpoint, state={key.removeprefix("module."): value for key, value in checkpoint.state.items()})


def refuse_other_methods(checkpoint: Checkpoint, method: str) -> None:
    """Refuse weights that are known to be those of another method.

    Raises:
        InputError: If they are; the message names their method.
    """
    found = _methods_of(checkpoint) or (method,)
    if method not in found:
        raise InputError(
            f"{checkpoint.path}: weights of {' or '.join(found)}, not of {method}; type: --method {found[0]}"
        )


def describe_weights(path: Path) -> dict[str, str | int | dict[str, Any]]:
    """Say what a file of weights holds: method, numbers, types, sha256 and, if this toolkit trained it, how.

    Raises:
        InputError: If it holds no weights.
    """
    checkpoint = without_module(read_checkpoint(path))
    tensors = list(checkpoint.state.values())
    facts: dict[str, str | int | dict[str, Any]] = {
        "file": str(path),
        "sha256": file_sha256(path),
        "weights of": " or ".join(_methods_of(checkpoint)) or "no method of the toolkit",
        "tensors": len(tensors),
        "parameters": sum(tensor.numel() for tensor in tensors if tensor.is_floating_point()),
        "types": ", ".join(sorted({str(tensor.dtype).removeprefix("torch.") for tensor in tensors})),
    }
    if "training" in checkpoint.metadata:
        trained = _training(checkpoint)
        facts |= {name: trained[name] for name in ("step", "seed", "hands", "mano") if name in trained}
        preset = trained.get("preset")
        facts["preset"] = preset.get("id", "unknown") if isinstance(preset, dict) else "unknown"
    elif checkpoint.metadata:
        facts |= dict(checkpoint.metadata)
    return facts


def _training(checkpoint: Checkpoint) -> dict[str, Any]:
    try:
        trained = parse_json(checkpoint.metadata["training"])
    except ValueError as error:
        raise InputError(f"{checkpoint.path}: what it says of its training is not JSON; download it again") from error
    return trained if isinstance(trained, dict) else {}


def _methods_of(checkpoint: Checkpoint) -> tuple[str, ...]:
    """Return the methods that run some weights, none where they are of another network."""
    return next((methods for key, methods in _SIGNATURES.items() if key in checkpoint.state), ())
