"""Read npz files of strangers from memory, some of their arrays and no more bytes than are allowed."""

from __future__ import annotations

import io
import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from tokenize import TokenError
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray

from hint.text_array import check_text

#: What ``zipfile`` raises for damaged, encrypted or unsupported archives; these have no common base class.
ZIP_DAMAGE = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, RuntimeError, ValueError)
#: The same, and what reading the file itself raises.
ZIP_ERRORS = (*ZIP_DAMAGE, OSError)
#: What ``numpy`` raises besides, for headers that are no headers or ask for more memory than there is.
ARRAY_ERRORS = (MemoryError, OverflowError, SyntaxError, TokenError, TypeError, RecursionError)

#: Its functions have no types.
_NPY: Any = npy_format

#: Most arrays to look at.
_MOST_ARRAYS = 100


def parse_npz(content: bytes, names: Sequence[str], largest: int) -> dict[str, NDArray[Any]]:
    """Read some arrays of an npz; the others are not unpacked.

    Args:
        content: Bytes of the file.
        names: Arrays to read.
        largest: Bytes an array may have.

    Raises:
        ValueError: If the file is no npz, lacks an array, or one holds Python objects or is too large.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            return dict(_arrays(packed, names, largest))
    except (*ZIP_ERRORS, *ARRAY_ERRORS) as error:
        raise ValueError(f"it is not a whole .npz file of plain arrays: {error}") from error


def _arrays(packed: zipfile.ZipFile, names: Sequence[str], largest: int) -> Iterator[tuple[str, NDArray[Any]]]:
    held = [info.filename for info in packed.infolist()[:_MOST_ARRAYS]]
    if lacking := [name for name in names if held.count(f"{name}.npy") != 1]:
        raise ValueError(f"it must hold one array {' and one '.join(lacking)}")
    for name in names:
        content = read_member(packed, packed.getinfo(f"{name}.npy"), largest)
        check_header(io.BytesIO(content))
        array = np.load(io.BytesIO(content), allow_pickle=False)
        if not isinstance(array, np.ndarray):
            raise TypeError(f"{name} is an archive, expected an array")
        check_text(array)
        yield name, array


def check_header(stream: IO[bytes]) -> None:
    """Refuse a header that is none, and entries that take no bytes: a hundred bytes could hold billions of them.

    Args:
        stream: An .npy file; numpy itself refuses what is none.

    Raises:
        ValueError: If that is so.
    """
    start = stream.read(_NPY.MAGIC_LEN)
    readers = {(1, 0): _NPY.read_array_header_1_0} | dict.fromkeys(((2, 0), (3, 0)), _NPY.read_array_header_2_0)
    read = readers.get(_NPY.read_magic(io.BytesIO(start))) if start.startswith(_NPY.MAGIC_PREFIX) else None
    if read is None:
        return
    try:
        shape, _, dtype = read(stream)
    except ARRAY_ERRORS as error:
        raise ValueError("the header of an array is damaged") from error
    if dtype.itemsize == 0 and shape != (0,):
        raise ValueError("an array holds entries without a size")


def is_zip(file: Path | IO[bytes]) -> bool:
    """Tell whether a file ends as a zip does; one whose end contradicts itself is a zip, too, but a damaged one."""
    try:
        return zipfile.is_zipfile(file)
    except zipfile.BadZipFile:
        return True


def read_member(packed: zipfile.ZipFile, member: zipfile.ZipInfo, largest: int) -> bytes:
    """Unpack one file of an archive, in memory.

    Raises:
        ValueError: If it is larger than ``largest`` bytes.
        Exception: One of :data:`ZIP_ERRORS` if it is damaged.
    """
    with packed.open(member) as stream:
        content = stream.read(largest + 1)
    if len(content) > largest:
        raise ValueError(f"{member.filename} unpacks to more than {largest:,} bytes")
    return content
