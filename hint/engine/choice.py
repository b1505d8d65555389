"""Which engine runs a command: what ``--engine`` and ``--devices`` say."""

from __future__ import annotations

from hint.engine.engine import Engine, LocalEngine
from hint.errors import UnknownNameError

#: What can be asked for with ``--engine``.
ENGINES = ("local",)


def find_engine(name: str = "local", devices: str | None = None, device: str = "auto") -> Engine:
    """Return an engine.

    Args:
        name: One of :data:`ENGINES`.
        devices: What gets a process of its own, such as "all", "4", "cuda:0,cuda:1" or "cpu*4"; None for this process.
        device: "auto", "cpu" or "cuda".

    Raises:
        UnknownNameError: If there is no such engine.
        InputError: If the devices are not there.
    """
    if name not in ENGINES:
        raise UnknownNameError("engine", name, ENGINES)
    if devices is None:
        return LocalEngine()
    from hint.engine.devices import find_places
    from hint.engine.processes import ProcessEngine

    return ProcessEngine(find_places(devices, device))
