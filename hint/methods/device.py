"""Where networks run, in which precision, and how batches get there without the GPU waiting."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import DTypeLike, NDArray
from torch import Tensor, nn

from hint.errors import InputError, MissingRequirementError
from hint.methods.setup import require_device

#: Hands a GPU computes at once at most: more are not faster, and while it computes some, the next ones are copied.
MOST_ON_GPU = 128
#: Portions of a batch for a GPU: while it computes one, the next is made ready.
_PORTIONS = 4

Item = TypeVar("Item")
Result = TypeVar("Result")
Network = TypeVar("Network", bound=nn.Module)


def choose_device(name: str) -> torch.device:
    """Return the device "auto", "cpu" or "cuda" means on this machine.

    Raises:
        UnknownNameError: If it is none of them.
        MissingRequirementError: If "cuda" is requested and not available.
    """
    require_device(name)
    has_cuda = torch.cuda.is_available()
    if name == "cuda" and not has_cuda:
        raise MissingRequirementError("no CUDA device that PyTorch can use; leave out --device, or use --device cpu")
    return torch.device("cuda" if has_cuda and name != "cpu" else "cpu")


def device_name(device: torch.device) -> str:
    """Return "cpu", or which GPU it is."""
    return f"cuda, {torch.cuda.get_device_name(device)}" if device.type == "cuda" else device.type


@contextmanager
def float32_math(precision: str) -> Iterator[None]:
    """Multiply float32 on a GPU in full precision unless "tf32" is requested; PyTorch convolves in TF32 by default."""
    before = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    torch.set_float32_matmul_precision("high" if precision == "tf32" else "highest")
    torch.backends.cudnn.allow_tf32 = precision == "tf32"
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before[0])
        torch.backends.cudnn.allow_tf32 = before[1]


def placed(network: Network, device: torch.device) -> Network:
    """Move a network to a device; on a GPU its convolutions get the layout that tensor cores read."""
    moved = network.to(device)
    return moved.to(memory_format=torch.channels_last) if device.type == "cuda" else moved


def stacked(arrays: Sequence[NDArray[Any]], device: torch.device) -> Tensor:
    """Join arrays of one shape on a device."""
    joined = staged((len(arrays), *arrays[0].shape), np.result_type(*arrays), device)
    np.stack(arrays, out=joined.numpy())
    return sent(joined, device)


def staged(shape: tuple[int, ...], dtype: DTypeLike, device: torch.device) -> Tensor:
    """Return a tensor on the CPU, of any content, to be filled and sent to a device; a GPU's stays where it is."""
    kind = torch.from_numpy(np.empty(0, dtype)).dtype
    return torch.empty(shape, dtype=kind, pin_memory=device.type == "cuda")


def sent(tensor: Tensor, device: torch.device) -> Tensor:
    """Send what was staged to a device; a GPU copies it by itself, while it computes what came before."""
    if device.type != "cuda":
        return tensor
    copying, computing = _copying(device), torch.cuda.current_stream(device)
    with torch.cuda.stream(copying):
        copied = tensor.to(device, non_blocking=True)
    computing.wait_stream(copying)
    copied.record_stream(computing)
    return copied


@cache
def _copying(device: torch.device) -> torch.cuda.Stream:
    """Return the stream of a GPU that copies."""
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]  # torch leaves it untyped


def beside(tensor: Tensor, numbers: Sequence[float]) -> Tensor:
    """Return numbers as a tensor like another; its GPU writes them, as a copy would wait for all it has yet to do."""
    return torch.stack([tensor.new_full((), number) for number in numbers])


class Portions:
    """Computes as many items at once as the memory of a device holds.

    Args:
        device: A CPU computes all at once, a GPU at most :data:`MOST_ON_GPU`.

    Attributes:
        limit: Items at once, None for all; halved whenever memory runs out.
    """

    def __init__(self, device: torch.device) -> None:
        self.limit: int | None = MOST_ON_GPU if device.type == "cuda" else None

    def compute(self, run: Callable[[Sequence[Item]], Result], items: Sequence[Item]) -> list[Result]:
        """Return the results of all portions, in order.

        Raises:
            InputError: If the memory does not suffice for one item.
        """
        results: list[Result] = []
        done = 0
        while done < len(items):
            portion = items[done:][: self.limit]
            try:
                results.append(run(portion))
                done += len(portion)
                continue
            except torch.OutOfMemoryError as error:
                if len(portion) == 1:
                    raise InputError(
                        "the GPU has no memory left for a single hand; end what else uses it, or type: --device cpu"
                    ) from error
            # Only here has the failed attempt let go of its tensors.
            torch.cuda.empty_cache()
            self.limit = len(portion) // 2
        return results

    def find_batch(self, compute: Callable[[int], object]) -> int | None:
        """Return how many items to hand over at a time: several portions; None on a CPU, which needs none.

        Args:
            compute: Computes so many items with :meth:`compute`, so that portions shrink until they fit.
        """
        if self.limit is None:
            return None
        compute(self.limit)
        return _PORTIONS * self.limit
