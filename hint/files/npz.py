"""Read untrusted npz files: nothing is unpickled, and every error is one line."""

from __future__ import annotations

import zipfile
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import IO, Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from hint.errors import InputError, some_ids
from hint.files.bounded_npz import ZIP_ERRORS, check_header, is_zip
from hint.files.storage import opened, url_of
from hint.text_array import check_text

#: What reading a damaged file raises; a header that asks for too large an array is damage too.
_DAMAGE = (*(error for error in ZIP_ERRORS if error is not ValueError), MemoryError, OverflowError)

#: Start of a file -> what it is.
_OTHER_KINDS = {
    b"\x93NUMPY": "a single array (.npy); save arrays by name with numpy.savez",
    b"\x80": "a pickle",
    b"{": "JSON",
    b"[": "JSON",
}


def read_npz(
    path: Path, required: Collection[str] = (), largest: int | None = None, only: Collection[str] | None = None
) -> dict[str, NDArray[Any]]:
    """Read every array of an npz, or some of them.

    Args:
        path: The file.
        required: Keys it must have.
        largest: Bytes it may unpack to, None for any number.
        only: The keys to read, which it must have; None for all.

    Raises:
        InputError: If the file is missing, is not an npz, is too large, holds Python objects, or lacks a required key.
    """
    try:
        _check_file(path)
        with opened(path, whole=True) as stream:
            _check_kind(stream, path)
            _check_unpacked(stream, path, largest)
            with np.load(stream, allow_pickle=False) as file:
                held = file.files
                arrays = {key: file[key] for key in held if only is None or key in only}
    except _DAMAGE as error:
        raise InputError(f"{path} is damaged, or not readable as .npz: {error}") from error
    except (ValueError, TypeError, SyntaxError) as error:
        raise InputError(f"{path} holds something else than plain arrays; save ids with .astype(str)") from error
    other = [key for key, array in arrays.items() if not isinstance(array, np.ndarray)]
    if other:
        raise InputError(f"{path} is not a .npz file: it holds {some_ids(other)}, not only arrays")
    for key, array in arrays.items():
        try:
            check_text(array)
        except ValueError as error:
            raise InputError(f"{path} is damaged: {key}: {error}") from error
    missing = [key for key in only or required if key not in arrays]
    if missing:
        raise InputError(f"{path} lacks {', '.join(missing)}; it holds {', '.join(held) or 'nothing'}")
    return arrays


#: Kinds of dtypes of texts and of real numbers.
TEXT, NUMBER = "US", "biuf"

#: Kinds of dtypes an array may have, and its shape: sizes, letters for those that several arrays share, None for any.
Column: TypeAlias = tuple[str, tuple[int | str, ...] | None]


class Shaped(Protocol):
    """An array, or what stands for one that is still on the disk."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of its entries."""
        ...

    @property
    def shape(self) -> tuple[int, ...]:
        """Its shape."""
        ...


def require_columns(path: Path, arrays: Mapping[str, Shaped], columns: Mapping[str, Column]) -> None:
    """Refuse arrays of other types or shapes than they should have; those that are not there are not missed.

    Raises:
        InputError: If there is one; the message names it.
    """
    known: dict[int | str, int] = {}
    for name, (kinds, shape) in columns.items():
        array = arrays.get(name)
        if array is None:
            continue
        if array.dtype.kind not in kinds:
            raise InputError(f"{path}: {name} holds {array.dtype}, expected {'text' if kinds == TEXT else 'numbers'}")
        for size, expected in zip(array.shape, shape or (), strict=False):
            known.setdefault(expected, expected if isinstance(expected, int) else size)
        if shape is not None and array.shape != (sizes := tuple(known.get(size, 0) for size in shape)):
            raise InputError(f"{path}: {name} has shape {array.shape}, expected {sizes}")


def _check_unpacked(stream: IO[bytes], path: Path, largest: int | None) -> None:
    """Refuse a file that says of itself that it is too large; zipfile never unpacks more than a file says.

    Raises:
        ValueError: If the header of an array lies about it.
    """
    with zipfile.ZipFile(stream) as archive:
        size = sum(member.file_size for member in archive.infolist())
        if largest is not None and size > largest:
            raise InputError(f"{path} unpacks to {size:,} bytes, more than the {largest:,} that are read")
        for member in archive.infolist():
            with archive.open(member) as array:
                check_header(array)
    stream.seek(0)


def _check_file(path: Path) -> None:
    if url_of(path) is not None:
        return
    if path.is_dir():
        held = sorted(file.name for file in path.glob("*.npz"))
        raise InputError(f"{path} is a folder, not a .npz file{f'; it holds {some_ids(held)}' if held else ''}")
    if not path.is_file():
        raise InputError(f"{path}: no such file")


def _check_kind(stream: IO[bytes], path: Path) -> None:
    start = stream.read(64)
    if not start:
        raise InputError(f"{path} is empty, not a .npz file")
    if not start.startswith(b"PK"):
        kinds = (kind for first, kind in _OTHER_KINDS.items() if start.lstrip().startswith(first))
        raise InputError(f"{path} is not a .npz file, but {next(kinds, 'of another kind')}")
    if not is_zip(stream):
        raise InputError(f"{path} is damaged: it is not a whole .npz file; copy it again")


def as_strings(values: NDArray[Any]) -> NDArray[np.str_]:
    """Return ids as unicode, whether stored as unicode or bytes."""
    return np.char.decode(values, "utf-8") if values.dtype.kind == "S" else values.astype(np.str_)
