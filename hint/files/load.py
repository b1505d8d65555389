"""Labels and predictions from paths as a user writes them: ``hint.load_labels`` and its kin."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hint.files.labels import read_labels
from hint.files.predictions import read_predictions, write_predictions
from hint.types import HandLabels, Predictions


def load_labels(
    path: Path | str, subsets: str | Sequence[str] | None = None, images: Path | str | None = None
) -> HandLabels:
    """Read labelled hands; the format is recognised.

    Args:
        path: HInt root, folder of jpg+json pairs, evaluation npz or a folder of them, or a COCO keypoint file.
        subsets: One or several names, such as "newdays" or "val_ego4d"; None for every test subset there is.
        images: Folder of the pictures, if they are not beside the labels.

    Raises:
        InputError: If nothing readable is there.
        UnknownNameError: If a subset is not there.
    """
    names = [subsets] if isinstance(subsets, str) else list(subsets or ())
    return read_labels(_path(path), names, None if images is None else _path(images))


def load_predictions(path: Path | str) -> Predictions:
    """Read predictions: an npz with at least ``hand_id`` and ``keypoints_2d``.

    Raises:
        InputError: If the file is absent, or not a readable .npz of predictions.
    """
    return read_predictions(_path(path))


def save_predictions(path: Path | str, predictions: Predictions) -> None:
    """Write predictions as npz, whole or not at all.

    Raises:
        WriteError: If the file cannot be written.
    """
    write_predictions(_path(path), predictions)


def _path(path: Path | str) -> Path:
    return Path(path).expanduser()
