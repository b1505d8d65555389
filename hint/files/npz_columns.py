"""Columns of npz files, a few rows at a time: what is larger than memory is read and written all the same.

``numpy.savez`` does not compress, so the rows of an array lie one after the other at a place that is known.
"""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray

from hint.errors import InputError
from hint.files.atomic import atomic_write
from hint.files.bounded_npz import ZIP_ERRORS

#: Its functions have no types.
_NPY: Any = npy_format

#: Of a member of an archive: the bytes before its name, at whose end are the lengths of the name and of what follows.
_MEMBER, _LENGTHS = 30, struct.Struct("<HH")


def mapped(path: Path) -> dict[str, NDArray[Any]]:
    """Return the arrays of an npz, read-only; rows are read from the disk when they are looked at.

    What is read stays in memory until the arrays are dropped. Single values and compressed arrays are read at once.

    Raises:
        InputError: If the file is missing, damaged, or holds Python objects.
    """
    try:
        content = np.memmap(path, np.uint8, "r")
        with path.open("rb") as stream, zipfile.ZipFile(stream) as archive:
            return {m.filename.removesuffix(".npy"): _mapped(content, stream, archive, m) for m in archive.infolist()}
    except (*ZIP_ERRORS, TypeError, SyntaxError) as error:
        raise InputError(f"{path} is damaged, or not readable as .npz: {error}") from error


def _mapped(
    content: NDArray[np.uint8], stream: IO[bytes], archive: zipfile.ZipFile, member: zipfile.ZipInfo
) -> NDArray[Any]:
    if member.compress_type == zipfile.ZIP_STORED:
        stream.seek(member.header_offset)
        header = stream.read(_MEMBER)
        stream.seek(sum(_LENGTHS.unpack(header[-_LENGTHS.size :])), 1)
        read = _NPY.read_array_header_1_0 if _NPY.read_magic(stream) == (1, 0) else _NPY.read_array_header_2_0
        shape, is_fortran, dtype = read(stream)
        if shape and not is_fortran and not dtype.hasobject and dtype.itemsize:
            return np.ndarray(shape, dtype, content, stream.tell())
    with archive.open(member) as inside:
        array: NDArray[Any] = _NPY.read_array(inside, allow_pickle=False)
    return array


@dataclass(frozen=True)
class Column:
    """An array to write, which is made piece by piece.

    Attributes:
        dtype: Type of its entries.
        shape: Its shape, rows first.
        pieces: Its rows, in order.
    """

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    pieces: Iterable[NDArray[Any]]


def write_npz_columns(path: Path, columns: Mapping[str, Column | NDArray[Any]]) -> None:
    """Write an npz atomically, with the bytes of :func:`hint.files.atomic.write_npz`, in bounded memory.

    Args:
        path: File to write.
        columns: Arrays, or what makes them.

    Raises:
        WriteError: If the file cannot be written.
    """
    with atomic_write(path) as stream, zipfile.ZipFile(stream, "w") as archive:
        for name, column in columns.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                if isinstance(column, Column):
                    header = {"descr": _NPY.dtype_to_descr(column.dtype), "fortran_order": False, "shape": column.shape}
                    _NPY.write_array_header_1_0(member, header)
                    member.writelines(_bytes(column))
                else:
                    _NPY.write_array(member, column, allow_pickle=False)


def _bytes(column: Column) -> Iterator[memoryview]:
    done = 0
    for piece in column.pieces:
        done += len(piece)
        yield np.ascontiguousarray(piece, column.dtype).reshape(-1).view(np.uint8).data
    if done != column.shape[0]:
        raise ValueError(f"a column of {column.shape[0]} rows was made of {done}")
