"""Predictions as a table, CSV or Parquet: one row per hand, the same columns for every method.

What a method does not predict is empty. Vertices and guesses of occlusion probabilities stay in the npz.
"""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hint.errors import InputError, first_line, shown, some_ids
from hint.files.atomic import write_bytes
from hint.files.json_file import parse_json
from hint.files.parquet_rows import load_arrow, opened_parquet, parquet_files
from hint.files.storage import read_bytes, without_query
from hint.skeleton import JOINT_NAMES, N_JOINTS
from hint.types import Double, Float, Predictions

#: Columns of a hand, and what they hold; "score" is the method's for the whole hand, else the detector's.
HAND_COLUMNS: dict[str, type] = {
    "hand_id": str,
    "picture": str,
    "frame": int,
    "time": float,
    "side": str,
    "score": float,
    **dict.fromkeys(("x1", "y1", "x2", "y2"), float),
}
#: Columns of a joint, behind its name: px, confidence, visibility 0, 1 or 2, metres.
JOINT_COLUMNS = ("x", "y", "score", "visibility", "x_3d", "y_3d", "z_3d")
COLUMNS = (*HAND_COLUMNS, *(f"{joint}_{part}" for joint in JOINT_NAMES for part in JOINT_COLUMNS))

_REQUIRED = ("hand_id", *(f"{joint}_{axis}" for joint in JOINT_NAMES for axis in "xy"))
_META = b"hint"


def write_csv(path: Path, predictions: Predictions, places: Mapping[str, Sequence[Any]]) -> None:
    """Write predictions as CSV; equal predictions give equal bytes.

    Args:
        path: File to write.
        predictions: The hands.
        places: Columns of :data:`HAND_COLUMNS` that are known besides ``hand_id``, with None where a value is not.
    """
    columns = _columns(predictions, places)
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(zip(*(map(_text, columns[name]) for name in COLUMNS), strict=True))
    write_bytes(path, stream.getvalue().encode())


def _text(value: Any) -> str:
    """Return the shortest text of a value, "" for one that is not known."""
    return "" if value is None or value != value else str(value)


def write_parquet(path: Path, predictions: Predictions, places: Mapping[str, Sequence[Any]]) -> None:
    """Write predictions as Parquet, with how they were made in its metadata; arguments as of :func:`write_csv`.

    Raises:
        MissingRequirementError: If pyarrow is not installed.
    """
    arrow = load_arrow()
    kinds = {str: arrow.string(), int: arrow.int64(), float: arrow.float64()}
    fields = [(name, kinds[kind]) for name, kind in HAND_COLUMNS.items()]
    fields += [
        (name, arrow.int8() if name.endswith("visibility") else arrow.float32()) for name in COLUMNS[len(fields) :]
    ]
    schema = arrow.schema(fields, metadata={_META: json.dumps(predictions.meta, allow_nan=False)})
    columns = _columns(predictions, places)
    known = [[_known(value) for value in columns[name]] for name in COLUMNS]
    table = arrow.Table.from_arrays([arrow.array(v, f.type) for v, f in zip(known, schema, strict=True)], schema=schema)
    from pyarrow import parquet

    stream = io.BytesIO()
    parquet.write_table(table, stream)
    write_bytes(path, stream.getvalue())


def _known(value: Any) -> Any:
    return None if value is None or value != value else value


def _columns(predictions: Predictions, places: Mapping[str, Sequence[Any]]) -> dict[str, Sequence[Any]]:
    """Return every column; NaN or None where nothing is known."""
    n = len(predictions)
    columns: dict[str, Sequence[Any]] = {name: places.get(name, [None] * n) for name in HAND_COLUMNS}
    columns["hand_id"] = predictions.hand_id.tolist()
    joints = np.full((n, N_JOINTS, len(JOINT_COLUMNS)), np.nan, np.float32)
    joints[:, :, :2] = predictions.keypoints_2d
    if predictions.score is not None and predictions.score.ndim == 2:
        joints[:, :, 2] = predictions.score
    elif predictions.score is not None:
        columns["score"] = list(predictions.score)
    if predictions.keypoints_3d is not None:
        joints[:, :, 4:] = predictions.keypoints_3d
    joints[~np.isfinite(joints)] = np.nan
    for joint, name in enumerate(JOINT_NAMES):
        for part, ending in enumerate(JOINT_COLUMNS):
            columns[f"{name}_{ending}"] = list(joints[:, joint, part])
        columns[f"{name}_visibility"] = _visibility(predictions, joint)
    return columns


def _visibility(predictions: Predictions, joint: int) -> list[int | None]:
    if predictions.existence is None and predictions.occlusion is None:
        return [None] * len(predictions)
    exists = np.ones(len(predictions), int) if predictions.existence is None else predictions.existence[:, joint]
    hidden = np.zeros(len(predictions), int) if predictions.occlusion is None else predictions.occlusion[:, joint]
    return list(map(int, exists * (2 - hidden.astype(int))))


def read_table(path: Path) -> Predictions:
    """Read predictions: ``hand_id`` and x and y of every joint, other columns where they are.

    Args:
        path: A file called .csv or .parquet, or a folder of the latter.

    Raises:
        InputError: If it is not such a table; line and column are named.
        MissingRequirementError: If it is Parquet and pyarrow is not installed.
    """
    columns, meta = _read(path)
    return _predictions(columns, path, meta)


