"""The official evaluation npz: three files per subset that differ only in the third keypoint column.

``_all`` marks joints that exist, ``_vis`` those that are also visible, ``_occ`` those that are occluded.
Our own files have two more keys (``box_xyxy``, ``occlusion``), which make them exact; official readers ignore them.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hint.errors import InputError, some_ids
from hint.files.atomic import write_npz
from hint.files.npz import NUMBER, TEXT, Column, as_strings, read_npz, require_columns
from hint.files.pairs import picture_folder
from hint.files.storage import is_file
from hint.names import folder_of_subset, parse_name, subset_of_folder
from hint.types import Bool, Double, HandLabels, Strings

PARTS = ("all", "vis", "occ")

#: Third column of a keypoint from which it is marked.
_MARKED = 0.5

Arrays = dict[str, NDArray[Any]]

_COLUMNS: dict[str, Column] = {
    "imgname": (TEXT, ("N",)),
    "center": (NUMBER, ("N", 2)),
    "scale": (NUMBER, None),
    "hand_keypoints_2d": (NUMBER, ("N", 21, 3)),
    "right": (NUMBER, ("N",)),
    "box_xyxy": (NUMBER, ("N", 4)),
    "occlusion": (NUMBER, ("N", 21)),
}


def part_of(path: Path) -> tuple[str, str] | None:
    """Split ``TEST_epick_img_vis.npz`` into ("TEST_epick_img", "vis"); None for other names."""
    stem, _, part = path.stem.rpartition("_")
    return (stem, part) if path.suffix == ".npz" and part in PARTS and stem else None


def read_evaluation_npz(folder: Path, stem: str, images: Path | None = None) -> HandLabels:
    """Merge ``<stem>_all.npz``, ``_vis`` and ``_occ`` into one label set.

    Args:
        folder: Folder of the three files.
        stem: Their common name, such as "TEST_newdays_img".
        images: Folder of the pictures, or a HInt root that holds a folder named ``stem``.

    Raises:
        InputError: If one of the three is missing or they contradict each other.
    """
    missing = [f"{stem}_{part}.npz" for part in PARTS if not is_file(folder / f"{stem}_{part}.npz")]
    if missing:
        raise InputError(f"{folder} lacks {', '.join(missing)}: the all, vis and occ files are needed together")
    everything = _read_part(folder / f"{stem}_all.npz")
    keypoints = everything.pop("hand_keypoints_2d")
    points, exists = keypoints[:, :, :2].astype(np.float64), keypoints[:, :, 2] > _MARKED
    del keypoints  # each of the three files holds all points again: one at a time is in memory
    names = as_strings(everything["imgname"])
    ids = np.array([PurePosixPath(name).stem for name in names.tolist()], dtype=np.str_)
    visible, occluded = (_marked(folder / f"{stem}_{part}.npz", names, points) for part in PARTS[1:])
    agree = ((visible ^ occluded) == exists).all(1) & ~(visible & occluded).any(1)
    if not agree.all():
        raise InputError(f"{folder / stem}: all is not vis plus occ in {some_ids(ids[~agree].tolist())}")
    return HandLabels(
        hand_id=ids,
        clip_id=np.array([name.clip_id if (name := parse_name(i)) else i for i in ids.tolist()], dtype=np.str_),
        subset=np.full(len(ids), subset_of_folder(stem)),
        box_xyxy=_boxes(everything),
        box_side=_sizes(everything).max(1, initial=0),
        is_right=everything["right"] > 0 if "right" in everything else np.ones(len(ids), bool),
        keypoints_2d=points,
        existence=exists,
        occlusion=everything.get("occlusion", occluded).astype(bool),
        image=_images(names, images, stem),
    )


def _read_part(path: Path) -> Arrays:
    arrays = read_npz(path, ("imgname", "center", "scale", "hand_keypoints_2d"))
    require_columns(path, arrays, _COLUMNS)
    if arrays["scale"].shape not in {(n := len(arrays["center"]),), (n, 1), (n, 2)}:
        raise InputError(f"{path}: scale has shape {arrays['scale'].shape}, expected a width and height for each hand")
    return arrays


def _marked(path: Path, names: Strings, points: Double) -> Bool:
    """Return the joints (N,21) that the file of visible or of occluded ones marks; its hands must be those of all."""
    arrays = _read_part(path)
    keypoints = arrays["hand_keypoints_2d"]
    if len(keypoints) != len(points):
        raise InputError(f"{path} holds {len(keypoints):,} hands, {_whole(path)} {len(points):,}")
    same = (as_strings(arrays["imgname"]) == names) & (keypoints[:, :, :2] == points).all((1, 2))
    if not same.all():
        ids = [PurePosixPath(name).stem for name in names[~same].tolist()]
        raise InputError(f"{path} differs from {_whole(path)} in {some_ids(ids)}")
    return np.asarray(keypoints[:, :, 2] > _MARKED)


def _whole(path: Path) -> str:
    """Return the name of the file of all joints, next to that of visible or of occluded ones."""
    return f"{path.stem.rpartition('_')[0]}_{PARTS[0]}.npz"


def _boxes(arrays: Arrays) -> NDArray[np.float64]:
    if "box_xyxy" in arrays:
        return arrays["box_xyxy"].astype(np.float64)
    size = _sizes(arrays)
    return np.concatenate([arrays["center"] - size / 2, arrays["center"] + size / 2], axis=1)


def _sizes(arrays: Arrays) -> NDArray[np.float64]:
    """Return width and height (N,2); a file may give one number for both."""
    scale = arrays["scale"].astype(np.float64).reshape(len(arrays["center"]), -1)
    return np.broadcast_to(scale, arrays["center"].shape)


def _images(names: NDArray[np.str_], images: Path | None, stem: str) -> NDArray[np.str_]:
    if images is None:
        return np.full(len(names), "")
    folder = picture_folder(images, stem)
    return np.array([str(folder / name) for name in names.tolist()], dtype=np.str_)


def write_evaluation_npz(folder: Path, labels: HandLabels) -> None:
    """Write three files per subset, in the official layout."""
    for subset in labels.subsets:
        part = labels.select(labels.subset == subset)
        part = part.select(np.argsort(part.hand_id))
        box = part.box_xyxy
        common = {
            "imgname": np.array([_image_name(i, p) for i, p in zip(part.hand_id, part.image, strict=True)], np.str_),
            "center": (box[:, :2] + box[:, 2:]) / 2,
            "scale": _scale(part),
            "right": part.is_right.astype(np.int64),
            "box_xyxy": box,
            "occlusion": part.occlusion,
        }
        exists, occluded = part.existence, part.occlusion
        for name, flag in zip(PARTS, (exists, exists & ~occluded, exists & occluded), strict=True):
            keypoints = np.concatenate([part.keypoints_2d, flag[:, :, None]], axis=2)
            write_npz(folder / f"{folder_of_subset(subset)}_{name}.npz", {**common, "hand_keypoints_2d": keypoints})


def _scale(labels: HandLabels) -> NDArray[np.float64]:
    """Return width and height (N,2); the longer one is exactly the side that PCK compares with."""
    size = labels.box_xyxy[:, 2:] - labels.box_xyxy[:, :2]
    size[np.arange(len(size)), size.argmax(1)] = labels.longest_side
    return size


def _image_name(hand_id: str, image: str) -> str:
    return f"{hand_id}{Path(image).suffix if image else '.jpg'}"
