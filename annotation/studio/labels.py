"""The files of pulled labels: HInt pairs."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Event

import numpy as np

from annotation.studio.answer import Answer
from annotation.studio.kept import KeepingFolder
from annotation.studio.task import HandTask
from annotation.studio.work import Annotation
from hint.files.pairs import pair_json
from hint.names import parse_name, subset_of_folder
from hint.types import HandLabels
from hint.workers import in_threads

Label = tuple[Annotation, Answer]


def write_labels(
    folder: KeepingFolder, labels: Mapping[str, Label], tasks: Mapping[str, HandTask], bases: Sequence[Path]
) -> list[str]:
    """Write labels, and their pictures where those are found.

    Args:
        folder: Where they go.
        labels: File, relative to the folder -> label.
        tasks: Hand id -> its task.
        bases: Folders of manifests, in which pictures are looked for.

    Returns:
        The hands whose picture was not found.
    """
    by_folder: dict[Path, list[str]] = defaultdict(list)
    for name in labels:
        by_folder[Path(name).parent].append(name)
    for place, names in by_folder.items():
        pairs = labels_of(place.name, [labels[name] for name in names], tasks)
        for k, name in enumerate(names):
            folder.put(name, pair_json(pairs, k))

    def place_picture(name: str, _stop: Event) -> bool:
        return _place_picture(folder, Path(name), tasks[Path(name).stem], bases)

    return sorted({Path(name).stem for name, found in in_threads(place_picture, labels) if not found})


def _place_picture(folder: KeepingFolder, label: Path, task: HandTask, bases: Sequence[Path]) -> bool:
    """Put the picture that was pushed beside its label, if it still exists unchanged; one already there is kept."""
    name = str(label.with_suffix(Path(task.image).suffix))
    for path in (folder.out / name, *(base / task.image for base in bases)):
        content = path.read_bytes() if path.is_file() else b""
        if hashlib.sha256(content).hexdigest() == task.image_sha256:
            folder.put(name, content)
            return True
    return False


def labels_of(folder: str, part: Sequence[Label], tasks: Mapping[str, HandTask]) -> HandLabels:
    """Return the labels of one person in one HInt folder; hands without a box get that of their points."""
    names = [(annotation.hand_id, parse_name(annotation.hand_id)) for annotation, _ in part]
    points = [answer.keypoints for _, answer in part if answer.keypoints is not None]
    boxes = [
        tasks[hand_id].box_xyxy or (*p.min(0).tolist(), *p.max(0).tolist())
        for (hand_id, _), p in zip(names, points, strict=True)
    ]
    return HandLabels(
        hand_id=np.array([hand_id for hand_id, _ in names]),
        clip_id=np.array([parsed.clip_id if parsed else hand_id for hand_id, parsed in names]),
        subset=np.full(len(part), subset_of_folder(folder)),
        box_xyxy=np.array(boxes),
        is_right=np.array([parsed is not None and parsed.is_right for _, parsed in names]),
        keypoints_2d=np.array(points),
        existence=np.array([answer.existence for _, answer in part]),
        occlusion=np.array([answer.occlusion for _, answer in part]),
        image=np.full(len(part), ""),
    )
