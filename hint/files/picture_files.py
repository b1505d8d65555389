"""The pictures that a file of labels names: where they are from it, how large, and copies of them beside it."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Mapping
from pathlib import Path, PurePath

from hint.errors import InputError, some_ids
from hint.exif import open_picture
from hint.files.atomic import atomic_write, remove_abandoned
from hint.files.path import is_file
from hint.types import HandLabels


def picture_names(labels: HandLabels, folder: Path) -> list[str]:
    """Return the picture of each hand as a path from ``folder``; a hand without a picture has one named like it."""
    pairs = zip(labels.hand_id.tolist(), labels.image.tolist(), strict=True)
    return [PurePath(os.path.relpath(p, folder)).as_posix() if p else f"{hand_id}.jpg" for hand_id, p in pairs]


def copied_names(labels: HandLabels, below: str) -> list[str]:
    """Return a place below a folder for the picture of each hand: one per picture, no two the same."""
    pairs = zip(labels.hand_id.tolist(), labels.image.tolist(), strict=True)
    pictures = [PurePath(image or f"{hand_id}.jpg") for hand_id, image in pairs]
    used: Counter[str] = Counter()
    names: dict[PurePath, str] = {}
    for path in dict.fromkeys(pictures):
        used[path.name] += 1
        number = "" if used[path.name] == 1 else f"-{used[path.name]}"
        names[path] = f"{below}/{path.stem}{number}{path.suffix}"
    return [names[path] for path in pictures]


def copy_pictures(labels: HandLabels, names: list[str], folder: Path) -> None:
    """Copy the pictures that exist to their new names below a folder.

    Raises:
        WriteError: If one cannot be written.
    """
    copied = {name: image for name, image in zip(names, labels.image.tolist(), strict=True) if image}
    for place in {(folder / name).parent for name in copied}:
        remove_abandoned(place)
    for name, image in copied.items():
        source, target = Path(image), folder / name
        if is_file(source) and not (target.exists() and target.samefile(source)):
            with source.open("rb") as original, atomic_write(target) as copy:
                shutil.copyfileobj(original, copy)


def picture_sizes(labels: HandLabels, names: list[str]) -> Mapping[str, tuple[int, int]]:
    """Return width and height of the pictures that exist, as stored, by name.

    Raises:
        InputError: If one is not a picture.
    """
    images = {name: Path(image) for name, image in zip(names, labels.image.tolist(), strict=True) if image}
    return {name: picture_size(path) for name, path in images.items() if is_file(path)}


def picture_size(path: Path) -> tuple[int, int]:
    """Return width and height of a picture as stored.

    Raises:
        InputError: If it is not a picture.
    """
    try:
        with open_picture(path) as picture:
            width, height = picture.size
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: not a picture, or damaged") from error
    return width, height


def absent_note(labels: HandLabels) -> list[str]:
    """Say how many pictures are absent."""
    absent = [
        hand_id
        for hand_id, image in zip(labels.hand_id.tolist(), labels.image.tolist(), strict=True)
        if not _is_there(image)
    ]
    return [f"{len(absent)} of {len(labels)} hands have no picture: {some_ids(absent)}"] if absent else []


def _is_there(image: str) -> bool:
    return bool(image) and is_file(Path(image))
