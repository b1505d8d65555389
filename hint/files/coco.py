"""COCO keypoints with v = 0, 1, 2 for out of frame, occluded, visible.

What plain COCO has no place for is stored in extra keys of each annotation (``hand_id``, ``side``, ``subset``,
``box_xyxy``, ``occlusion``), which COCO tools ignore; files without them can be read if they tell the side of a hand.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from hint.errors import InputError, some_ids
from hint.files.atomic import write_json
from hint.files.json_file import read_json
from hint.names import parse_name
from hint.skeleton import BONES, JOINT_NAMES
from hint.types import HandLabels

CATEGORY = {
    "id": 1,
    "name": "hand",
    "supercategory": "person",
    "keypoints": list(JOINT_NAMES),
    "skeleton": [[a + 1, b + 1] for a, b in BONES],
}


def write_coco(path: Path, labels: HandLabels) -> None:
    """Write a COCO keypoint file; picture paths are relative to it, and hands of one picture share an entry."""
    pairs = zip(labels.hand_id.tolist(), labels.image.tolist(), strict=True)
    names = [os.path.relpath(image, path.parent) if image else f"{hand_id}.jpg" for hand_id, image in pairs]
    image_ids = {name: k for k, name in enumerate(dict.fromkeys(names), start=1)}
    annotations = [_annotation(labels, k, image_ids[names[k]]) for k in range(len(labels))]
    images = [{"id": k, "file_name": name} for name, k in image_ids.items()]
    write_json(path, {"images": images, "annotations": annotations, "categories": [CATEGORY]})


def _annotation(labels: HandLabels, k: int, image_id: int) -> dict[str, Any]:
    x1, y1, x2, y2 = labels.box_xyxy[k].tolist()
    points = zip(labels.keypoints_2d[k].tolist(), labels.visibility[k].tolist(), strict=True)
    return {
        "id": k + 1,
        "image_id": image_id,
        "category_id": 1,
        "iscrowd": 0,
        "bbox": [x1, y1, x2 - x1, y2 - y1],
        "area": (x2 - x1) * (y2 - y1),
        "keypoints": [value for (x, y), v in points for value in (x, y, v)],
        "num_keypoints": int(labels.existence[k].sum()),
        "hand_id": str(labels.hand_id[k]),
        "clip_id": str(labels.clip_id[k]),
        "subset": str(labels.subset[k]),
        "side": "right" if labels.is_right[k] else "left",
        "box_xyxy": [x1, y1, x2, y2],
        "occlusion": labels.occlusion[k].astype(int).tolist(),
        "has_image": bool(labels.image[k]),
    }


def read_coco(path: Path, images: Path | None = None) -> HandLabels:
    """Read COCO keypoints of hands.

    Args:
        path: The JSON file.
        images: Folder the file names are relative to; the file's own folder if None.

    Raises:
        InputError: If the file is not a COCO file, or annotations lack 21 keypoints, a box or a side.
    """
    content = _load(path)
    files = {image["id"]: image["file_name"] for image in content["images"]}
    rows: list[dict[str, Any]] = []
    problems: list[str] = []
    for annotation in content["annotations"]:
        try:
            rows.append(_row(annotation, files, images or path.parent, path.stem))
        except (KeyError, TypeError, ValueError) as error:
            problems.append(f"annotation {annotation.get('id')} ({_reason(error)})")
    if problems:
        total = len(content["annotations"])
        raise InputError(f"{len(problems)} of {total} annotations in {path} are not hands: {some_ids(problems)}")
    return HandLabels(**{key: np.array([row[key] for row in rows]) for key in rows[0]})


def _reason(error: Exception) -> str:
    return f"lacks {error.args[0]}" if isinstance(error, KeyError) else str(error)


def _load(path: Path) -> dict[str, Any]:
    content = read_json(path)
    if not isinstance(content, dict) or not content.get("annotations") or not content.get("images"):
        raise InputError(f"{path} is not a COCO keypoint file with images and annotations")
    return content


def _row(annotation: Mapping[str, Any], files: Mapping[int, str], folder: Path, default: str) -> dict[str, Any]:
    points = np.array(annotation["keypoints"], dtype=np.float64)
    if points.size != 63:
        raise ValueError(f"{points.size} keypoint numbers, expected 63")
    points = points.reshape(21, 3)
    image = files[annotation["image_id"]]
    name = _hand_id(annotation, image)
    parsed = parse_name(name)
    x, y, w, h = annotation["bbox"]
    occluded = annotation.get("occlusion", points[:, 2] == 1)
    exact = annotation.get("box_xyxy")
    return {
        "hand_id": name,
        "clip_id": annotation.get("clip_id") or (parsed.clip_id if parsed else name),
        "subset": annotation.get("subset", default),
        "box_xyxy": [x, y, x + w, y + h] if exact is None else exact,
        "box_side": max(w, h) if exact is None else np.subtract(exact[2:], exact[:2]).max(),
        "is_right": _side(annotation, name) == "right",
        "keypoints_2d": points[:, :2],
        "existence": points[:, 2] > 0,
        "occlusion": np.asarray(occluded, dtype=bool),
        "image": os.path.normpath(folder / image) if annotation.get("has_image", True) else "",
    }


def _hand_id(annotation: Mapping[str, Any], image: str) -> str:
    """Name a hand by its own id, else by its picture and the number of the annotation."""
    if "hand_id" in annotation:
        return str(annotation["hand_id"])
    stem = Path(image).stem
    if parse_name(stem):
        return stem
    return f"{stem}_{annotation['id']}_{_side(annotation, stem)[0]}"


def _side(annotation: Mapping[str, Any], stem: str) -> str:
    side = annotation.get("side") or annotation.get("handedness") or annotation.get("hand_type")
    if side in ("left", "right"):
        return str(side)
    parsed = parse_name(stem)
    if parsed is None:
        raise ValueError("no side: neither a key 'side' nor a file name that ends in _l or _r")
    return "right" if parsed.is_right else "left"
