"""Predictions: npz, and what other tools write.

An npz holds ``hand_id`` (N,) and ``keypoints_2d`` (N,21,2) in px of the full image; the rest is optional.

Besides 3D, mesh and score these are ``existence`` and ``occlusion`` (N,21) bool and ``occlusion_probability`` (N,21), a
first guess for annotators, which scoring ignores.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from hint.errors import InputError
from hint.files.atomic import write_npz
from hint.files.coco_results import read_coco_results
from hint.files.evaluation_npz import part_of
from hint.files.json_file import parse_json
from hint.files.npz import as_strings, read_npz
from hint.files.parquet_rows import is_parquet
from hint.files.path import as_path
from hint.files.prediction_table import read_table, write_csv, write_parquet
from hint.files.storage import url_of, without_query
from hint.types import Predictions

OPTIONAL = ("keypoints_3d", "vertices", "score", "existence", "occlusion", "occlusion_probability")

#: Suffix of a COCO results list; it is read with the labels it is about.
RESULTS = ".json"
#: Suffix of a table -> what writes it.
TABLES = {".csv": write_csv, ".parquet": write_parquet}


def write_predictions(path: Path | str, predictions: Predictions) -> None:
    """Write predictions atomically: a table where the file is called .csv or .parquet, else npz.

    An npz holds ids as fixed-width strings and meta as one JSON string.

    Raises:
        WriteError: If the file cannot be written.
        MissingRequirementError: If Parquet is asked for and pyarrow is not installed.
    """
    path = as_path(path)
    if path.suffix.lower() in TABLES:
        TABLES[path.suffix.lower()](path, predictions, {})
        return
    arrays: dict[str, Any] = {"hand_id": predictions.hand_id, "keypoints_2d": predictions.keypoints_2d}
    arrays |= {key: value for key in OPTIONAL if (value := getattr(predictions, key)) is not None}
    write_npz(path, {**arrays, "meta": np.array(json.dumps(predictions.meta, allow_nan=False))})


def read_predictions(path: Path | str, labels: Path | None = None) -> Predictions:
    """Read predictions, ours or anyone else's.

    Args:
        path: npz, CSV, Parquet (a file or a folder of files), or a COCO results list (.json); or a URL of one.
        labels: The COCO file whose numbers of pictures a results list uses.

    Raises:
        InputError: If keys, columns, shapes or ids are not as documented.
        MissingRequirementError: If Parquet is given and pyarrow is not installed.
    """
    path = as_path(path)
    suffix = without_query(path).suffix.lower()
    if suffix == RESULTS and (path.is_file() or url_of(path) is not None):
        return read_coco_results(path, labels)
    return read_table(path) if suffix in TABLES or is_parquet(path) else _read_npz(path)


def holds_predictions(path: Path) -> bool:
    """Tell a file of predictions from labels, by its name."""
    suffix = path.suffix.lower()
    return suffix in TABLES or (suffix == ".npz" and part_of(path) is None)


def _read_npz(path: Path) -> Predictions:
    arrays = read_npz(path, ("hand_id", "keypoints_2d"))
    try:
        meta = parse_json(str(arrays["meta"])) if "meta" in arrays else {}
        optional: dict[str, Any] = {key: arrays[key] for key in OPTIONAL if key in arrays}
        if not isinstance(meta, dict):
            raise InputError("meta is no JSON object")
        ids = as_strings(arrays["hand_id"])
        return Predictions(ids, arrays["keypoints_2d"], **optional, meta=meta)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    except (ValueError, TypeError, OverflowError) as error:
        raise InputError(f"{path} is not a predictions file: {error}") from error
