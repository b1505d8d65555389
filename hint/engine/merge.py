"""Rows of many files to one file of predictions, a few rows at a time."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hint.engine.stored import DERIVED, Rows
from hint.files.npz_columns import Column, write_npz_columns
from hint.files.predictions import OPTIONAL
from hint.types import Predictions

#: Adds columns that follow from the rows, each row from itself alone, and entries of ``meta`` about them.
Complete = Callable[[Predictions], Predictions]

#: Columns that nothing follows from, and that are large.
_LARGE = ("keypoints_3d", "vertices")
_KEYPOINTS = "keypoints_2d"


def unchanged(rows: Predictions) -> Predictions:
    """Return rows as they are."""
    return rows


def completed(rows: Predictions, complete: Complete) -> Predictions:
    """Return rows with the columns that follow from them, which ``meta["derived"]`` lists."""
    whole = complete(rows)
    added = [f.name for f in fields(rows) if getattr(rows, f.name) is None and getattr(whole, f.name) is not None]
    return replace(whole, meta={**whole.meta, DERIVED: added}) if added else whole


def columns_to_keep(rows: Rows, meshes: bool) -> list[str]:
    """Return the columns of predictions that files hold, vertices only where they are wanted."""
    known = (_KEYPOINTS, *OPTIONAL)
    return [name for name in rows.names() if name in known and (meshes or name != "vertices")]


def gather(rows: Rows, complete: Complete = unchanged, meshes: bool = False) -> Predictions:
    """Read rows into memory, and add what follows from them."""
    if not len(rows):
        return Predictions(rows.ids, np.empty((0, 21, 2), np.float32))
    names = columns_to_keep(rows, meshes)
    first = rows.block(slice(0, 1), names)
    whole: dict[str, Any] = {name: np.empty((len(rows), *first[name].shape[1:]), first[name].dtype) for name in names}
    for some in rows.slices():
        for name, values in rows.block(some, names).items():
            whole[name][some] = values
    return completed(Predictions(rows.ids, **whole, meta={"inputs": rows.keys.tolist()}), complete)


def merge(
    rows: Rows, path: Path, header: Mapping[str, Any], complete: Complete = unchanged, meshes: bool = False
) -> None:
    """Write rows as :func:`hint.files.write_predictions` would, with the bytes it would write.

    Args:
        rows: At least one row.
        path: The npz.
        header: What the rows belong to.
        complete: Adds columns.
        meshes: Whether vertices are kept.

    Raises:
        WriteError: If it cannot be written.
    """
    held = columns_to_keep(rows, meshes)
    small = [name for name in held if name not in _LARGE]

    def pieces(name: str) -> Iterator[NDArray[Any]]:
        for some in rows.slices():
            if name in held:
                yield rows.block(some, [name])[name]
            else:
                yield getattr(complete(Predictions(rows.ids[some], **rows.block(some, small))), name)

    first = Predictions(rows.ids[:1], **rows.block(slice(0, 1), held), meta={"inputs": rows.keys.tolist()})
    sample = completed(first, complete)
    columns: dict[str, Column | NDArray[Any]] = {"hand_id": rows.ids}
    for name in (_KEYPOINTS, *OPTIONAL):
        if (values := getattr(sample, name)) is not None:
            columns[name] = Column(values.dtype, (len(rows), *values.shape[1:]), pieces(name))
    meta = json.dumps({**header, **sample.meta}, allow_nan=False)
    write_npz_columns(path, columns | {"meta": np.array(meta)})
