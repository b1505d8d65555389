"""Labels and predictions from paths as a user writes them: ``hint.load_labels`` and its kin."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hint.errors import InputError
from hint.files.labels import read_labels
from hint.files.predictions import read_predictions, write_predictions
from hint.types import HandLabels, Predictions


def load_labels(
    path: Path | str,
    subsets: str | Sequence[str] | None = None,
    images: Path | str | None = None,
    *,
    skip_bad: bool = False,
) -> HandLabels:
    """Read labelled hands; the format is recognised.

    Args:
        path: HInt root, folder of jpg+json pairs, evaluation npz or a folder of them, COCO keypoints (.json), CVAT's
            XML, or the data.yaml of a YOLO pose dataset.
        subsets: One or several names, such as "newdays" or "val_ego4d"; None for every test subset there is.
        images: Folder of the pictures, if they are not beside the labels.
        skip_bad: Leave out hands that cannot be read from a file of another tool; ``notes`` of the labels name them.

    Raises:
        InputError: If nothing readable is there, or a subset is not.
    """
    names = [subsets] if isinstance(subsets, str) else list(subsets or ())
    return read_labels(path, names, images, skip_bad=skip_bad)


def load_predictions(path: Path | str) -> Predictions:
    """Read predictions: an npz with at least ``hand_id`` and ``keypoints_2d``, or a table, CSV or Parquet.

    Raises:
        InputError: If the file is absent, or not readable as predictions.
        MissingRequirementError: If it is Parquet and pyarrow is not installed.
    """
    return read_predictions(path)


def save_predictions(path: Path | str, predictions: Predictions) -> None:
    """Write predictions, whole or not at all: as a table where the file is called .csv or .parquet, else as npz.

    Raises:
        InputError: If the path is not a path, or the predictions are not predictions.
        WriteError: If the file cannot be written.
    """
    if not isinstance(predictions, Predictions):
        given = f"{type(path).__name__} and {type(predictions).__name__}"
        raise InputError(f"expected a path, then predictions, not {given}")
    write_predictions(path, predictions)
