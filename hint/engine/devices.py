"""What ``--devices`` names: GPUs, or groups of cores, each of which gets a process of its own."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass

from hint.errors import InputError

#: Cores of a group where nobody said how many groups there should be.
_CORES_OF_A_GROUP = 4
#: Most processes of one machine.
_MOST = 1024

_ONE = re.compile(r"(?P<kind>cpu|cuda)(?::(?P<number>[0-9]{1,6}))?(?:\*(?P<times>[1-9][0-9]{0,5}))?")


@dataclass(frozen=True)
class Place:
    """Where a process computes.

    Attributes:
        gpu: Number of its GPU among those this process sees, None for the CPU.
        threads: Cores it may use.
    """

    gpu: int | None
    threads: int

    @property
    def device(self) -> str:
        """What methods call it; a process sees no other GPU."""
        return "cpu" if self.gpu is None else "cuda"

    def environment(self) -> dict[str, str]:
        """Return the variables to set before anything that computes is imported."""
        threads = str(self.threads)
        variables = {"OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads}
        if self.gpu is None:
            return variables
        seen = os.environ.get("CUDA_VISIBLE_DEVICES", "")
        names = seen.split(",") if seen else []
        return variables | {"CUDA_VISIBLE_DEVICES": names[self.gpu] if self.gpu < len(names) else str(self.gpu)}


def find_places(text: str, device: str = "auto") -> list[Place]:
    """Read ``--devices``.

    Args:
        text: "all", a number, or a list such as "cuda:0,cuda:2" or "cpu*4".
        device: "auto", "cpu" or "cuda": of what kind "all" and a number are.

    Raises:
        InputError: If it is malformed, or there are not as many GPUs.
    """
    gpus = 0 if device == "cpu" else _gpus()
    if device == "cuda" and not gpus:
        raise InputError("--device cuda: PyTorch finds no GPU here")
    if text == "all":
        return _places([*range(gpus)] or [None] * max(_cores() // _CORES_OF_A_GROUP, 1))
    if re.fullmatch(r"[1-9][0-9]{0,5}", text):
        if int(text) > gpus > 0:
            raise InputError(f"--devices {text}: there are {gpus} GPUs; for processes on the CPU type cpu*{text}")
        return _places([*range(int(text))] if gpus else [None] * _few(int(text), text))
    chosen: list[int | None] = []
    for item in text.split(","):
        match = _ONE.fullmatch(item.strip())
        if match is None or (match["kind"] == "cpu" and match["number"]) or (match["number"] and match["times"]):
            raise InputError(f"--devices {text}: write all, a number, cuda:0,cuda:1 or cpu*4")
        times = int(match["times"] or 1)
        _few(len(chosen) + times, text)
        chosen += [None if match["kind"] == "cpu" else int(match["number"] or 0)] * times
    absent = sorted({gpu for gpu in chosen if gpu is not None and gpu >= gpus})
    if absent:
        raise InputError(f"--devices {text}: there are {gpus} GPUs, numbered from 0")
    return _places(chosen)


def _few(number: int, text: str) -> int:
    """Return a number of processes that one machine can have."""
    if number > _MOST:
        raise InputError(f"--devices {text}: at most {_MOST:,} processes of one machine")
    return number


def _places(gpus: list[int | None]) -> list[Place]:
    threads = max(_cores() // max(len(gpus), 1), 1)
    return [Place(gpu, threads) for gpu in gpus]


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def _gpus() -> int:
    """Return the number of GPUs that PyTorch can use."""
    from hint.requirements import missing_packages

    if missing_packages(("torch",), "models"):
        return 0
    import torch

    return torch.cuda.device_count()
