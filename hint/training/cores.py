"""Which share of a machine's cores a training process has, and what it uses them for."""

from __future__ import annotations

import os
import re
import sys

from hint.errors import InputError, shown

#: Most data-loading processes of one GPU; more wait for each other's memory.
_MOST = 16

#: One more than the most processes of a training.
_MOST_PROCESSES = 100_001


def launched_processes() -> int | None:
    """Return how many processes torchrun or the like started on all machines; None if nothing did.

    Raises:
        InputError: If the environment does not say it.
    """
    return number_of("WORLD_SIZE", 1, range(1, _MOST_PROCESSES)) if "RANK" in os.environ else None


def number_of(variable: str, otherwise: int, allowed: range) -> int:
    """Return a number that the environment names.

    Args:
        variable: Its name.
        otherwise: The number where it is not set.
        allowed: What it may be.

    Raises:
        InputError: If it is something else.
    """
    text = os.environ.get(variable, str(otherwise))
    if not re.fullmatch(r"[0-9]{1,9}", text) or int(text) not in allowed:
        limits = f"a number from {allowed.start} to {allowed.stop - 1}"
        advice = "start hint train by torchrun or accelerate launch, or unset RANK"
        raise InputError(f"{variable}={shown(text)} must be {limits}; {advice}")
    return int(text)


def cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def cores_per_process(processes: int = 1) -> int:
    """Return the cores for each training process of this machine.

    Args:
        processes: Their number, where the environment does not say it.
    """
    local = number_of("LOCAL_WORLD_SIZE", 1, range(1, _MOST_PROCESSES)) if launched_processes() else processes
    return max(cores() // local, 1)


def default_workers(device: str, processes: int = 1) -> int:
    """Return how many processes load data for one training process.

    On a GPU all its cores but one, 1 to 16. On a CPU the network needs the cores: one, none if there is one core.

    Args:
        device: "cuda" or "cpu".
        processes: Training processes of this machine, where the environment does not say it.
    """
    spare = cores_per_process(processes) - 1
    return min(max(spare, 1), _MOST) if device == "cuda" else min(spare, 1)
