"""YOLO pose datasets: ``data.yaml``, pictures in ``images``, and beside them ``labels`` with a line for every hand.

A line is the class, the centre and the size of the box, then x, y and visibility of every joint; coordinates are
fractions of width and height. The class is the side of the hand.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from hint.errors import InputError
from hint.files.atomic import write_bytes
from hint.files.foreign_hand import (
    ForeignHand,
    Unreadable,
    as_labels,
    checked,
    left_alone,
    numbers,
    sift,
    visibility_checked,
)
from hint.files.joint_names import HandJoints, Side, find_hands, side_in
from hint.files.pairs import IMAGE_SUFFIXES
from hint.files.picture_files import absent_note, copied_names, copy_pictures, picture_size, picture_sizes
from hint.files.storage import url_of
from hint.files.yaml_file import read_yaml
from hint.names import split_of_subset
from hint.skeleton import JOINT_NAMES, N_JOINTS
from hint.types import Double, HandLabels

FILE_NAME = "data.yaml"

#: In this order, since a file that has no val may name its test or train folder instead.
_SPLITS = ("test", "train", "val")
_CLASSES = ("left_hand", "right_hand")


@dataclass(frozen=True)
class Classes:
    """What the classes of a dataset are.

    Attributes:
        sides: Class -> side that its name says, None if it says none; classes that are no hands are absent.
        names: Class -> name.
        joints: Place of each joint among the keypoints.
        dimensions: Numbers for each keypoint: 2, or 3 with visibility.
    """

    sides: Mapping[int, Side | None]
    names: Mapping[int, str]
    joints: HandJoints
    dimensions: int


def yolo_parts(path: Path, images: Path | None, skip_bad: bool) -> dict[str, partial[HandLabels]]:
    """Return what reads each split of a dataset.

    Args:
        path: Its ``data.yaml``.
        images: Folder of the pictures, None for what the file says.
        skip_bad: Leave out lines that cannot be read, and note them.

    Raises:
        InputError: If the file is no description of a dataset of hands, or no split is there.
        MissingRequirementError: If PyYAML is not installed.
    """
    if (url := url_of(path)) is not None:
        raise InputError(f"{url}: a YOLO dataset is read from a disk; download it first")
    content = read_yaml(path)
    if not isinstance(content, dict) or "names" not in content or "kpt_shape" not in content:
        raise InputError(f"{path} is no description of a YOLO pose dataset: expected names and kpt_shape")
    classes = _classes(content, path)
    parts: dict[str, partial[HandLabels]] = {}
    seen: set[Path] = set()
    for split in _SPLITS:
        folders = [folder for folder in _folders(content, split, path) if folder not in seen]
        seen.update(folders)
        if folders:
            parts[split] = partial(_read_split, path, split, folders, classes, images, skip_bad)
    if not parts:
        raise InputError(f"{path}: none of the folders that train, val and test name is there")
    return parts


def _classes(content: Mapping[str, Any], path: Path) -> Classes:
    shape = content["kpt_shape"]
    if not isinstance(shape, list) or shape not in ([N_JOINTS, 2], [N_JOINTS, 3]):
        raise InputError(f"{path}: kpt_shape is {str(shape)[:40]}, expected [21, 3] or [21, 2]")
    names = _numbered(content["names"], path)
    says_hand = {number: side_in(name) is not None or "hand" in name.lower() for number, name in names.items()}
    alone = len(names) == 1
    return Classes(
        {number: side_in(name) for number, name in names.items() if alone or says_hand[number]},
        names,
        _joints(content.get("kpt_names"), path),
        shape[1],
    )


def _numbered(names: Any, path: Path) -> dict[int, str]:
    listed = dict(enumerate(names)) if isinstance(names, list) else names
    if not isinstance(listed, dict) or not all(isinstance(k, int) and isinstance(v, str) for k, v in listed.items()):
        raise InputError(f"{path}: names are neither a list of names nor numbers with names")
    return listed


def _joints(names: Any, path: Path) -> HandJoints:
    """Return the places of joints by ``kpt_names``, of one class or for each class; in HInt order without."""
    lists = list(names.values()) if isinstance(names, dict) else [names]
    if names is None or not lists:
        return HandJoints(None, tuple(range(N_JOINTS)))
    try:
        found = {tuple(find_hands(list(map(str, one)))) for one in lists}
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(f"{path}: kpt_names: {error}") from error
    if len(found) != 1 or len(next(iter(found))) != 1:
        raise InputError(f"{path}: kpt_names are not the joints of one hand, in one order for all classes")
    return next(iter(found))[0]


def _folders(content: Mapping[str, Any], split: str, path: Path) -> list[Path]:
    """Return the folders, or lists, of pictures of a split that are there."""
    value, stated = content.get(split), content.get("path")
    named = [value] if isinstance(value, str) else value if isinstance(value, list) else []
    roots = [path.parent / stated, path.parent] if isinstance(stated, str) else [path.parent]
    found = (next((p for root in roots if _is_there(p := root / str(name))), None) for name in named)
    return [place.resolve() for place in found if place is not None]


def _is_there(path: Path) -> bool:
    """Tell whether there is a folder or a file, which a pipe, a device or a name longer than any name is not."""
    try:
        return path.is_dir() or path.is_file()
    except OSError:
        return False


def _pictures(place: Path) -> list[Path]:
    if place == place.parent:
        raise InputError(f"{place} is the whole disk, not a folder of pictures")
    try:
        if place.is_dir():
            return sorted(p for p in place.rglob("*") if p.suffix.lower() in IMAGE_SUFFIXES)
        return [place.parent / line.strip() for line in place.read_text("utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{place} cannot be read, as a folder or as a list of pictures") from error


def _read_split(
    path: Path, split: str, places: Sequence[Path], classes: Classes, images: Path | None, skip_bad: bool
) -> HandLabels:
    other: Counter[str] = Counter()
    pictures = [picture for place in places for picture in _pictures(place)]
    root = path.resolve().parent
    found = (checked(hand) for picture in pictures for hand in _hands(picture, root, classes, other))
    hands, notes = sift(found, path, f"lines of {split}", skip_bad)
    notes = [*left_alone(other, path), *notes]
    if not hands:
        raise InputError("; ".join(notes) or f"{path}: {split} has {len(pictures)} pictures and no line of labels")
    labels = as_labels(hands, path.parent, split, notes)
    return labels if images is None else HandLabels(**{**vars(labels), "image": _elsewhere(labels, images)})


def _elsewhere(labels: HandLabels, images: Path) -> list[str]:
    return [str(images / PurePath(image).name) for image in labels.image.tolist()]


def label_file(picture: Path) -> Path:
    """Return the labels of a picture: the last folder ``images`` on its way is ``labels``."""
    parts = list(picture.parts)
    at = next((k for k in range(len(parts) - 2, -1, -1) if parts[k] == "images"), None)
    if at is not None:
        parts[at] = "labels"
    return Path(*parts).with_suffix(".txt")


def _hands(picture: Path, root: Path, classes: Classes, other: Counter[str]) -> Iterator[ForeignHand | Unreadable]:
    file = label_file(picture)
    if not _is_there(file):
        return
    try:
        lines = file.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        yield Unreadable(file.name, "not text")
        return
    size = picture_size(picture) if lines else (0, 0)
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        where = f"{file.name}, line {number}"
        try:
            values = [float(value) for value in line.split()]
            wanted = 5 + classes.dimensions * N_JOINTS
            row = numbers(values, wanted, "line")
            kind = int(row[0])
            if kind not in classes.names or kind != row[0]:
                raise ValueError(f"class {row[0]:g} is not among the names")
            if kind not in classes.sides:
                other[f"class {classes.names[kind]!r}"] += 1
                continue
            yield _hand(row, classes, kind, where, str(number), os.path.relpath(picture, root), size)
        except ValueError as error:
            yield Unreadable(where, str(error))


def _hand(
    row: Double, classes: Classes, kind: int, where: str, name: str, picture: str, size: tuple[int, int]
) -> ForeignHand:
    scale = np.array(size, float)
    centre, extent = row[1:3] * scale, row[3:5] * scale
    points = row[5:].reshape(N_JOINTS, -1)[list(classes.joints.places)]
    if classes.dimensions == 2:  # a joint that is not there is 0, 0
        points = np.column_stack([points, 2 * points.any(1)])
    if not (np.abs(row[1:5]) <= 2).all():
        raise ValueError("coordinates are not fractions of width and height")
    points = np.column_stack([points[:, :2] * scale, visibility_checked(points)[:, 2]])
    (x1, y1), (x2, y2) = (centre - extent / 2).tolist(), (centre + extent / 2).tolist()
    width, height = extent.tolist()
    return ForeignHand(where, name, picture, classes.sides[kind], (x1, y1, x2, y2), points, (width, height))


def write_yolo(folder: Path, labels: HandLabels) -> None:
    """Write a dataset: pictures are copied, since labels are found by the place of their picture.

    YOLO takes nothing outside a picture: boxes are cut at its edges, and joints out of the frame are 0, 0, 0.

    Args:
        folder: Folder to write to.
        labels: The hands.

    Raises:
        InputError: If a picture is absent; without its size nothing can be written.
    """
    if absent := absent_note(labels):
        raise InputError(f"YOLO needs the pictures: {absent[0]}; name their folder with --images")
    splits = [split_of_subset(subset) for subset in labels.subset.tolist()]
    names = copied_names(labels, "images")
    places = [f"images/{split}/{PurePath(name).name}" for split, name in zip(splits, names, strict=True)]
    sizes = picture_sizes(labels, places)
    copy_pictures(labels, places, folder)
    lines: dict[str, list[str]] = {}
    for k, (place, visibility) in enumerate(zip(places, labels.visibility.tolist(), strict=True)):
        lines.setdefault(place, []).append(_line(labels, k, visibility, sizes[place]))
    for place, rows in lines.items():
        write_bytes(label_file(folder / place), "".join(f"{row}\n" for row in rows).encode())
    write_bytes(folder / FILE_NAME, _description(sorted(set(splits))).encode())


def _line(labels: HandLabels, k: int, visibility: list[int], size: tuple[int, int]) -> str:
    scale = np.array(size, float)
    corners = np.clip(labels.box_xyxy[k].reshape(2, 2) / scale, 0, 1)
    box = [*corners.mean(0), *(corners[1] - corners[0])]
    there = labels.existence[k][:, None]
    points = np.where(there, np.clip(labels.keypoints_2d[k] / scale, 0, 1), 0)
    joints = [f"{x:.9f} {y:.9f} {v}" for (x, y), v in zip(points.tolist(), visibility, strict=True)]
    return " ".join([str(int(labels.is_right[k])), *(f"{value:.9f}" for value in box), *joints])


def _description(splits: Sequence[str]) -> str:
    """Return ``data.yaml``; YOLO asks for train and val even where it only tests."""
    folders = {split: f"images/{split}" for split in ("train", *splits)}
    folders.setdefault("val", f"images/{splits[0]}")
    joints = json.dumps(JOINT_NAMES)
    return "".join(
        [
            "# 21 joints of a hand: wrist, then thumb, index, middle, ring and little finger from base to tip.\n",
            "# Train with fliplr=0: a mirrored left hand is a right hand, and YOLO does not change its class.\n",
            *(f"{split}: {folder}\n" for split, folder in folders.items()),
            f"kpt_shape: [{N_JOINTS}, 3]\nflip_idx: {list(range(N_JOINTS))}\n",
            "names:\n",
            *(f"  {number}: {name}\n" for number, name in enumerate(_CLASSES)),
            "kpt_names:\n",
            *(f"  {number}: {joints}\n" for number in range(len(_CLASSES))),
        ]
    )
