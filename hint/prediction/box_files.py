"""Files of boxes: lists, what an earlier run found, manifests, COCO, labels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import chain, islice
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from hint.errors import InputError, first_problem, some_ids
from hint.files.coco_file import CocoFile
from hint.files.foreign_hand import ForeignHand, box_of, boxed, left_alone, side_of, sift
from hint.files.json_file import json_lines, read_json
from hint.files.labels import read_labels
from hint.files.manifest import read_manifest
from hint.files.parquet_rows import is_parquet, parquet_rows
from hint.files.prediction_table import read_places
from hint.files.predictions import TABLES
from hint.files.storage import is_folder, url_of, without_query
from hint.prediction.detections import BoxLine
from hint.types import HandLabels

_SIDES = {"right": True, "left": False}
#: Suffixes of files that hold labels alone.
_LABELS = (".npz", ".xml", ".yaml", ".yml")
#: Columns that a table of predictions has, and no list of boxes.
_IS_TABLE = frozenset(("hand_id", "wrist_x"))


def lines_of_file(path: Path) -> list[BoxLine]:
    """Read boxes.

    Args:
        path: Manifest of ``hint sample`` (.jsonl); a list of :class:`BoxLine` as JSON or JSON Lines, such as the
            ``hands.jsonl`` that ``hint predict`` writes; either as Parquet, a file or a folder of files; COCO
            annotations (.json); a table of predictions (.csv, .parquet); or labels as ``hint eval`` reads them (pairs,
            evaluation npz, CVAT's XML, YOLO's data.yaml). Or a URL of one of these.

    Raises:
        InputError: If the file is missing or holds something else.
        MissingRequirementError: If it is Parquet and pyarrow is not installed.
    """
    if url_of(path) is None and not path.exists():
        raise InputError(f"{path}: no such file or folder")
    if is_parquet(path):
        rows = parquet_rows(path)
        first = next(rows, {})
        if _IS_TABLE.issubset(first):
            return check_lines(map(_of_table, read_places(path)), path)
        return _of_list(chain([first], rows) if first else (), path)
    suffix = without_query(path).suffix.lower()
    if suffix in _LABELS or is_folder(path):
        return lines_of_labels(read_labels(path), path)
    if suffix in TABLES:
        return check_lines(map(_of_table, read_places(path)), path)
    if suffix != ".jsonl":
        content = read_json(path)
        if isinstance(content, dict):
            return _coco(path)
        if not isinstance(content, list):
            raise InputError(f"{path} holds one {type(content).__name__}, expected a list of boxes or COCO annotations")
        return _of_list(content, path)
    return _of_list(json_lines(path), path)


def _of_list(content: Iterable[Any], path: Path) -> list[BoxLine]:
    values = iter(content)
    first = list(islice(values, 1))
    if first and isinstance(first[0], dict) and "policy_sha256" in first[0]:
        stored = [_as_stored(h.image, h.hand_id, h.box_xyxy, h.side == "right") for h in read_manifest(path)]
        return check_lines(stored, path)
    return check_lines(chain(first, values), path)


def lines_of_labels(labels: HandLabels, path: Path = Path("labels")) -> list[BoxLine]:
    """Take the boxes, sides and ids of labels; a hand without a picture belongs to the one named like it.

    Args:
        labels: The labels.
        path: What messages call them.

    Raises:
        InputError: If a hand has no box, or its id cannot name a file.
    """
    hands = labels.hands()
    return check_lines([_as_stored(str(h.image or h.hand_id), h.hand_id, h.box_xyxy, h.is_right) for h in hands], path)


def check_lines(content: Iterable[Any], path: Path) -> list[BoxLine]:
    """Check a list of boxes.

    Raises:
        InputError: If entries are not boxes; the first five are named.
    """
    lines: list[BoxLine] = []
    problems: list[str] = []
    for number, value in enumerate(content, start=1):
        try:
            lines.append(BoxLine.model_validate(value))
        except (ValidationError, UnicodeEncodeError) as error:
            problems.append(f"entry {number} ({first_problem(error)})")
    if problems:
        total = len(problems) + len(lines)
        raise InputError(
            f"{path}: {len(problems)} of {total} entries are not boxes: {some_ids(problems)}; write "
            '{"image": "a.jpg", "box_xyxy": [10, 20, 90, 120], "is_right": true}, for a video also "frame": 0'
        )
    return lines


def _as_stored(image: str, hand_id: str, box: Any, is_right: bool) -> dict[str, Any]:
    """Return the line of a label: these refer to pixels as stored."""
    return {"image": image, "hand_id": hand_id, "box_xyxy": box, "is_right": is_right, "orientation": 1}


def _of_table(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the line of a row of a table of predictions."""
    box = [row[edge] for edge in ("x1", "y1", "x2", "y2") if edge in row]
    line = {
        "image": row.get("picture"),
        "frame": row.get("frame"),
        "hand_id": row.get("hand_id"),
        "box_xyxy": box or None,
        "is_right": _SIDES.get(row.get("side", "")),
        "score": row.get("score"),
    }
    return {key: value for key, value in line.items() if value is not None}


def _coco(path: Path) -> list[BoxLine]:
    file = CocoFile(path, boxes_only=True)
    hands, _ = sift(map(boxed, file.hands()), path, "annotations", skip_bad=False)
    if not hands:
        raise InputError("; ".join(left_alone(file.left_alone, path)) or f"{path} holds no box of a hand")
    return check_lines([_coco_line(hand) for hand in hands], path)


def _coco_line(hand: ForeignHand) -> dict[str, Any]:
    return {
        "image": hand.image,
        "hand_id": hand.own.get("hand_id"),
        "box_xyxy": box_of(hand),
        "is_right": _SIDES.get(side_of(hand) or ""),
        "orientation": 1 if hand.has_points else None,  # labels refer to pixels as stored
    }
