"""Read records of the toolkit: JSON files that a pydantic model describes."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from hint.errors import InputError, first_problem
from hint.files.path import refuse_device

Model = TypeVar("Model", bound=BaseModel)


def read_model(model: type[Model], path: Path, what: str, origin: str = "") -> Model:
    """Read a JSON file.

    Args:
        model: What it must hold.
        path: The file.
        what: What to call that, such as "the record of a pull".
        origin: Who writes such files, for somebody who has none.

    Raises:
        InputError: If it is missing or invalid.
    """
    try:
        refuse_device(path)
        return model.model_validate_json(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}{f'; {origin}' if origin else ''}") from error
    except ValidationError as error:
        raise InputError(f"{path} is not {what}: {first_problem(error)}") from error
