"""Read untrusted JSON files: every error is one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hint.errors import InputError


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        InputError: If the file is missing, cannot be read, is not JSON, or is nested too deeply.
    """
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file") from error
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    except RecursionError as error:
        raise InputError(f"{path} is not readable as JSON: nested too deeply") from error
    except ValueError as error:
        raise InputError(f"{path} is not readable as JSON: {error}") from error
