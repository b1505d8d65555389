"""COCO keypoints with v = 0, 1, 2 for out of frame, occluded, visible.

The side of a hand is its category, ``left_hand`` or ``right_hand``. What plain COCO has no place for is stored in extra
keys of each annotation (``hand_id``, ``clip_id``, ``subset``, ``box_xyxy``, ``occlusion``), which COCO tools ignore.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hint.errors import InputError
from hint.files.atomic import write_json_lists
from hint.files.coco_file import CocoFile
from hint.files.foreign_hand import ForeignHand, as_labels, checked, left_alone, sift
from hint.files.picture_files import copied_names, copy_pictures, picture_names, picture_sizes
from hint.files.storage import without_query
from hint.skeleton import BONES, JOINT_NAMES
from hint.types import HandLabels

CATEGORIES = [
    {
        "id": number,
        "name": f"{side}_hand",
        "supercategory": "person",
        "keypoints": list(JOINT_NAMES),
        "skeleton": [[a + 1, b + 1] for a, b in BONES],
    }
    for number, side in enumerate(("left", "right"), start=1)
]


def write_coco(path: Path, labels: HandLabels, copy_images: bool = False) -> None:
    """Write a COCO keypoint file; hands of one picture share an entry.

    Args:
        path: File to write; names of pictures are relative to it.
        labels: The hands. Pictures that are there get a width and a height.
        copy_images: Copy the pictures to ``images`` beside the file, so that the folder can be moved.
    """
    names = copied_names(labels, "images") if copy_images else picture_names(labels, path.parent)
    sizes = picture_sizes(labels, names)
    if copy_images:
        copy_pictures(labels, names, path.parent)
    image_ids = {name: k for k, name in enumerate(dict.fromkeys(names), start=1)}
    visibility = labels.visibility
    images = (
        {"id": k, "file_name": name} | dict(zip(("width", "height"), sizes.get(name, ()), strict=False))
        for name, k in image_ids.items()
    )
    annotations = (_annotation(labels, k, visibility[k].tolist(), image_ids[names[k]]) for k in range(len(labels)))
    write_json_lists(path, {"images": images, "annotations": annotations, "categories": CATEGORIES})


def _annotation(labels: HandLabels, k: int, visibility: list[int], image_id: int) -> dict[str, Any]:
    x1, y1, x2, y2 = labels.box_xyxy[k].tolist()
    points = zip(labels.keypoints_2d[k].tolist(), visibility, strict=True)
    return {
        "id": k + 1,
        "image_id": image_id,
        "category_id": 2 if labels.is_right[k] else 1,
        "iscrowd": 0,
        "bbox": [x1, y1, x2 - x1, y2 - y1],
        "area": (x2 - x1) * (y2 - y1),
        "segmentation": [],
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


def read_coco(path: Path, images: Path | None = None, skip_bad: bool = False) -> HandLabels:
    """Read COCO keypoints of hands: those of this toolkit, of CVAT, of COCO-WholeBody, ...

    Joints are found by the names that their category gives them. Annotations of other categories are left alone; the
    notes of the labels count them.

    Args:
        path: The JSON file.
        images: Folder the file names are relative to; the file's own folder if None.
        skip_bad: Leave out annotations that cannot be read, and note them.

    Raises:
        InputError: If the file is not a COCO file, holds no hand, or annotations lack joints, a box or a side.
    """
    hands, notes = coco_hands(path, skip_bad)
    named = without_query(path)
    return as_labels(hands, images or named.parent, named.stem, notes)


def coco_hands(path: Path, skip_bad: bool = False) -> tuple[list[ForeignHand], list[str]]:
    """Return the hands of a file in their order, and notes on what else it holds.

    Raises:
        InputError: As :func:`read_coco`.
    """
    file = CocoFile(path)
    hands, notes = sift(map(checked, file.hands()), path, "annotations", skip_bad)
    notes = [*left_alone(file.left_alone, path), *notes]
    if not hands:
        raise InputError("; ".join(notes) or f"{path} holds no hand")
    return hands, notes
