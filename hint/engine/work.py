"""Who does the work of a run over many hands: the argument ``work`` of ``hint.evaluate`` and its like."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from hint.engine.engine import Engine, LocalEngine
from hint.errors import InputError, UnknownNameError, check_numbers, shown
from hint.files.path import as_path

#: What can be asked for with ``--engine``.
ENGINES = ("local", "ray")

#: What can be asked for with ``--devices`` of a cluster, besides "all".
_OF_CLUSTER = re.compile(r"(?:(cpu|cuda)\*)?([1-9][0-9]{0,5})")


@dataclass(frozen=True)
class Work:
    """Who does the work of a run over many hands, and how much of it at a time.

    The results are the same, whoever does it: on the CPU in fp32 to the last byte. A script that is to use ``devices``
    does so under ``if __name__ == "__main__":``, since each process reads the script again.

    Attributes:
        engine: "local", this machine, or "ray", a Ray cluster.
        devices: What gets a process of its own: "all", a number, "cuda:0,cuda:1" or "cpu*4"; None for this process, on
            a cluster for all that it has. Processes load the method themselves, so it must be given by its name.
        parts: Folder or URL for what workers write meanwhile, where not all of them see the folder of the results.
        batch_size: Hands per forward pass; None for 16, on a GPU for as many as its memory suggests.
        workers: Threads that read and crop pictures, of each process.

    Raises:
        InputError: If an attribute is of another type, or a number too small.
        UnknownNameError: If there is no such engine.
    """

    engine: str = "local"
    devices: str | int | None = None
    parts: str | os.PathLike[str] | None = None
    batch_size: int | None = None
    workers: int = 2

    def __post_init__(self) -> None:
        if self.engine not in ENGINES:
            raise UnknownNameError("engine", self.engine, ENGINES)
        if not isinstance(self.devices, str | int | None):
            raise InputError(f'devices must be a number or a text such as "all" or "cpu*4", not {shown(self.devices)}')
        if self.parts is not None:
            as_path(self.parts)
        check_numbers(1, batch_size=1 if self.batch_size is None else self.batch_size, workers=self.workers)

    @property
    def parts_path(self) -> Path | None:
        """Where workers write meanwhile; None for beside the results."""
        return None if self.parts is None else as_path(self.parts)

    def find_engine(self, device: str = "auto") -> Engine:
        """Return what runs the work.

        Args:
            device: "auto", "cpu" or "cuda": what devices are where only their number is said.

        Raises:
            InputError: If the devices are not there.
        """
        devices = None if self.devices is None else str(self.devices)
        if self.engine == "ray":
            return _ray(devices, device)
        if devices is None:
            return LocalEngine()
        from hint.engine.devices import find_places
        from hint.engine.processes import ProcessEngine

        return ProcessEngine(find_places(devices, device))


#: One process, this one.
HERE = Work()


def require_work(work: object) -> None:
    """Refuse what does not say who works.

    Raises:
        InputError: If it is no :class:`Work`.
    """
    if not isinstance(work, Work):
        raise InputError(f'work must be a hint.Work, such as hint.Work(devices="cpu*4"), not {shown(work)}')


def _ray(devices: str | None, device: str) -> Engine:
    from hint.engine.ray_engine import RayEngine

    match = _OF_CLUSTER.fullmatch(devices or "1")
    if match is None and devices != "all":
        raise InputError(f"--devices {devices}: with --engine ray write all, a number, cpu*4 or cuda*4")
    kind, number = match.groups() if match else (None, None)
    wanted = kind or (device if device != "auto" else None)
    return RayEngine(int(number) if devices and number else None, wanted)
