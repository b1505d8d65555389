"""Turn reviewed labels into HInt pairs, evaluation npz or COCO, one label per hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from annotation.studio.pull import RECORD, annotator_folder, read_record
from hint.errors import InputError, UnknownNameError, some_ids
from hint.files import read_pairs, write_coco, write_evaluation_npz, write_json, write_pairs
from hint.names import folder_of_subset
from hint.provenance import collect, sha256_file
from hint.types import HandLabels

FORMATS = ("hint", "npz", "coco")
PROVENANCE = "provenance.json"


@dataclass(frozen=True)
class Exported:
    """The written labels.

    Attributes:
        out: Folder or file.
        provenance: File with their provenance.
        hands: Labels written.
        taken_from: Annotator -> labels taken, "" for a plain HInt root.
    """

    out: Path
    provenance: Path
    hands: int
    taken_from: dict[str, int]


def export(
    source: str | Path, fmt: str, out: str | Path, annotator: str | None = None, prefer: Sequence[str] = ()
) -> Exported:
    """Write labels in a format.

    Args:
        source: Folder from ``hint studio pull``, or any HInt root.
        fmt: "hint", "npz" or "coco".
        out: Folder; for COCO a .json file, or a folder that gets ``labels.json``.
        annotator: Take the labels of this person only.
        prefer: Take everybody's labels; for hands with several labels, the first person listed here decides.

    Raises:
        InputError: If there are no labels, the choice of annotator is ambiguous, or ``out`` is not empty.
        UnknownNameError: If there is no such annotator.
    """
    source, out = Path(source), Path(out)
    people = _people(source)
    chosen = _chosen(people, annotator, prefer)
    labels, taken = _merge({name: _read(people[name]) for name in chosen}, prefer)
    target = out / "labels.json" if fmt == "coco" and out.suffix != ".json" else out
    _require_new(target)
    {"hint": _write_hint, "npz": write_evaluation_npz, "coco": write_coco}[fmt](target, labels)
    provenance = target.with_suffix(".provenance.json") if fmt == "coco" else target / PROVENANCE
    write_json(provenance, _provenance(source, fmt, labels, taken), indent=2)
    return Exported(target, provenance, len(labels), taken)


def _people(source: Path) -> dict[str, Path]:
    """Return annotator -> HInt root; the annotator is "" for a plain root."""
    if not source.is_dir():
        raise InputError(f"{source}: no such folder")
    if not (source / RECORD).is_file():
        return {"": source}
    emails = read_record(source / RECORD).labels
    if not emails:
        raise InputError(f"{source} contains no labels: nothing usable was submitted")
    return {email: source / annotator_folder(email) for email in emails}


def _chosen(people: Mapping[str, Path], annotator: str | None, prefer: Sequence[str]) -> list[str]:
    for name in (*prefer, *([annotator] if annotator else [])):
        if name not in people:
            raise UnknownNameError("annotator", name, people)
    if annotator:
        return [annotator]
    if len(people) > 1 and not prefer:
        raise InputError(
            f"{len(people)} people labelled this: {', '.join(people)}; take one with --annotator NAME, or all with "
            "--prefer NAME, who decides for hands with several labels"
        )
    return list(people)


def _read(root: Path) -> HandLabels:
    folders = [folder for folder in sorted(root.iterdir()) if folder.is_dir() and any(folder.glob("*.json"))]
    if not folders and any(root.glob("*.json")):
        folders = [root]
    if not folders:
        raise InputError(f"{root} contains no labels: expected folders of <stem>.json and <stem>.jpg")
    labels = HandLabels.concatenate([read_pairs(folder) for folder in folders])
    existing = np.array([image if Path(image).is_file() else "" for image in labels.image.tolist()])
    return HandLabels(**{**vars(labels), "image": existing})


def _merge(labels: Mapping[str, HandLabels], prefer: Sequence[str]) -> tuple[HandLabels, dict[str, int]]:
    """Take every hand once, from annotators in order of preference."""
    counts = Counter(hand_id for one in labels.values() for hand_id in one.hand_id.tolist())
    order = [*prefer, *(name for name in labels if name not in prefer)]
    taken: dict[str, str] = {}
    for name in order:
        for hand_id in labels[name].hand_id.tolist():
            taken.setdefault(hand_id, name)
    open_ids = sorted(hand_id for hand_id, times in counts.items() if times > 1 and taken[hand_id] not in prefer)
    if open_ids:
        raise InputError(
            f"{len(open_ids)} hands have several labels but none by {', '.join(prefer)}: {some_ids(open_ids)}; "
            "repeat --prefer for more people"
        )
    parts = [one.select([taken[hand_id] == name for hand_id in one.hand_id.tolist()]) for name, one in labels.items()]
    joined = HandLabels.concatenate(parts)
    sizes = {name: len(part) for name, part in zip(labels, parts, strict=True)}
    return joined.select(np.argsort(joined.hand_id)), sizes


def _require_new(target: Path) -> None:
    if target.is_file() or (target.is_dir() and any(target.iterdir())):
        raise InputError(f"{target} already exists; use another --out")


def _write_hint(out: Path, labels: HandLabels) -> None:
    for subset in labels.subsets:
        write_pairs(out / folder_of_subset(subset), labels.select(labels.subset == subset))


def _provenance(source: Path, fmt: str, labels: HandLabels, taken: Mapping[str, int]) -> dict[str, Any]:
    pulled = source / RECORD
    return {
        "format": fmt,
        "hands": len(labels),
        "subsets": {subset: int((labels.subset == subset).sum()) for subset in labels.subsets},
        "taken_from": dict(taken),
        "pull": {"sha256": sha256_file(pulled), **_origin(pulled)} if pulled.is_file() else None,
        "provenance": collect(["numpy"]),
    }


def _origin(pulled: Path) -> dict[str, Any]:
    record = read_record(pulled)
    return {"url": record.url, "project": record.project, "utc": record.provenance.get("utc")}
