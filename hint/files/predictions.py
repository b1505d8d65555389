"""Predictions npz: ``hand_id`` (N,) and ``keypoints_2d`` (N,21,2) in px of the full image; the rest is optional.

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
from hint.files.npz import as_strings, read_npz
from hint.files.path import as_path
from hint.types import Predictions

OPTIONAL = ("keypoints_3d", "vertices", "score", "existence", "occlusion", "occlusion_probability")


def write_predictions(path: Path | str, predictions: Predictions) -> None:
    """Write predictions atomically, ids as fixed-width strings and meta as one JSON string."""
    arrays: dict[str, Any] = {"hand_id": predictions.hand_id, "keypoints_2d": predictions.keypoints_2d}
    arrays |= {key: value for key in OPTIONAL if (value := getattr(predictions, key)) is not None}
    write_npz(as_path(path), {**arrays, "meta": np.array(json.dumps(predictions.meta, allow_nan=False))})


def read_predictions(path: Path | str) -> Predictions:
    """Read predictions, ours or anyone else's.

    Raises:
        InputError: If keys, shapes or ids are not as documented.
    """
    arrays = read_npz(as_path(path), ("hand_id", "keypoints_2d"))
    try:
        meta = json.loads(str(arrays["meta"])) if "meta" in arrays else {}
        optional = {key: arrays[key] for key in OPTIONAL if key in arrays}
        ids = as_strings(arrays["hand_id"])
        return Predictions(ids, arrays["keypoints_2d"], **optional, meta=meta)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    except (ValueError, TypeError) as error:
        raise InputError(f"{path} is not a predictions file: {error}") from error
