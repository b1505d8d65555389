"""Read untrusted npz files: nothing is unpickled, and every error is one line."""

from __future__ import annotations

import zipfile
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hint.errors import InputError


def read_npz(path: Path, required: Collection[str] = ()) -> dict[str, NDArray[Any]]:
    """Read every array of an npz.

    Raises:
        InputError: If the file is missing, is not an npz, holds Python objects, or lacks a required key.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    try:
        with np.load(path, allow_pickle=False) as file:
            if not isinstance(file, np.lib.npyio.NpzFile):
                raise InputError(f"{path} is a single array, expected an npz with {', '.join(required)}")
            arrays = {key: file[key] for key in file.files}
    except (zipfile.BadZipFile, EOFError, OSError) as error:
        raise InputError(f"{path} is not a readable .npz: {error}") from error
    except ValueError as error:
        raise InputError(f"{path} is not a plain .npz ({error}); save ids with .astype(str)") from error
    missing = [key for key in required if key not in arrays]
    if missing:
        raise InputError(f"{path} lacks {', '.join(missing)}; it holds {', '.join(arrays) or 'nothing'}")
    return arrays


def as_strings(values: NDArray[Any]) -> NDArray[np.str_]:
    """Return ids as unicode, whether stored as unicode or bytes."""
    return np.char.decode(values, "utf-8") if values.dtype.kind == "S" else values.astype(np.str_)
