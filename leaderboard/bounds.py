"""How large a submission may be, and what texts and numbers in it may look like."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hint.errors import InputError
from hint.files.json_file import read_json

#: Bytes of a record, of another file, and of the arrays an npz unpacks to.
LARGEST_RECORD = 8 << 20
LARGEST_FILE = 1 << 30
LARGEST_ARRAYS = 2 << 30

#: Hands of an error table, and clips, which are drawn a thousand times for every cell; subsets of a record, each with
#: a page of its own.
MOST_HANDS, MOST_CLIPS, MOST_SUBSETS = 1_000_000, 50_000, 50

#: Of any JSON value in a record.
_LONGEST_TEXT = 4_000
_LARGEST_NUMBER = 1e18
_DEEPEST = 12


def read_bounded_json(path: Path) -> Any:
    """Read a JSON file that may come from anybody.

    Raises:
        InputError: If it cannot be read, is too large, or holds a value out of bounds.
    """
    check_file(path, LARGEST_RECORD)
    content = read_json(path)
    problem = next(_out_of_bounds(content, "", 0), None)
    if problem:
        raise InputError(f"{path}: {problem}")
    return content


def check_file(path: Path, largest: int = LARGEST_FILE) -> None:
    """Refuse a large file before it is read.

    Raises:
        InputError: If it is larger than ``largest`` bytes, or no plain file.
    """
    if path.exists() and not path.is_file():
        raise InputError(f"{path} is not a file")
    if path.is_file() and path.stat().st_size > largest:
        raise InputError(f"{path} has {path.stat().st_size:,} bytes, more than the {largest:,} that are read")


def _out_of_bounds(value: Any, place: str, depth: int) -> Iterator[str]:
    """Yield what is out of bounds in a JSON value; ``place`` says where it is."""
    if depth > _DEEPEST:
        yield f"{place}: nested too deeply"
    elif isinstance(value, dict):
        for key, part in value.items():
            yield from _out_of_bounds(key, place, depth)
            yield from _out_of_bounds(part, f"{place}.{key}".lstrip(".")[:100], depth + 1)
    elif isinstance(value, list):
        for k, part in enumerate(value):
            yield from _out_of_bounds(part, f"{place}.{k}", depth + 1)
    elif isinstance(value, str):
        if len(value) > _LONGEST_TEXT:
            yield f"{place}: {len(value):,} characters, more than {_LONGEST_TEXT:,}"
        elif any(unicodedata.category(c) == "Cs" for c in value):
            yield f"{place}: half of a character (a lone surrogate)"
    elif isinstance(value, int | float) and not (math.isfinite(_float(value)) and abs(value) <= _LARGEST_NUMBER):
        yield f"{place}: a number that is not finite, or too large"


def _float(number: float) -> float:
    try:
        return float(number)
    except OverflowError:
        return math.inf
