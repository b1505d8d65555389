"""Compare labels with those of the official evaluation npz, which has every test hand but one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from annotation.prepare.findings import Fault
from annotation.prepare.folders import Listing
from hint.errors import InputError
from hint.files import read_evaluation_npz
from hint.files.pairs import HandRecord, read_record
from hint.types import HandLabels

#: Largest difference of a coordinate, px: what rounding explains.
_SAME = 0.01


def compare_evaluation(root: Path, listings: Sequence[Listing], evaluation: Path) -> Iterator[Fault]:
    """Yield the hands of test folders that the npz has differently, or that only one of the two has.

    Args:
        root: HInt root.
        listings: Its folders.
        evaluation: Folder of the npz.

    Raises:
        InputError: If the folder has no npz of these folders, or one cannot be read.
    """
    known = [item for item in listings if (evaluation / f"{item.folder}_all.npz").is_file()]
    if not known:
        raise InputError(f"--evaluation {evaluation}: no TEST_newdays_img_all.npz or the like for a folder of {root}")
    for item in known:
        labels = read_evaluation_npz(evaluation, item.folder)
        yield from _compare(root / item.folder, item, labels)


def _compare(folder: Path, listing: Listing, labels: HandLabels) -> Iterator[Fault]:
    rows = {stem: k for k, stem in enumerate(labels.hand_id.tolist())}
    for stem in sorted(rows.keys() - listing.labels):
        yield Fault("evaluation", listing.folder, f"{listing.folder}/{stem}", "only in the npz")
    for stem in sorted(listing.labels & rows.keys()):
        try:
            record = read_record(folder / f"{stem}.json")
        except ValueError:
            continue  # reported as an invalid label
        if differs := _differences(record, labels, rows[stem]):
            yield Fault("evaluation", listing.folder, f"{listing.folder}/{stem}", ", ".join(differs))


def _differences(record: HandRecord, labels: HandLabels, row: int) -> list[str]:
    """Return what is different; an absent joint has no occlusion flag in the npz."""
    exists = labels.existence[row]
    different = {
        "box": np.abs(np.subtract(record.box, labels.box_xyxy[row])).max() > _SAME,
        "keypoints": np.abs(np.subtract(record.keypoints, labels.keypoints_2d[row])).max() > _SAME,
        "existence": (np.array(record.existence) != exists).any(),
        "occlusion": (exists & (np.array(record.occlusion) != labels.occlusion[row])).any(),
    }
    return [name for name, found in different.items() if found]
