"""JSON-MIN, which lacks the regions, as the full JSON would be.

It has one record for every annotation, whose controls are keys beside those of the task. Labels of one region have the
same position, so points are put together by that; the k-th labels of several points at one position belong together.
Who changed an annotation, drafts and skipped tasks are not in it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from annotation.studio.config import COMMENT, IMAGE, STATUS

#: Keys that the server adds to a record.
_OF_ANNOTATION = {
    "annotation_id": "id",
    "annotator": "completed_by",
    "created_at": "created_at",
    "updated_at": "updated_at",
    "lead_time": "lead_time",
}
#: Keys of labels in a value, as the type of the result they come from.
_KINDS = ("keypointlabels", "rectanglelabels", "labels")


def is_minimal(rows: Sequence[Mapping[str, Any]]) -> bool:
    """Tell whether records are JSON-MIN."""
    return bool(rows) and all("data" not in row and "annotation_id" in row for row in rows)


def as_full(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the tasks of JSON-MIN records, each with its annotations."""
    tasks: dict[str, dict[str, Any]] = {}
    for number, row in enumerate(rows, start=1):
        data = {key: value for key, value in row.items() if not (key in _OF_ANNOTATION or _is_drawn(value))}
        name = repr(row.get("id", -number))  # whatever it is; those that are no numbers are refused later
        task = tasks.setdefault(name, {"id": row.get("id", number), "data": data, "annotations": []})
        own = {name: row.get(key) for key, name in _OF_ANNOTATION.items()}
        if own["id"] is not None:  # a task that nobody labelled has a record, too
            task["annotations"].append({**own, "result": _results(row)})
    return list(tasks.values())


def _is_drawn(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, Mapping) and "x" in one for one in value)


def _results(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for control, values in row.items():
        if _is_drawn(values):
            found += _regions(control, values)
    for control, key in ((STATUS, "choices"), (COMMENT, "text")):
        if isinstance(row.get(control), str):
            found.append({"from_name": control, "type": key, "value": {key: [row[control]]}})
    return found


def _regions(control: str, values: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the results of one control, named after their position."""
    times: Counter[str] = Counter()
    found = []
    for value in values:
        place = f"{value['x']} {value.get('y')}"
        times[place] += 1
        kind = next((kind for kind in _KINDS if kind in value), "")
        size = {key: value.get(key) for key in ("original_width", "original_height")}
        own = {key: one for key, one in value.items() if key not in size}
        region = {"id": f"{place} {times[place]}", "from_name": control, "to_name": IMAGE, "type": kind}
        found.append({**region, **size, "image_rotation": 0, "value": own})
    return found
