"""Read the settings of the method."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hint.errors import InputError, UnknownNameError
from hint.files.path import as_path
from hint.methods.extra import read_switch
from hint.methods.mmpose.card import DEFAULT_PRESET, PRESETS
from hint.types import AUTO, MethodOptions

_KEYS = ("preset", "config", "flip-test", "persons")


@dataclass(frozen=True)
class ModelSettings:
    """Which model runs, and how.

    Attributes:
        preset: A name of ``card.PRESETS``, "" where a config is given.
        config: Config file of the user, None for a preset.
        flip_test: Whether to average with the mirrored crop; None for the setting of the config.
        persons: Boxes of people for models that see whole bodies; None to look at whole pictures.
    """

    preset: str
    config: Path | None
    flip_test: bool | None
    persons: Path | None = None


def read_settings(options: MethodOptions) -> ModelSettings:
    """Return the settings of the method.

    Raises:
        UnknownNameError: If a setting or a preset does not exist.
        InputError: If settings contradict each other, or the precision is not the one there is.
    """
    extra = options.extra
    for key in extra:
        if key not in _KEYS:
            raise UnknownNameError("setting of mmpose", key, _KEYS)
    if options.precision not in (AUTO, "fp32"):
        raise InputError(f"mmpose runs in fp32 only, not in {options.precision}; leave out --precision")
    flip_test = read_switch("mmpose", options, "flip-test")
    persons = as_path(extra["persons"]) if "persons" in extra else None
    if "config" not in extra:
        preset = extra.get("preset", DEFAULT_PRESET)
        if preset not in PRESETS:
            raise UnknownNameError("preset of mmpose", preset, PRESETS)
        return ModelSettings(preset, None, flip_test, persons)
    if "preset" in extra:
        raise InputError("mmpose: give either --set preset=NAME or --set config=FILE")
    config = as_path(extra["config"])
    if not config.is_file():
        raise InputError(f"{config}: no such config")
    if options.weights is None:
        raise InputError(f"{config} needs weights: add --weights FILE (or --weights random to try it out)")
    return ModelSettings("", config, flip_test, persons)
