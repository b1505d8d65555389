"""Predictions as CSV or Parquet, with the picture, side and box of every hand where a file beside them knows it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hint.files import read_labels, read_predictions, write_predictions
from hint.files.predictions import TABLES
from hint.prediction.box_files import lines_of_file, lines_of_labels
from hint.prediction.detections import BoxLine
from hint.types import Predictions


def write_table(source: Path, target: Path, labels: Path | None = None) -> Predictions:
    """Write the predictions of a file as another file: a table, or npz.

    Args:
        source: The predictions; a ``hands.jsonl`` of ``hint predict`` beside them tells their pictures.
        target: File to write; its suffix decides.
        labels: Labels of the hands, which tell their pictures otherwise; of COCO results, the file they number.

    Returns:
        The predictions.

    Raises:
        InputError: If the predictions cannot be read.
        WriteError: If the file cannot be written.
        MissingRequirementError: If Parquet needs a package that is absent.
    """
    predictions = read_predictions(source, labels)
    write = TABLES.get(target.suffix.lower())
    if write is None:
        write_predictions(target, predictions)
        return predictions
    write(target, predictions, _places(predictions, _lines(source, labels), source.parent, target.parent))
    return predictions


def _lines(source: Path, labels: Path | None) -> list[BoxLine]:
    if labels is not None:
        return lines_of_labels(read_labels(labels, split=""))
    hands = source.with_name("hands.jsonl")
    return lines_of_file(hands) if hands.is_file() else []


def _places(
    predictions: Predictions, lines: Sequence[BoxLine], folder: Path, target: Path
) -> Mapping[str, Sequence[Any]]:
    """Return the columns that say where hands are.

    Args:
        predictions: The hands.
        lines: What is known of them.
        folder: What the pictures of the lines are relative to.
        target: Folder of the table, which its pictures are relative to.
    """
    known = {line.hand_id: line for line in lines}
    rows = [known.get(hand_id, BoxLine(frame=0)) for hand_id in predictions.hand_id.tolist()]
    pictures = {name: _picture(name, folder, target) for name in {row.image for row in rows}}
    boxes = [row.box_xyxy or (None,) * 4 for row in rows]
    sides = {True: "right", False: "left", None: None}
    return {
        "picture": [pictures[row.image] for row in rows],
        "frame": [row.frame if row.image is not None else None for row in rows],
        "time": [row.seconds for row in rows],
        "side": [sides[row.is_right] for row in rows],
        "score": [row.score for row in rows],
        **dict(zip(("x1", "y1", "x2", "y2"), zip(*boxes, strict=True) if boxes else [()] * 4, strict=True)),
    }


def _picture(name: str | None, folder: Path, target: Path) -> str | None:
    """Return a picture as a path from the table; one that was in memory keeps its name."""
    if name is None or not (folder / name).is_file():
        return name
    return os.path.relpath(folder / name, target)
