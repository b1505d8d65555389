"""Import what is named as ``"module:attribute"`` when it is needed, from the toolkit's own packages and no others."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hint.errors import InputError

#: The packages installed beside ``hint``. Their names are common, so a folder of the user's may hide them.
SIBLINGS = ("annotation", "benchmark", "leaderboard")

_ROOT = Path(__file__).resolve().parents[1]


def load(target: str) -> Any:
    """Import an attribute.

    Args:
        target: ``"module:attribute"``.

    Raises:
        InputError: If the module's package is hidden by one of the same name.
    """
    module, _, attribute = target.partition(":")
    package = module.partition(".")[0]
    if package in SIBLINGS:
        check_package(package)
    return getattr(import_module(module), attribute)


def check_package(name: str) -> None:
    """Refuse a package of the toolkit that another one of the same name hides.

    Raises:
        InputError: If Python would import another package; the message names both places.
    """
    expected = _ROOT / name
    found = _place(name)
    if found is not None and found != expected:
        raise InputError(
            f"{found} hides the package {name} of the toolkit, {expected}: rename it, or start in another folder"
        )


def _place(name: str) -> Path | None:
    """Return the folder, or the single file, that ``import name`` would take; None where there is nothing."""
    try:
        spec = find_spec(name)
    except ValueError:  # a module that was made by hand has no spec
        return None
    if spec is None:
        return None
    if spec.submodule_search_locations:
        return Path(next(iter(spec.submodule_search_locations))).resolve()
    return Path(spec.origin).resolve() if spec.origin else None
