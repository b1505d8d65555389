"""Read untrusted YAML files: plain values, no tags that build objects, no aliases; every error is one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hint.errors import InputError, MissingRequirementError
from hint.requirements import pip_command

#: Bytes; descriptions of datasets have a few hundred lines.
_LARGEST = 1 << 17


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
        # A few lines of aliases of aliases stand for billions of values.
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(content, yaml.SafeLoader)):
            raise InputError(f"{path} has aliases (*name), which descriptions of datasets do not need")
        return yaml.safe_load(content)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    except RecursionError as error:
        raise InputError(f"{path} is not readable as YAML: nested too deeply") from error
    except (yaml.YAMLError, ValueError) as error:
        raise InputError(f"{path} is not readable as YAML: {' '.join(str(error).split())}") from error
