"""Fits on disk: parts while they are made, then one npz with a row per hand, which a later run continues from."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hint.engine.earlier import reading_earlier
from hint.engine.parts import HAND_ID, KEY, Columns, part_files, parts_folder, remove_parts
from hint.engine.stored import Rows, Stored, StoredFile, read_part, require_alike
from hint.errors import InputError, some_ids
from hint.files import as_strings, read_npz
from hint.files.atomic import remove_abandoned
from hint.files.npz_columns import Column, write_npz_columns
from hint.fit import FittedHands
from hint.types import ManoParameters

#: Name of the file.
FITS = "fits.npz"

_PARAMETERS = tuple(f.name for f in fields(ManoParameters))

#: What ``fits.npz`` holds of a fit beside its hand and key; numbers that are few, and why it is not usable.
_COLUMNS = ("is_right", "keypoints_2d", "keypoints_3d", "residual", "quality", "n_joints")
_REASON = "reason"


def parameters_of(rows: Mapping[str, NDArray[Any]]) -> ManoParameters:
    """Return the MANO parameters of rows."""
    return ManoParameters(**{name: rows[name] for name in _PARAMETERS})


def columns_of(fitted: FittedHands) -> Columns:
    """Return fits as columns of a part."""
    columns = {name: getattr(fitted, name) for name in _COLUMNS}
    columns |= {name: getattr(fitted.parameters, name) for name in _PARAMETERS}
    return columns | {_REASON: np.array(fitted.reasons, np.str_)}


class Fits:
    """The fits of N hands; how good they are is in memory, the rest is read when it is needed.

    Attributes:
        keys: (N,) what each is made from.
        residual, quality, n_joints: (N,) see :class:`hint.fit.FittedHands`.
        reason: (N,) why a hand is not usable, "" where it is.
    """

    def __init__(self, rows: Rows) -> None:
        self._rows, self.keys = rows, rows.keys
        self.residual, self.quality, self.n_joints = (
            _column(rows, name) for name in ("residual", "quality", "n_joints")
        )
        self.reason = _reasons(rows)

    def read(self, index: Sequence[int]) -> dict[str, NDArray[Any]]:
        """Return the columns of some rows."""
        return self._rows.select(index).block(slice(None), (*_COLUMNS, *_PARAMETERS))


class FitStore:
    """The fits of one folder.

    Args:
        folder: Where ``fits.npz`` is.
        settings: What else the fits depend on.
        overwrite: "missing", "never" or "always".

    Attributes:
        path: The file.
        parts: Folder of the parts.
        header: What is written in them.

    Raises:
        InputError: If there are fits and they may not be continued.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any], overwrite: str) -> None:
        self.path = folder / FITS
        self.parts = parts_folder(self.path)
        self.header = {"method": "fit", "fingerprint": settings}
        self._settings, self._is_stale = json.dumps(settings, sort_keys=True), overwrite == "always"
        if self.path.exists() and overwrite == "never":
            raise InputError(f"{self.path} exists; give another --out, or --overwrite missing or always")
        if self._is_stale:
            remove_parts(part_files(self.parts), self.parts)
        remove_abandoned(self.parts)

    def find(self, ids: NDArray[np.str_], keys: NDArray[np.str_]) -> Stored:
        """Look which fits are there.

        Raises:
            InputError: If something is damaged, or of other settings.
        """
        earlier = [_read_fits(self.path, self._settings)] if self.path.is_file() and not self._is_stale else []
        files = [*earlier, *(read_part(path, self.header, texts=(_REASON,)) for path in part_files(self.parts))]
        require_alike(files)
        return Stored(files, ids, keys)

    def merge(self, stored: Stored) -> None:
        """Write all fits to the file, and remove the parts they were in; without parts there is nothing to do.

        Raises:
            WriteError: If the file cannot be written; the parts stay.
        """
        parts = [file.path for file in stored.files if file.path != self.path]
        if not parts:
            return
        every = stored.every()
        rows = every.select(np.argsort(every.ids))
        columns: dict[str, Column | NDArray[Any]] = {name: _stored(rows, name) for name in _COLUMNS}
        columns |= {_REASON: _reasons(rows)} | {name: _stored(rows, name) for name in _PARAMETERS}
        named = {HAND_ID: np.array(rows.ids.tolist(), np.str_), KEY: rows.keys}
        write_npz_columns(self.path, {**named, **columns, "settings": np.array(self._settings)})
        self._is_stale = False
        remove_parts(parts, self.parts)


def _column(rows: Rows, name: str) -> NDArray[Any]:
    """Read a column of all rows."""
    return np.concatenate([rows.block(some, [name])[name] for some in rows.slices()])


def _stored(rows: Rows, name: str) -> Column:
    """Return a column to write."""
    first = rows.block(slice(0, 1), [name])[name]
    pieces = (rows.block(some, [name])[name] for some in rows.slices())
    return Column(first.dtype, (len(rows), *first.shape[1:]), pieces)


def _reasons(rows: Rows) -> NDArray[np.str_]:
    """Read why hands are not usable; files keep texts of other lengths."""
    found = np.full(len(rows), "", object)
    for number in np.unique(rows.file):
        here = rows.file == number
        found[here] = rows.files[number].columns[_REASON].read(rows.row[here]).tolist()
    return found.astype(np.str_)


def _read_fits(path: Path, settings: str) -> StoredFile:
    with reading_earlier():
        arrays = read_npz(path, only=(HAND_ID, KEY, "settings"))
        file = StoredFile(path, as_strings(arrays[HAND_ID]).ravel(), as_strings(arrays[KEY]).ravel(), {})
        _require_rows(file)
    if str(arrays["settings"]) != settings:
        raise InputError(f"{path} holds fits of another hand or version; give another --out, or --overwrite always")
    return file


def _require_rows(file: StoredFile) -> None:
    """Refuse columns that are not all of as many hands, or parameters of other shapes."""
    columns, number = file.columns, len(file.ids)
    names = (*_COLUMNS, _REASON, *_PARAMETERS)
    if lacking := [name for name in names if name not in columns]:
        raise InputError(f"{file.path} lacks {some_ids(lacking)}")
    other = [name for name in names if columns[name].shape[:1] != (number,)]
    other += [KEY] if len(file.keys) != number else []
    if other:
        raise InputError(f"{file.path} has {number} hands, but {some_ids(other)} of other numbers")
    try:
        parameters_of({name: columns[name].read(range(min(number, 1))) for name in _PARAMETERS})
    except InputError as error:
        raise InputError(f"{file.path}: {error}") from error
