"""Changes to files of arrays: npz, Parquet, safetensors."""

from __future__ import annotations

import io
import struct
import warnings
import zipfile
from collections.abc import Callable
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fuzzing.judge import HOSTILE_PICKLES
from fuzzing.mutation.bytewise import mutate_bytes
from fuzzing.mutation.values import mutate_json

_DTYPES = ("f8", "f4", "f2", "i8", "u8", "i1", "?", "c16", "U", "S", "M8[s]", "m8[s]", ">f4", "V3", "f4,i2")
_VALUES = (np.nan, np.inf, -np.inf, 1e38, 1e300, -1e300, 1e-320, -1.0, 0.0, 1.0, 2.0**31, 2.0**63)
_HEADERS = (
    "{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000,), }",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (100000000000000000000000,), }",
    "{'descr': '|V0', 'fortran_order': False, 'shape': (1000000000,), }",
    "{'descr': '<U0', 'fortran_order': False, 'shape': (1000000000,), }",
    "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }",
    "{'descr': [('a', '|O')], 'fortran_order': False, 'shape': (1,), }",
    "{'descr': '<f4', 'fortran_order': True, 'shape': (), }",
    "{'descr': '<f4', 'fortran_order': 3, 'shape': [2], }",
    "{'descr': 'x', 'fortran_order': False, 'shape': (2,), }",
    "{'descr': '<f4', 'shape': (2,), }",
    "[" * 3000,
    "(" * 200,
    "",
)

# fmt: off
_CELLS = (
    None, 1, 1.5, True, -1, 2**62, float("nan"), float("inf"), "x", "", "x\ny", "1e400", b"\xff", [1], {"a": 1},
)
# fmt: on

Arrays = dict[str, bytes]


def mutate_npz(content: bytes, random: Random) -> bytes:
    """Change an array or the header of one, remove one, or add something else."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {info.filename: archive.read(info) for info in archive.infolist()}
    name = random.choice(list(members))
    changes: list[Callable[[], None]] = [
        *[lambda: _put(members, name, _other_array(members[name], random))] * 6,
        lambda: _put(members, name, _lying(random)),
        lambda: _put(members, name, npy(np.zeros(1), HOSTILE_PICKLES[1])),
        lambda: _put(members, name, mutate_bytes(members[name], random)),
        lambda: _put(members, f"{name}x", members.pop(name)),
        lambda: _put(members, name.removesuffix(".npy"), members.pop(name)),
        lambda: _put(members, "other.npy", members[name]),
        lambda: _put(members, name, random.choice(list(members.values()))),
        lambda: members.pop(name) and None,
    ]
    random.choice(changes)()
    return _zipped(members, random)


def _put(members: Arrays, name: str, content: bytes) -> None:
    members[name] = content


def _zipped(members: Arrays, random: Random) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", random.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return stream.getvalue()


def npy(array: NDArray[Any], objects: bytes = b"") -> bytes:
    """Return the bytes of an array, or of one of Python objects whose pickle is given."""
    stream = io.BytesIO()
    if not objects:
        np.save(stream, array, allow_pickle=False)
        return stream.getvalue()
    return _header("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }") + objects


def _header(text: str) -> bytes:
    encoded = text.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(encoded)) + encoded


def _lying(random: Random) -> bytes:
    return _header(random.choice(_HEADERS)) + bytes(random.choice((0, 8, 64)))


def _other_array(content: bytes, random: Random) -> bytes:
    array = np.load(io.BytesIO(content), allow_pickle=False)
    if array.size > len(content):
        raise ValueError("entries that take no bytes, of which another array would take gigabytes")
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return npy(_other(array, random))


def _other(array: NDArray[Any], random: Random) -> NDArray[Any]:
    """Return another array: of another type, shape or values."""
    kind = random.randrange(9)
    if kind == 0:
        return np.zeros(array.shape, random.choice(_DTYPES))
    if kind == 1:
        return array.astype(random.choice(_DTYPES[:11]))
    if kind == 2:
        return (
            array[:0] if array.ndim else array.reshape(0, *[1] * random.randrange(3)) if not array.size else array[None]
        )
    if kind == 3:
        return array[..., None] if random.random() < 0.5 else array[None]
    if kind == 4 and array.ndim:
        return array[0] if len(array) else array.reshape(-1)
    if kind == 5 and array.ndim:
        return np.concatenate([array, array[:1]])
    if kind == 6 and array.ndim > 1:
        return array.swapaxes(0, -1)
    if kind == 7 and array.dtype.kind in "US" and array.size:
        return np.full_like(array, random.choice(("", "x", "{}", "[]", "null", "\u2028", "a\nb", "../x", "[1", "NaN")))
    if array.size and array.dtype.kind in "fiub":
        changed = array.copy().reshape(-1)
        changed[random.randrange(len(changed))] = np.array(random.choice(_VALUES)).astype(array.dtype)
        return changed.reshape(array.shape)
    return array.reshape(-1)


def mutate_parquet(content: bytes, random: Random) -> bytes:
    """Change a column, its name or its type."""
    import pyarrow as arrow
    from pyarrow import parquet

    if random.random() < 0.3:
        return mutate_bytes(content, random)
    table = parquet.read_table(io.BytesIO(content))
    names = table.column_names
    place, rows = random.randrange(len(names)), table.num_rows
    columns = [[value] * rows for value in _CELLS]
    kind = random.randrange(4)
    if kind == 0:
        table = table.remove_column(place)
    elif kind == 1:
        table = table.rename_columns([*names[:place], random.choice(names), *names[place + 1 :]])
    elif kind == 2:
        table = table.replace_schema_metadata(
            {b"hint": random.choice((b"", b"[]", b"{", b"\xff", b"NaN", b"[" * 100_000))}
        )
    else:
        table = table.set_column(place, names[place], arrow.array(random.choice(columns)))
    stream = io.BytesIO()
    parquet.write_table(table, stream)
    return stream.getvalue()


def mutate_safetensors(content: bytes, random: Random) -> bytes:
    """Change the header."""
    (size,) = struct.unpack("<Q", content[:8])
    header, data = content[8 : 8 + size], content[8 + size :]
    if random.random() < 0.8:
        header = mutate_json(header, random)
    else:
        data = mutate_bytes(data, random)
    length = len(header) if random.random() < 0.8 else random.choice((0, 1, len(header) + 1, 2**40, 2**63))
    return struct.pack("<Q", length) + header + data