def read_places(path: Path) -> list[dict[str, Any]]:
    """Read where the hands of a table are: its columns of hands, by name, without those that are empty.

    Raises:
        InputError: As :func:`read_table`.
        MissingRequirementError: Likewise.
    """
    columns, _ = _read(path)
    known = [name for name in HAND_COLUMNS if name in columns]
    typed = {n: columns[n] if HAND_COLUMNS[n] is str else _numbers(columns[n], n, path).tolist() for n in known}
    rows = zip(*typed.values(), strict=True)
    return [{n: v for n, v in zip(known, row, strict=True) if v not in (None, "") and v == v} for row in rows]


def _read(path: Path) -> tuple[Mapping[str, Sequence[Any]], dict[str, Any]]:
    """Return columns, and how the predictions were made where the file says it."""
    return (_csv_columns(path), {}) if without_query(path).suffix.lower() == ".csv" else _parquet_columns(path)


def _csv_columns(path: Path) -> Mapping[str, Sequence[Any]]:
    try:
        lines = list(csv.reader(io.StringIO(read_bytes(path).decode("utf-8-sig")), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} is not a CSV table in UTF-8: {error}") from error
    header, rows = (lines[0], lines[1:]) if lines else ([], [])
    _check_header(header, path)
    for number, row in enumerate(rows, start=2):
        if len(row) != len(header):
            raise InputError(f"{path}: line {number} has {len(row)} columns, expected {len(header)}")
    return dict(zip(header, zip(*rows, strict=True) if rows else [()] * len(header), strict=True))


def _parquet_columns(path: Path) -> tuple[Mapping[str, Sequence[Any]], dict[str, Any]]:
    tables: list[Any] = []
    for path_of_part in parquet_files(path):
        with opened_parquet(path_of_part) as file:
            header = file.schema_arrow.names
            _check_header(header, path_of_part)
            tables.append(file.read([name for name in header if name in COLUMNS]))
            if not tables[-1].schema.equals(tables[0].schema):
                raise InputError(f"{path_of_part} has other columns, or of other types, than the first file there")
    table = load_arrow().concat_tables(tables)
    columns = {name: table.column(name).to_pylist() for name in table.column_names}
    for name in columns:
        if HAND_COLUMNS.get(name) is str:
            _require_texts(columns[name], name, path)
    try:
        meta = parse_json((table.schema.metadata or {}).get(_META, b"{}"))
    except ValueError as error:
        raise InputError(f"{path} says in no JSON how it was made: {first_line(error)}") from error
    return columns, meta if isinstance(meta, dict) else {}


def _require_texts(values: Sequence[Any], name: str, path: Path) -> None:
    """Refuse a column of texts that holds something else; hands alone must have one, and may have numbers."""
    kinds = (str, int) if name == "hand_id" else (str, type(None))
    for row, value in enumerate(values, start=1):
        if not isinstance(value, kinds):
            raise InputError(f"{path}: row {row}: {name} is {shown(value)}, expected a text")


def _check_header(header: Sequence[str], path: Path) -> None:
    held = Counter(header)
    twice = sorted(name for name, number in held.items() if number > 1)
    absent = [name for name in _REQUIRED if name not in held]
    if twice or absent:
        what = f"columns twice: {some_ids(twice)}" if twice else f"no column {some_ids(absent)}"
        raise InputError(f"{path}: {what}; expected hand_id, and wrist_x, wrist_y, ..., little_tip_y in px")


def _predictions(columns: Mapping[str, Sequence[Any]], path: Path, meta: dict[str, Any]) -> Predictions:
    def joints(part: str) -> Double:
        absent = [np.nan] * len(columns["hand_id"])
        names = [f"{joint}_{part}" for joint in JOINT_NAMES]
        return np.stack([_numbers(columns.get(name, absent), name, path) for name in names], axis=1)

    scores, visibility = joints("score"), joints("visibility")
    points = np.stack([joints("x"), joints("y")], axis=2)
    points_3d = np.stack([joints(part) for part in JOINT_COLUMNS[4:]], axis=2)
    whole = _numbers(columns["score"], "score", path) if "score" in columns else np.array([np.nan])
    seen = ~np.isnan(visibility)
    if not np.isin(visibility[seen], (0, 1, 2)).all():
        raise InputError(f"{path}: a visibility is neither 0 (out of frame), 1 (occluded) nor 2 (visible)")
    try:
        return Predictions(
            np.array([str(name) for name in columns["hand_id"]], np.str_),
            points.astype(np.float32),
            None if np.isnan(points_3d).all() else points_3d.astype(np.float32),
            score=_first_known(scores, whole),
            existence=visibility > 0 if seen.any() else None,
            occlusion=visibility == 1 if seen.any() else None,
            meta=meta,
        )
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def _first_known(*scores: Double) -> Float | None:
    return next((score.astype(np.float32) for score in scores if not np.isnan(score).all()), None)


def _numbers(values: Sequence[Any], name: str, path: Path) -> Double:
    """Return a column as numbers, NaN where it is empty."""
    array = np.full(len(values), np.nan)
    for row, value in enumerate(values):
        if value is None or value == "":
            continue
        try:
            array[row] = float(value)
        except (TypeError, ValueError, OverflowError) as error:
            raise InputError(f"{path}: row {row + 1}: {name} is {str(value)[:40]!r}, expected a number") from error
    with np.errstate(over="ignore"):
        too_large = np.isinf(array.astype(np.float32))
    if too_large.any():
        raise InputError(f"{path}: row {int(too_large.argmax()) + 1}: {name} is not finite; leave it empty")
    return array
