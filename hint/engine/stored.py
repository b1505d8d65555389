"""What is stored of a result: its file and its parts, which hands they hold, and what those were made from."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hint.engine.earlier import reading_earlier, require_same
from hint.engine.parts import HAND_ID, HEADER, KEY, NOTES
from hint.errors import InputError
from hint.files.json_file import parse_json
from hint.files.npz import NUMBER, TEXT, Column, as_strings, read_npz, require_columns
from hint.files.npz_columns import StoredColumn, stored_columns
from hint.files.predictions import OPTIONAL

#: What ``meta`` calls the list of columns that follow from others, and are computed again.
DERIVED = "derived"

#: What columns hold and their shapes, as far as they are known: a row for every hand.
_SHAPES: dict[str, Column] = {
    HAND_ID: (TEXT, ("hands",)),
    KEY: (TEXT, ("hands",)),
    "keypoints_2d": (NUMBER, ("hands", 21, 2)),
    "keypoints_3d": (NUMBER, ("hands", 21, 3)),
    "existence": (NUMBER, ("hands", 21)),
    "occlusion": (NUMBER, ("hands", 21)),
    "occlusion_probability": (NUMBER, ("hands", 21)),
}

#: Rows that are read at a time.
_AT_ONCE = 4096


@dataclass(frozen=True)
class StoredFile:
    """A part, or the predictions that parts were merged into; its columns stay on the disk.

    Attributes:
        path: The file.
        ids: (N,) hands.
        keys: (N,) what each was made from.
        meta: What is written beside the rows, without their keys.
    """

    path: Path
    ids: NDArray[np.str_]
    keys: NDArray[np.str_]
    meta: Mapping[str, Any]

    def notes(self) -> list[str]:
        """Read the lines of text that belong to no row."""
        try:
            lines = read_npz(self.path, only=(NOTES,))[NOTES].astype(np.uint8).tobytes().decode()
        except (InputError, ValueError, TypeError) as error:
            raise InputError(f"{error}; remove {self.path}, and its hands are predicted again") from error
        return lines.split("\n") if lines else []

    @cached_property
    def columns(self) -> dict[str, StoredColumn]:
        """What a method predicted; read from the disk when it is needed."""
        named = self.meta.get(DERIVED)
        derived = {name for name in OPTIONAL if name in named} if isinstance(named, list) else set()
        beside = {HAND_ID, KEY, HEADER, NOTES, "meta", *derived}
        return {name: column for name, column in stored_columns(self.path).items() if name not in beside}


def read_part(path: Path, header: Mapping[str, Any], texts: Collection[str] = ()) -> StoredFile:
    """Read which rows a part holds.

    Args:
        path: The part.
        header: What its rows must belong to.
        texts: Columns that hold text; the others hold numbers.

    Raises:
        InputError: If it is damaged, or of another method or other settings.
    """
    try:
        arrays = read_npz(path, only=(HAND_ID, KEY, HEADER))
        meta = parse_json(str(arrays[HEADER]))
        if not isinstance(meta, dict):
            raise InputError(f"{path} is no part of a result")
        _require_rows(path, arrays, texts)
        ids, keys = (as_strings(arrays[name]) for name in (HAND_ID, KEY))
    except InputError as error:
        raise InputError(f"{error}; remove {path}, and its hands are predicted again") from error
    except (ValueError, TypeError) as error:
        raise InputError(f"{path} is damaged: {error}; remove it, and its hands are predicted again") from error
    require_same(meta, header, path)
    return StoredFile(path, ids, keys, meta)


def _require_rows(path: Path, read: Mapping[str, NDArray[Any]], texts: Collection[str] = ()) -> None:
    """Check that every column has a row of the right shape for each hand.

    Args:
        path: The file.
        read: Its arrays that were read already, the hands among them.
        texts: Columns that hold text.

    Raises:
        InputError: If one has not.
    """
    beside = {HEADER, NOTES, "meta", *read}
    stored = {name: column for name, column in stored_columns(path).items() if name not in beside}
    kinds = {name: TEXT if name in texts else NUMBER for name in stored}
    others: dict[str, Column] = {name: (kinds[name], ("hands", *stored[name].shape[1:])) for name in stored}
    require_columns(path, {**read, **stored}, {HAND_ID: _SHAPES[HAND_ID], **others, **_SHAPES})
    if len(read[HAND_ID]) and "keypoints_2d" not in stored:
        raise InputError(f"{path} has no rows of keypoints_2d")


def require_alike(files: Sequence[StoredFile]) -> None:
    """Check that rows of several files can be put in one.

    Raises:
        InputError: If the rows of a column have other shapes than those of the files before.
    """
    known: dict[str, tuple[int, ...]] = {}
    for file in files:
        for name, column in file.columns.items() if len(file.ids) else ():
            if column.shape[1:] != known.setdefault(name, column.shape[1:]):
                raise InputError(
                    f"{file.path}: rows of {name} have shape {column.shape[1:]}, those of other parts {known[name]}; "
                    "remove it, and its hands are predicted again"
                )


def read_result(path: Path, header: Mapping[str, Any]) -> StoredFile:
    """Read which rows a file of predictions holds.

    Raises:
        InputError: If it is damaged, of another method or other settings, or does not say what rows were made from.
    """
    with reading_earlier():
        arrays = read_npz(path, only=(HAND_ID, "meta"))
        try:
            meta, ids = parse_json(str(arrays["meta"])), as_strings(arrays[HAND_ID])
        except (ValueError, TypeError) as error:
            raise InputError(f"{path} is not a predictions file: {error}") from error
        _require_rows(path, {HAND_ID: arrays[HAND_ID]})
    if not isinstance(meta, dict):
        raise InputError(f"{path} is not a predictions file; add --overwrite always")
    require_same(meta, header, path)
    keys = meta.pop("inputs", None)
    if not isinstance(keys, list) or len(keys) != len(ids):
        count = len(keys) if isinstance(keys, list) else 0
        raise InputError(f"{path} has {count} input keys for {len(ids)} predictions; add --overwrite always")
    return StoredFile(path, ids, np.array(keys, np.str_), meta)


class Stored:
    """Rows of several files, by hand: where each is, as numbers.

    Args:
        files: The files; of rows for one hand that are made from the same, the last one counts.
        ids: (N,) hands that are asked for.
        keys: (N,) what each must be made from.

    Attributes:
        file, row: (N,) where the row of each hand is, -1 where there is none.
        other_ids, other_keys, other_file, other_row: Rows of hands nobody asked for, in order of appearance.
    """

    def __init__(self, files: Sequence[StoredFile], ids: NDArray[np.str_], keys: NDArray[np.str_]) -> None:
        self.files = files
        self.ids, self.keys = ids, keys
        self.file, self.row = np.full(len(ids), -1, np.int32), np.full(len(ids), -1, np.int64)
        place = {hand_id: k for k, hand_id in enumerate(ids.tolist())}
        others: dict[str, tuple[int, int, str]] = {}
        for number, file in enumerate(files):
            for row, (hand_id, key) in enumerate(zip(file.ids.tolist(), file.keys.tolist(), strict=True)):
                asked = place.get(hand_id)
                if asked is None:
                    others[hand_id] = (number, row, key)
                elif keys[asked] == key:
                    self.file[asked], self.row[asked] = number, row
        self._set_others(others)

    def _set_others(self, others: Mapping[str, tuple[int, int, str]]) -> None:
        places = np.array([place[:2] for place in others.values()], np.int64).reshape(-1, 2)
        self.other_ids = np.array(list(others), np.str_)
        self.other_keys = np.array([key for _, _, key in others.values()], np.str_)
        self.other_file, self.other_row = places[:, 0], places[:, 1]

    @property
    def is_done(self) -> NDArray[np.bool_]:
        """(N,) whether there is a row."""
        return np.asarray(self.file >= 0)

    def __len__(self) -> int:
        """Return the number of rows, with those nobody asked for."""
        return int(self.is_done.sum()) + len(self.other_ids)

    def asked(self) -> Rows:
        """Return the rows that were asked for and are there, in order."""
        done = self.is_done
        return Rows(self.files, self.ids[done], self.keys[done], self.file[done], self.row[done])

    def every(self) -> Rows:
        """Return all rows in the order in which they are written: those asked for, then the others."""
        asked = self.asked()
        return Rows(
            self.files,
            np.concatenate([asked.ids, self.other_ids]),
            np.concatenate([asked.keys, self.other_keys]),
            np.concatenate([asked.file, self.other_file]),
            np.concatenate([asked.row, self.other_row]),
        )


@dataclass(frozen=True, eq=False)
class Rows:
    """N rows that lie in files, read when they are asked for.

    Attributes:
        files: The files.
        ids: (N,) hands.
        keys: (N,) what each was made from.
        file, row: (N,) where each is.
    """

    files: Sequence[StoredFile]
    ids: NDArray[np.str_]
    keys: NDArray[np.str_]
    file: NDArray[np.integer[Any]]
    row: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.ids)

    def select(self, index: NDArray[np.integer[Any]] | Sequence[int]) -> Rows:
        """Return some of the rows."""
        chosen = np.asarray(index, np.intp)
        return Rows(self.files, self.ids[chosen], self.keys[chosen], self.file[chosen], self.row[chosen])

    def names(self) -> list[str]:
        """Return the names of the columns that all files have that rows lie in."""
        held = [set(self.files[number].columns) for number in np.unique(self.file)]
        return sorted(set.intersection(*held)) if held else []

    def block(self, rows: slice, names: Sequence[str]) -> dict[str, Any]:
        """Return some columns of some of the rows."""
        file, row = self.file[rows], self.row[rows]
        found: dict[str, NDArray[Any]] = {}
        for number in np.unique(file):
            here, columns = file == number, self.files[number].columns
            for name in names:
                part = columns[name].read(row[here])
                if name not in found:
                    found[name] = np.empty((len(row), *part.shape[1:]), part.dtype)
                found[name][here] = part
        return found

    def slices(self) -> Iterator[slice]:
        """Yield what to read at a time."""
        for start in range(0, len(self), _AT_ONCE):
            yield slice(start, min(start + _AT_ONCE, len(self)))
