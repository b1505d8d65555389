"""Read untrusted YAML files: plain values, no tags that build objects, no aliases; every error is one line."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from hint.errors import InputError, MissingRequirementError
from hint.requirements import pip_command

#: Bytes; descriptions of datasets have a few hundred lines.
_LARGEST = 1 << 17
#: Values in each other.
_DEEPEST = 20


def read_yaml(path: Path) -> Any:
    """Read a YAML file.

    Raises:
        InputError: If the file is missing, cannot be read, is large, is not YAML, has aliases, or is nested too deeply.
        MissingRequirementError: If PyYAML is not installed.
    """
    try:
        import yaml
    except ModuleNotFoundError as error:
        raise MissingRequirementError(f"YAML needs PyYAML: {pip_command('yolo')}") from error
    try:
        with path.open("rb") as stream:
            content = stream.read(_LARGEST + 1)
        if len(content) > _LARGEST:
            raise InputError(f"{path} is larger than 128 kB, too large for a description of a dataset")
        _check_events(yaml.parse(content, yaml.SafeLoader), yaml)
        return yaml.safe_load(content)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    except (yaml.YAMLError, ValueError) as error:
        raise InputError(f"{path} is not readable as YAML: {' '.join(str(error).split())}") from error


def _check_events(events: Iterable[Any], yaml: Any) -> None:
    """Refuse, while it is being parsed, what takes forever to read, or stands for something else than it is.

    PyYAML's time grows with the square of the depth, and a few lines of aliases of aliases are billions of values.

    Raises:
        ValueError: If there is an alias or a tag, or values are nested too deeply.
    """
    depth = 0
    for event in events:
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if isinstance(event, yaml.AliasEvent):
            raise ValueError("aliases (*name), which descriptions of datasets do not need")
        if getattr(event, "tag", None) is not None:
            raise ValueError("tags (!name), which descriptions of datasets do not need")
        if depth > _DEEPEST:
            raise ValueError("nested too deeply")
