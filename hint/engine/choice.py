"""Which engine runs a command: what ``--engine`` and ``--devices`` say."""

from __future__ import annotations

import re

from hint.engine.engine import Engine, LocalEngine
from hint.errors import InputError, UnknownNameError

#: What can be asked for with ``--engine``.
ENGINES = ("local", "ray")


def find_engine(name: str = "local", devices: str | None = None, device: str = "auto") -> Engine:
    """Return an engine.

    Args:
        name: One of :data:`ENGINES`.
        devices: What gets a process of its own, such as "all", "4", "cuda:0,cuda:1" or "cpu*4"; None for this process,
            or for all that a cluster has.
        device: "auto", "cpu" or "cuda".

    Raises:
        UnknownNameError: If there is no such engine.
        InputError: If the devices are not there.
    """
    if name not in ENGINES:
        raise UnknownNameError("engine", name, ENGINES)
    if name == "ray":
        return _ray(devices, device)
    if devices is None:
        return LocalEngine()
    from hint.engine.devices import find_places
    from hint.engine.processes import ProcessEngine

    return ProcessEngine(find_places(devices, device))


def _ray(devices: str | None, device: str) -> Engine:
    from hint.engine.ray_engine import RayEngine

    match = re.fullmatch(r"(?:(cpu|cuda)\*)?([1-9][0-9]{0,5})", devices or "1")
    if match is None and devices != "all":
        raise InputError(f"--devices {devices}: with --engine ray write all, a number, cpu*4 or cuda*4")
    kind, number = match.groups() if match else (None, None)
    wanted = kind or (device if device != "auto" else None)
    return RayEngine(int(number) if devices and number else None, wanted)
