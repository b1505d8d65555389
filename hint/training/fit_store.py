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
from hint.engine.parts import Columns, part_files, parts_folder, remove_parts
from hint.engine.stored import read_part
from hint.errors import InputError, some_ids
from hint.files import read_npz, write_npz
from hint.files.atomic import remove_abandoned
from hint.fit import FittedHands
from hint.types import ManoParameters

_PARAMETERS = tuple(f.name for f in fields(ManoParameters))

#: Columns of ``fits.npz`` beside the parameters.
_COLUMNS = ("hand_id", "key", "is_right", "keypoints_2d", "keypoints_3d", "residual", "quality", "n_joints", "reason")

Rows = Mapping[str, NDArray[Any]]


def parameters_of(rows: Rows, index: Sequence[int]) -> ManoParameters:
    """Return the MANO parameters of some rows."""
    return ManoParameters(**{name: rows[name][list(index)] for name in _PARAMETERS})


def columns_of(fitted: FittedHands) -> Columns:
    """Return fits as columns of a part."""
    columns = {name: getattr(fitted, name) for name in _COLUMNS[2:-1]}
    columns |= {name: getattr(fitted.parameters, name) for name in _PARAMETERS}
    return columns | {"reason": np.array(fitted.reasons, np.str_)}


class FitStore:
    """The fits of one folder.

    Args:
        folder: Where ``fits.npz`` is.
        settings: What else the fits depend on.
        overwrite: "missing", "never" or "always".

    Attributes:
        parts: Folder of the parts.
        header: What is written in them.

    Raises:
        InputError: If there are fits and they may not be continued, or were made with other settings.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any], overwrite: str) -> None:
        self.path = folder / "fits.npz"
        self.parts = parts_folder(self.path)
        self.header = {"method": "fit", "fingerprint": settings}
        self._settings = json.dumps(settings, sort_keys=True)
        self._parts: list[dict[str, NDArray[Any]]] = []
        self._row_of: dict[str, int] = {}
        self._keys: list[str] = []
        if self.path.exists() and overwrite == "never":
            raise InputError(f"{self.path} exists; give another --out, or --overwrite missing or always")
        if self.path.exists() and overwrite == "missing":
            self._load()
        if overwrite == "always":
            remove_parts(part_files(self.parts), self.parts)
        remove_abandoned(self.parts)
        self.merge()

    def holds(self, hand_id: str, key: str) -> bool:
        """Return whether there is a fit of a hand to the input of this key."""
        return hand_id in self._row_of and self._keys[self._row_of[hand_id]] == key

    def rows(self, hand_ids: Sequence[str]) -> dict[str, NDArray[Any]]:
        """Return the columns of some hands."""
        index = np.array([self._row_of[hand_id] for hand_id in hand_ids], np.intp)
        if not self._parts:
            raise InputError("there is no hand to fit")
        names = (*_COLUMNS, *_PARAMETERS)
        return {name: np.concatenate([part[name] for part in self._parts])[index] for name in names}

    def merge(self) -> None:
        """Write all fits to the file, with those in parts, which replace others of the same hands.

        Raises:
            InputError: If a part is damaged, or of other settings.
            WriteError: If the file cannot be written; the parts stay.
        """
        files = part_files(self.parts)
        for path in files:
            read_part(path, self.header, texts=("reason",))
            self._append(read_npz(path, (*_COLUMNS, *_PARAMETERS)))
        if files:
            write_npz(self.path, self.rows(sorted(self._row_of)) | {"settings": np.array(self._settings)})
            remove_parts(files, self.parts)

    def _append(self, columns: dict[str, NDArray[Any]]) -> None:
        start = len(self._keys)
        self._parts.append(columns)
        self._keys += columns["key"].tolist()
        self._row_of |= {hand_id: start + k for k, hand_id in enumerate(columns["hand_id"].tolist())}

    def _load(self) -> None:
        with reading_earlier():
            stored = read_npz(self.path, (*_COLUMNS, *_PARAMETERS, "settings"))
            _require_rows(stored, self.path)
        if str(stored["settings"]) != self._settings:
            raise InputError(
                f"{self.path} holds fits of another hand or version; give another --out, or --overwrite always"
            )
        self._append({name: stored[name] for name in (*_COLUMNS, *_PARAMETERS)})


def _require_rows(stored: Rows, path: Path) -> None:
    """Refuse columns that are not all of as many hands, or parameters of other shapes."""
    number = stored["hand_id"].size
    other = [name for name in (*_COLUMNS, *_PARAMETERS) if stored[name].shape[:1] != (number,)]
    if other:
        raise InputError(f"{path} has {number} hands, but {some_ids(other)} of other numbers")
    try:
        parameters_of(stored, range(number))
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
