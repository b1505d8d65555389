"""Columns of npz files, a few rows at a time: what is larger than memory is read and written all the same.

``numpy.savez`` does not compress, so the rows of an array lie one after the other at a place that is known.
"""

from __future__ import annotations

import math
import struct
import sys
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray

from hint.errors import InputError
from hint.files.atomic import atomic_write
from hint.files.bounded_npz import ARRAY_ERRORS, ZIP_ERRORS
from hint.text_array import check_text

#: Its functions have no types.
_NPY: Any = npy_format

#: How numpy keeps text here.
_UNICODE = f"utf-32-{sys.byteorder[0]}e"

#: Of a member of an archive: the bytes before its name, and where they give the lengths of name and extra field.
_MEMBER, _LENGTHS = 30, struct.Struct("<HH")


@dataclass(frozen=True)
class StoredColumn:
    """An array in a file, of which rows are read when they are needed.

    Attributes:
        path: The file.
        dtype: Type of its entries.
        shape: Its shape, rows first.
        offset: Where its first entry is, bytes.
        by_columns: Whether it lies there column by column, as arrays in Fortran order do; it is then read as a whole.
    """

    path: Path
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    offset: int
    by_columns: bool = False

    def __len__(self) -> int:
        return self.shape[0]

    def read(self, rows: Sequence[int] | NDArray[np.intp] | None = None) -> NDArray[Any]:
        """Return rows in the order given, None for all.

        Raises:
            InputError: If the file is shorter than it says.
        """
        wanted = np.arange(len(self)) if rows is None else np.asarray(rows, np.intp)
        if self.by_columns:
            return self._whole()[wanted]
        result = np.empty((len(wanted), *self.shape[1:]), self.dtype)
        ends = [0, *(np.flatnonzero(np.diff(wanted) != 1) + 1).tolist(), len(wanted)]
        with self.path.open("rb") as stream:
            for start, end in pairwise(ends):
                if start < end:
                    result[start:end] = self._run(stream, int(wanted[start]), end - start)
        return result

    def _run(self, stream: IO[bytes], first: int, count: int) -> NDArray[Any]:
        """Return rows that follow each other."""
        row = int(np.prod(self.shape[1:], dtype=np.int64))
        return self._entries(stream, first * row, count * row).reshape(count, *self.shape[1:])

    def _whole(self) -> NDArray[Any]:
        with self.path.open("rb") as stream:
            entries = self._entries(stream, 0, int(np.prod(self.shape, dtype=np.int64)))
        return entries.reshape(self.shape, order="F")

    def _entries(self, stream: IO[bytes], first: int, count: int) -> NDArray[Any]:
        size = self.dtype.itemsize
        stream.seek(self.offset + first * size)
        content = stream.read(count * size)
        if len(content) < count * size:
            raise InputError(f"{self.path} is damaged: it ends early")
        entries = np.frombuffer(content, self.dtype)
        try:
            check_text(entries)
        except ValueError as error:
            raise InputError(f"{self.path} is damaged: {error}") from error
        return entries


def stored_columns(path: Path) -> dict[str, StoredColumn]:
    """Find the arrays of an npz that ``numpy.savez`` wrote; single values are left out.

    Raises:
        InputError: If the file is missing or damaged, or its arrays do not lie there row by row: compressed, objects.
    """
    try:
        with path.open("rb") as stream, zipfile.ZipFile(stream) as archive:
            found = ((member, _found(path, stream, member)) for member in archive.infolist())
            return {member.filename.removesuffix(".npy"): column for member, column in found if column is not None}
    except (*ZIP_ERRORS, *ARRAY_ERRORS) as error:
        raise InputError(f"{path} is damaged, or not readable as .npz: {error}") from error


def _found(path: Path, stream: Any, member: zipfile.ZipInfo) -> StoredColumn | None:
    if member.compress_type != zipfile.ZIP_STORED:
        raise ValueError(f"{member.filename} is compressed; save it with numpy.savez")
    stream.seek(member.header_offset)
    header = stream.read(_MEMBER)
    stream.seek(sum(_LENGTHS.unpack(header[-_LENGTHS.size :])), 1)
    version = _NPY.read_magic(stream)
    read = _NPY.read_array_header_1_0 if version == (1, 0) else _NPY.read_array_header_2_0
    shape, is_fortran, dtype = read(stream)
    if not shape:
        return None
    if dtype.hasobject:
        raise ValueError(f"{member.filename} is no array of plain rows")
    if min(shape) < 0 or math.prod(shape) * dtype.itemsize > member.file_size:
        raise ValueError(f"{member.filename} says that it is larger than it is")
    return StoredColumn(path, dtype, shape, stream.tell(), is_fortran)


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


@dataclass(frozen=True)
class Text:
    """A single text to write, which is made piece by piece.

    Attributes:
        pieces: Called twice, yields it.
    """

    pieces: Callable[[], Iterable[str]]


def write_npz_columns(path: Path, columns: Mapping[str, Column | Text | NDArray[Any]]) -> None:
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
                    _write_header(member, column.dtype, column.shape)
                    member.writelines(_bytes(column))
                elif isinstance(column, Text):
                    _write_header(member, np.dtype(f"U{sum(map(len, column.pieces()))}"), ())
                    member.writelines(piece.encode(_UNICODE) for piece in column.pieces())
                else:
                    _NPY.write_array(member, column, allow_pickle=False)


def _write_header(stream: IO[bytes], dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
    header = {"descr": _NPY.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    _NPY.write_array_header_1_0(stream, header)


def _bytes(column: Column) -> Iterator[memoryview]:
    done = 0
    for piece in column.pieces:
        done += len(piece)
        yield np.ascontiguousarray(piece, column.dtype).reshape(-1).view(np.uint8).data
    if done != column.shape[0]:
        raise ValueError(f"a column of {column.shape[0]} rows was made of {done}")
