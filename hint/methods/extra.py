"""Read the settings of a method, ``--set key=value`` on the command line."""

from __future__ import annotations

import math
from collections.abc import Mapping

from hint.errors import InputError, UnknownNameError
from hint.types import MethodOptions

_SWITCH = {"0": False, "false": False, "1": True, "true": True}


def read_numbers(method: str, options: MethodOptions, defaults: Mapping[str, float]) -> dict[str, float]:
    """Return the numeric settings of a method, each as given or its default.

    Args:
        method: Name of the method, for messages.
        options: Its ``extra`` is read; hyphens stand for underscores.
        defaults: Every setting the method knows.

    Raises:
        UnknownNameError: If a key is not in ``defaults``.
        InputError: If a value is not a finite number.
    """
    given = {key.replace("-", "_"): value for key, value in options.extra.items()}
    for key in given:
        if key not in defaults:
            raise UnknownNameError(f"setting of {method}", key, defaults or ["(it has none)"])
    return {key: _number(method, key, given.get(key, default)) for key, default in defaults.items()}


def read_switch(method: str, options: MethodOptions, key: str) -> bool | None:
    """Return whether a setting is on, None where it is not given.

    Raises:
        InputError: If it is neither on nor off.
    """
    value = options.extra.get(key)
    if value is None:
        return None
    if value.lower() not in _SWITCH:
        raise InputError(f"{method}: {key}={value}: must be 1 or 0")
    return _SWITCH[value.lower()]


def _number(method: str, key: str, value: str | float) -> float:
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise InputError(f"{method}: {key}={value} is not a number")
    return number
