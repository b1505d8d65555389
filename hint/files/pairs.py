"""HInt pairs as released: ``<stem>.jpg`` beside ``<stem>.json``, with the side of the hand in the stem."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from hint.box import FARTHEST
from hint.errors import InputError, some_ids
from hint.files.atomic import atomic_write, json_bytes, write_bytes
from hint.files.json_file import parse_json
from hint.files.storage import is_folder, names_in, read_bytes, url_of
from hint.names import parse_name, subset_of_folder
from hint.types import HandLabels

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png")


@dataclass(frozen=True)
class HandRecord:
    """The label in one json file.

    Attributes:
        box: x1, y1, x2, y2 in px.
        keypoints: 21 times x, y in px.
        existence: 21 flags, True where the joint lies in the frame.
        occlusion: 21 flags, True where the joint is marked occluded.
    """

    box: list[float]
    keypoints: list[list[float]]
    existence: list[bool]
    occlusion: list[bool]


def picture_folder(images: Path, name: str) -> Path:
    """Return the folder with the pictures of a HInt folder: below ``images`` if that is a HInt root, else itself."""
    return images / name if is_folder(images / name) else images


def read_pairs(folder: Path, images: Path | None = None) -> HandLabels:
    """Read one folder of jpg+json pairs.

    The picture of a label may be missing (those of Ego4D are not part of the download); its path is kept anyway.

    Args:
        folder: Where the json files are.
        images: Where the pictures are, if not beside them: a folder, or a HInt root.

    Raises:
        InputError: If there is no label, or a file is not a HInt label.
    """
    stems = sorted(PurePath(name).stem for name in names_in(folder) if name.endswith(".json"))
    if not stems:
        raise InputError(f"{folder} has no HInt labels (<stem>.json beside <stem>.jpg)")
    records: list[HandRecord] = []
    problems: list[str] = []
    for stem in stems:
        try:
            records.append(read_record(folder / f"{stem}.json"))
        except ValueError as error:
            problems.append(f"{stem}.json ({error})")
    if problems:
        raise InputError(f"{len(problems)} of {len(stems)} files in {folder} are not HInt labels: {some_ids(problems)}")
    return _assemble(
        folder, stems, records, _pictures(picture_folder(images, folder.name) if images else folder, stems)
    )


def _pictures(folder: Path, stems: Sequence[str]) -> list[str]:
    files = map(PurePath, reversed(names_in(folder)))
    found = {file.stem: str(folder / file) for file in files if file.suffix.lower() in IMAGE_SUFFIXES}
    return [found.get(stem, str(folder / f"{stem}.jpg")) for stem in stems]


def _assemble(folder: Path, stems: Sequence[str], records: Sequence[HandRecord], images: Sequence[str]) -> HandLabels:
    parsed = [name for stem in stems if (name := parse_name(stem))]
    return HandLabels(
        hand_id=np.array(stems),
        clip_id=np.array([name.clip_id for name in parsed]),
        subset=np.full(len(stems), subset_of_folder(folder.resolve().name)),
        box_xyxy=np.array([r.box for r in records]),
        is_right=np.array([name.is_right for name in parsed]),
        keypoints_2d=np.array([r.keypoints for r in records]),
        existence=np.array([r.existence for r in records]),
        occlusion=np.array([r.occlusion for r in records]),
        image=np.array(images),
    )


def read_record(path: Path) -> HandRecord:
    """Read the label of one hand.

    Raises:
        ValueError: If the file is not a HInt label; the message gives the reason, not the file.
    """
    if parse_name(path.stem) is None:
        raise ValueError("the name must end in _l or _r")
    if url_of(path) is None and not path.is_file():  # a pipe would never end
        raise ValueError("not a file")
    try:
        content = parse_json(read_bytes(path))
    except (InputError, ValueError) as error:
        raise ValueError(f"not readable as JSON: {error}") from error
    if not isinstance(content, list) or len(content) != 1 or not isinstance(content[0], dict):
        raise ValueError("expected a list with one hand")
    hand = content[0]
    missing = [key for key in ("bbox", "keypoints", "existence", "occlusion") if key not in hand]
    if missing:
        raise ValueError(f"lacks {', '.join(missing)}")
    return HandRecord(
        _box(hand["bbox"]), _keypoints(hand["keypoints"]), _flags(hand, "existence"), _flags(hand, "occlusion")
    )


def _numbers(values: Any, n: int, what: str) -> list[float]:
    if not isinstance(values, list) or len(values) != n:
        raise ValueError(f"{what} is not {n} numbers")
    if not all(isinstance(v, int | float) and abs(v) <= FARTHEST for v in values):
        raise ValueError(f"{what} has a value that is not a finite number, or far outside any picture")
    return [float(v) for v in values]


def _box(value: Any) -> list[float]:
    """Accept ``[[x1, y1, x2, y2]]`` as released, and the flat ``[x1, y1, x2, y2]``."""
    nested = isinstance(value, list) and len(value) == 1
    x1, y1, x2, y2 = _numbers(value[0] if nested else value, 4, "bbox")
    if x2 <= x1 or y2 <= y1:
        raise ValueError("box of zero or negative size")
    return [x1, y1, x2, y2]


def _keypoints(value: Any) -> list[list[float]]:
    if not isinstance(value, list) or len(value) != 21:
        raise ValueError(f"{len(value) if isinstance(value, list) else 'no'} keypoints, expected 21")
    return [_numbers(point, 2, f"keypoint {k}") for k, point in enumerate(value)]


def _flags(hand: dict[str, Any], key: str) -> list[bool]:
    value = hand[key]
    if not isinstance(value, list) or len(value) != 21 or any(v not in (0, 1) for v in value):
        raise ValueError(f"{key} is not 21 flags of 0 or 1")
    return [bool(v) for v in value]


def pair_json(labels: HandLabels, k: int) -> bytes:
    """Return the content of the JSON file of hand k."""
    hand = {
        "bbox": [labels.box_xyxy[k].tolist()],
        "keypoints": labels.keypoints_2d[k].tolist(),
        "existence": labels.existence[k].astype(int).tolist(),
        "occlusion": labels.occlusion[k].astype(int).tolist(),
    }
    return json_bytes([hand])


def write_pairs(folder: Path, labels: HandLabels) -> None:
    """Write labels as pairs; pictures that exist are copied, missing ones are left out."""
    for k, stem in enumerate(labels.hand_id.tolist()):
        write_bytes(folder / f"{stem}.json", pair_json(labels, k))
        source = Path(labels.image[k]) if labels.image[k] else None
        if source is None or not source.is_file():
            continue
        target = folder / f"{stem}{source.suffix}"
        if target.exists() and target.samefile(source):
            continue
        with source.open("rb") as original, atomic_write(target) as copy:
            shutil.copyfileobj(original, copy)
