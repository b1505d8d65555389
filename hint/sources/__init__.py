"""Readers of the datasets that new frames are sampled from."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hint.errors import MissingRequirementError, UnknownNameError
from hint.requirements import pip_command
from hint.sources.hand import CONTACTS, LeftOut, SourceHand
from hint.sources.pool import OnProgress, Pool, in_order, silent
from hint.sources.root import nothing_there

__all__ = ["CONTACTS", "SOURCES", "LeftOut", "OnProgress", "Pool", "SourceHand", "in_order", "read_source"]


def _newdays(root: Path, clips: Path | None, pictures: bool, **options: Any) -> Pool:
    from hint.sources.hands23 import read_hands23

    return read_hands23(root, "ND", pictures=pictures, **options)


def _visor(root: Path, clips: Path | None, pictures: bool, **options: Any) -> Pool:
    from hint.sources import hands23, visor

    if hands23.is_hands23(root):
        return hands23.read_hands23(root, "EK", pictures=pictures, **options)
    if visor.is_visor(root):
        return visor.read_visor(root, **options)
    looked_for, markers = [*hands23.expected(), *visor.expected()], (*hands23.MARKERS, *visor.MARKERS)
    raise nothing_there(root, "VISOR", looked_for, lambda r: hands23.is_hands23(r) or visor.is_visor(r), markers)


def _ego4d(root: Path, clips: Path | None, pictures: bool, **options: Any) -> Pool:
    from hint.sources.ego4d import read_ego4d

    return read_ego4d(root, clips=clips, **options)


#: Name of a source -> its reader. Readers import Pillow and ijson only when called.
SOURCES: dict[str, Callable[..., Pool]] = {"newdays": _newdays, "visor": _visor, "ego4d": _ego4d}


def read_source(
    name: str,
    root: Path,
    *,
    clips: Path | None = None,
    pictures: bool = True,
    skip_broken: bool = False,
    on_progress: OnProgress = silent,
) -> Pool:
    """Read the hands of a source.

    Args:
        name: "newdays" (Hands23), "visor" (the VISOR part of Hands23, or VISOR itself) or "ego4d".
        root: Folder of the source.
        clips: Folder of Ego4D's clips, if they are not below the root.
        pictures: Whether Hands23 must have its pictures; others may always be missing.
        skip_broken: Leave out what cannot be read instead of raising an error.
        on_progress: Called with what is done and the total, in files (Hands23) or bytes.

    Raises:
        UnknownNameError: If there is no such source.
        InputError: If the root is not this source, or files are broken.
        MissingRequirementError: If a package is not installed.
    """
    if name not in SOURCES:
        raise UnknownNameError("source", name, SOURCES)
    try:
        with _without_collector():
            return SOURCES[name](root, clips, pictures, skip_broken=skip_broken, on_progress=on_progress)
    except ModuleNotFoundError as error:
        raise MissingRequirementError(f"{name} needs {error.name}: {pip_command('frames')}") from error


@contextmanager
def _without_collector() -> Iterator[None]:
    """Pause the cycle collector: readers make no cycles, and it would traverse a million hands repeatedly."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
