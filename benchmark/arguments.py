"""Check what :func:`benchmark.evaluate.evaluate` is given, before any work."""

from __future__ import annotations

import re
from pathlib import Path

from benchmark.source import PredictedHands
from hint.errors import InputError
from hint.files.path import as_path
from hint.types import HandLabels, Method, Predictions

#: Longest name of results, characters: a name of a folder may have 255 bytes, and a protocol may be added to it.
LONGEST_NAME = 100


def check_name(name: str | None) -> None:
    """Refuse a name that cannot be that of one folder.

    Raises:
        InputError: If it is too long, has no letter or digit, or contains a slash.
    """
    if name is None:
        return
    if not isinstance(name, str) or not re.search(r"\w", name):
        raise InputError(f"name {name!r}: give one with a letter or a digit, or none")
    if len(name) > LONGEST_NAME:
        raise InputError(f"name {name[:20]}...: {len(name)} characters are too many, use at most {LONGEST_NAME}")
    if "/" in name or "\\" in name:
        raise InputError(f"name {name!r}: it is one folder in --out, so it cannot contain a slash")


def check_inputs(labels: object, given: object) -> None:
    """Refuse labels, and a method or predictions, of another type.

    Raises:
        InputError: If they are, or are in the wrong order.
    """
    if isinstance(given, HandLabels) and not isinstance(labels, HandLabels):
        raise InputError("labels come first: evaluate(labels, method_or_predictions), not the other way round")
    if not isinstance(labels, HandLabels | str | Path):
        raise InputError(f"labels must be HandLabels or a path, not {type(labels).__name__}")
    if not isinstance(given, str | Path | Predictions | PredictedHands | Method):
        raise InputError(
            "what to evaluate must be a loaded method, the name of one, Predictions, what hint.predict returned, or "
            f"a path, not {type(given).__name__}"
        )


def as_folder(out: object) -> Path | None:
    """Return where results go, None where none are written.

    Raises:
        InputError: If it is not a path.
    """
    if out is not None and not isinstance(out, str | Path):
        raise InputError(f"out must be a path or None, not {out!r}")
    return None if out is None else as_path(out)
