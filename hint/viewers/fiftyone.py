"""A dataset that FiftyOne loads, without FiftyOne: a sample for every hand.

FiftyOne's own format names the version of its database. Written here is the form it had before, which every version
since 0.8 loads and turns into its own: metadata.json with the skeleton, samples.json with the samples, in order.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from hint.files import write_bytes
from hint.files.picture_files import picture_size
from hint.skeleton import BONES, JOINT_NAMES
from hint.types import Double, Float, HandLabels

#: What is written.
FILES = ("metadata.json", "samples.json")


@dataclass(frozen=True, eq=False)
class Run:
    """The predictions of one record for N labelled hands.

    Attributes:
        field: Its name as that of a field.
        name: Its name.
        keypoints_2d: (N,21,2) px, NaN where nothing was predicted.
        errors: (N,21) distance over the side of the box; NaN where not scored, inf where not predicted.
        mean: (N,) of the errors.
        pck: Threshold -> (N,) percent of the joints of each hand; NaN where none is scored.
    """

    field: str
    name: str
    keypoints_2d: Float
    errors: Double
    mean: Double
    pck: Mapping[float, Double]


def write_fiftyone(folder: Path, labels: HandLabels, runs: Sequence[Run]) -> None:
    """Write a dataset; pictures stay where they are.

    Args:
        folder: Where it goes.
        labels: Hands with pictures, in the order to show.
        runs: Predictions of the same hands in the same order.

    Raises:
        InputError: If a picture cannot be read.
        WriteError: If a file cannot be written.
    """
    sizes = {path: picture_size(Path(path)) for path in dict.fromkeys(labels.image.tolist())}
    samples = [_sample(labels, runs, row, sizes[labels.image[row]]) for row in range(len(labels))]
    info = {
        "description": f"hint view: labels, {', '.join(run.name for run in runs)}; worst hands of the first run first",
        "default_skeleton": {"labels": list(JOINT_NAMES), "edges": [list(bone) for bone in BONES]},
    }
    _write(folder / "samples.json", {"samples": samples})
    _write(folder / "metadata.json", {"media_type": "image", "info": info})


def _write(path: Path, value: Any) -> None:
    # A joint that is not there has NaN in FiftyOne, so this file, unlike all others, may hold it.
    write_bytes(path, json.dumps(value).encode() + b"\n")


def _sample(labels: HandLabels, runs: Sequence[Run], row: int, size: tuple[int, int]) -> dict[str, Any]:
    side = "right" if labels.is_right[row] else "left"
    subset, clip, visibility = str(labels.subset[row]), str(labels.clip_id[row]), labels.visibility[row]
    kept = np.where(visibility[:, None] > 0, labels.keypoints_2d[row], np.nan)
    sample: dict[str, Any] = {
        "filepath": str(Path(labels.image[row]).absolute()),
        "tags": [*dict.fromkeys(tag for tag in (subset, clip, *_tags(visibility)) if tag)],
        "metadata": {"_cls": "ImageMetadata", "width": size[0], "height": size[1]},
        "hand_id": str(labels.hand_id[row]),
        "subset": subset,
        "clip": clip,
        "side": side,
        "box_side": float(labels.longest_side[row]),
        "box": {"_cls": "Detections", "detections": [_box(labels.box_xyxy[row], side, size)]},
        "labels": _keypoints(side, kept, size, {"visible": visibility.tolist()}),
    }
    for run in runs:
        sample |= _predicted(run, row, side, size)
    return sample


def _tags(visibility: ArrayLike) -> list[str]:
    joints = np.asarray(visibility)
    tags = ["occluded joints"] * bool((joints == 1).any()) + ["joints out of the frame"] * bool((joints == 0).any())
    return tags or ["all joints visible"]


def _predicted(run: Run, row: int, side: str, size: tuple[int, int]) -> dict[str, Any]:
    """Return the fields of a run: keypoints with their errors, the mean error and PCK in percent."""
    errors = 100 * run.errors[row]
    fields: dict[str, Any] = {
        run.field: _keypoints(side, run.keypoints_2d[row], size, {"error": [_number(e) for e in errors.tolist()]}),
        f"{run.field}_error": _number(float(100 * run.mean[row])),
    }
    for threshold, share in run.pck.items():
        fields[f"{run.field}_pck_{100 * threshold:g}".replace(".", "_")] = _number(float(share[row]))
    return fields


def _number(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _keypoints(side: str, points: ArrayLike, size: tuple[int, int], beside: dict[str, Any]) -> dict[str, Any]:
    """Return 21 points as fractions of the picture, from the corner of its first pixel; none without a finite one."""
    places = (np.asarray(points, np.float64) + 0.5) / size
    if not np.isfinite(places).any():
        return {"_cls": "Keypoints", "keypoints": []}
    return {
        "_cls": "Keypoints",
        "keypoints": [{"_cls": "Keypoint", "label": side, "points": places.tolist(), **beside}],
    }


def _box(box: ArrayLike, side: str, size: tuple[int, int]) -> dict[str, Any]:
    x1, y1, x2, y2 = np.asarray(box, np.float64)
    width, height = size
    corners = [(x1 + 0.5) / width, (y1 + 0.5) / height, (x2 - x1) / width, (y2 - y1) / height]
    return {"_cls": "Detection", "label": side, "bounding_box": [float(value) for value in corners]}
