"""Options of a method from what a user says: paths and settings of any kind become text."""

from __future__ import annotations

import os
from collections.abc import Mapping

from hint.types import MethodOptions


def method_options(
    device: str,
    precision: str,
    weights: str | os.PathLike[str] | None,
    mano: str | os.PathLike[str] | None,
    seed: int,
    settings: Mapping[str, object] | None,
) -> MethodOptions:
    """Return the options of a method that is given by its name; see :class:`hint.types.MethodOptions`."""
    extra = {key: str(value) for key, value in (settings or {}).items()}
    return MethodOptions(device, precision, _text(weights), _text(mano), seed=seed, extra=extra)


def _text(path: str | os.PathLike[str] | None) -> str | None:
    return None if path is None else os.fspath(path)
