"""What a method predicted, as columns of files and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hint.files.predictions import OPTIONAL
from hint.prediction.mano_file import CROP_COLUMNS, crop_columns, parameters_of
from hint.prediction.tasks import HandResult, Results
from hint.types import ManoParameters, Predictions

#: Start of the names of columns that go to ``mano.npz``.
MANO = "mano."
#: The others.
POINTS = ("keypoints_2d", *OPTIONAL)

Columns = Mapping[str, NDArray[Any]]


def columns_of(results: Results, is_right: NDArray[np.bool_]) -> dict[str, NDArray[Any]]:
    """Return the columns of N hands, without their ids; ``is_right`` (N,) is their sides."""
    points = {name: values for name in POINTS if (values := getattr(results.predictions, name)) is not None}
    if results.parameters is None:
        return points
    return points | {f"{MANO}{name}": values for name, values in crop_columns(results.parameters, is_right).items()}


def results_of(hand_ids: Sequence[str], columns: Columns) -> Results:
    """Return what :func:`columns_of` made columns of.

    Raises:
        InputError: If shapes disagree.
    """
    points: dict[str, Any] = {name: columns[name] for name in POINTS if name in columns}
    return Results(Predictions(np.array(hand_ids, np.str_), **points), mano_of(columns))


def mano_of(columns: Columns) -> ManoParameters | None:
    """Return the MANO parameters among columns, None where there are none."""
    if f"{MANO}is_right" not in columns:
        return None
    return parameters_of({name: columns[f"{MANO}{name}"] for name in CROP_COLUMNS})


def join(rows: Sequence[HandResult]) -> Results:
    """Return the results of single hands as one."""
    return Results.concatenate([Results(row.predictions, row.parameters) for row in rows])
