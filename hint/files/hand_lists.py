"""JSON files of hands as FreiHAND and HO-3D keep them: lists of hands, each a list of [x, y, z].

The largest are a gigabyte of text. They are read in pieces: the numbers of each piece are parsed separately from its
brackets, and the brackets of the whole file must be those of equally long lists.

Numbers are written as ``json.dump`` of the official scripts writes them.
"""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray
from pydantic_core import from_json

from hint.errors import InputError
from hint.files.atomic import atomic_write
from hint.types import Double

#: Bytes read at a time. What is made of them stays in the caches of a core: 16 MB at a time take half as long again.
_PIECE = 1 << 16

#: Bytes between two commas, white space included; to gather more of them would take ever longer.
_LONGEST = 1 << 20

_BRACKETS = b"[]"
#: Stand for the brackets of a flat list, so that a piece is not copied to put them around it.
_MARKS = b"()"
_TO_BRACKETS = bytes.maketrans(_MARKS, _BRACKETS)
#: The characters of numbers, including NaN and Infinity, and the white space between them.
_NUMBERS = b"0123456789+-.eENaIinfty \t\r\n"
_POINT = b"[,,]"
_NO_NUMBER = "something in the lists is not a number"
_WHAT = {
    1: "a list of hands, each a list of [x, y, z]",
    2: "[xyz, verts]: joints of all hands, then vertices of all hands, each hand a list of [x, y, z]",
}


def read_hands(path: Path) -> Double:
    """Read one list of hands, such as ``evaluation_xyz.json``.

    Returns:
        (N,P,3); NaN and Infinity are kept.

    Raises:
        InputError: If the file is missing, cut short, or not such a list.
    """
    return _read(path, 1)[0]


def read_two_lists(path: Path) -> tuple[Double, Double]:
    """Read two lists of hands, such as the ``pred.json`` of a competition.

    Returns:
        (N,P,3) and (M,Q,3); NaN and Infinity are kept.

    Raises:
        InputError: If the file is missing, cut short, or not two such lists.
    """
    first, second = _read(path, 2)
    return first, second


def _read(path: Path, count: int) -> list[Double]:
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    try:
        with path.open("rb") as file:
            whole = _ends_as_list(file)
            brackets, numbers = _parse(file) if whole else (b"[", np.empty(0))
        if brackets.count(b"[") > brackets.count(b"]"):
            raise InputError(f"{path}: the file is empty or cut short; copy it again")
        shapes = _shapes(brackets, count)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise InputError(f"{path}: {error}; expected {_WHAT[count]}") from error
    sizes = np.cumsum([int(np.prod(shape)) for shape in shapes])
    parts = zip(np.split(numbers, sizes[:-1]), shapes, strict=True)
    return [part.reshape(shape) for part, shape in parts]


def _ends_as_list(file: IO[bytes]) -> bool:
    """Tell whether the last character is a bracket, and go back to the beginning of the file."""
    size = file.seek(0, io.SEEK_END)
    file.seek(max(0, size - 64))
    end = file.read().rstrip()
    file.seek(0)
    return end.endswith(b"]")


def _parse(file: IO[bytes]) -> tuple[bytes, Double]:
    """Return the brackets and commas of a file, and its numbers."""
    brackets, numbers, rest = io.BytesIO(), io.BytesIO(), b""
    for block in iter(partial(file.read, _PIECE), b""):
        end = block.rfind(b",")
        if end < 0:
            rest += block
            if len(rest) > _LONGEST:
                raise ValueError(_NO_NUMBER)
            continue
        piece = b"".join((_MARKS[:1], rest, memoryview(block)[:end], _MARKS[1:]))
        rest = block[end + 1 :]
        numbers.write(_numbers(piece))
        brackets.write(_brackets(piece) + b",")
    piece = b"".join((_MARKS[:1], rest, _MARKS[1:]))
    numbers.write(_numbers(piece))
    brackets.write(_brackets(piece))
    return brackets.getvalue(), np.frombuffer(numbers.getbuffer(), np.float64)


def _brackets(piece: bytes) -> bytes:
    return piece.translate(None, _NUMBERS)[1:-1]


def _numbers(piece: bytes) -> bytes:
    """Return the numbers of a piece as they are in memory, which is faster than to make an array of a list."""
    try:
        values = from_json(piece.translate(_TO_BRACKETS, _BRACKETS))
        return struct.pack(f"{len(values)}d", *values)
    except (ValueError, struct.error, OverflowError) as error:
        raise ValueError(_NO_NUMBER) from error


def _shapes(brackets: bytes, count: int) -> list[tuple[int, int, int]]:
    """Return the shapes of the lists; the brackets must be exactly those of such lists."""
    lists = brackets[1:-1].split(b"]]],[[[") if count > 1 else [brackets]
    shapes = [_shape(part) for part in lists]
    whole = b",".join(_list_of(hands, points) for hands, points, _ in shapes)
    if count > 1:
        whole = b"[" + whole + b"]"
    if len(lists) != count or whole != brackets:
        raise ValueError("the lists are nested differently, or are not equally long")
    return shapes


def _shape(part: bytes) -> tuple[int, int, int]:
    hands = part.count(b"]],") + 1
    points = part.partition(b"]]")[0].count(b"],") + 1
    return hands, points, 3


def _list_of(hands: int, points: int) -> bytes:
    hand = b"[" + b",".join([_POINT] * points) + b"]"
    return b"[" + b",".join([hand] * hands) + b"]"


def write_two_lists(path: Path, first: NDArray[np.floating], second: NDArray[np.floating]) -> None:
    """Write a ``pred.json`` atomically, one hand at a time, with the same text as one ``json.dump`` of everything.

    Args:
        path: File to write.
        first: (N,P,3).
        second: (N,Q,3).
    """
    with atomic_write(path) as stream:
        stream.write(b"[")
        _write_list(stream, first)
        stream.write(b", ")
        _write_list(stream, second)
        stream.write(b"]")


def _write_list(stream: IO[bytes], hands: Iterable[NDArray[np.floating]]) -> None:
    stream.write(b"[")
    for place, hand in enumerate(hands):
        stream.write((", " if place else "").encode() + json.dumps(hand.tolist()).encode())
    stream.write(b"]")
