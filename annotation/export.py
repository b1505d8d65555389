"""Turn labels, reviewed ones above all, into any format, one label per hand; and predictions into tables."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from annotation.studio.pull import RECORD, annotator_folder, read_record
from hint.errors import InputError, UnknownNameError, some_ids
from hint.files import read_labels, read_pairs, write_json
from hint.files.atomic import require_writable
from hint.files.atomic_folder import atomic_folder
from hint.files.formats import FORMATS
from hint.files.path import as_path
from hint.files.picture_files import absent_note
from hint.files.storage import read_bytes
from hint.prediction.table import write_table
from hint.provenance import collect, sha256_file
from hint.types import HandLabels

PROVENANCE = "provenance.json"
PREDICTION_FORMATS = ("csv", "parquet", "npz")
#: Whom merged labels are taken from, among the annotators.
CONSENSUS = "consensus"


@dataclass(frozen=True)
class Exported:
    """The written labels.

    Attributes:
        out: Folder or file.
        provenance: File with their provenance.
        hands: Labels written.
        taken_from: Annotator -> labels taken, "" for labels without a record of annotators.
        notes: What was left out, and which pictures are absent.
    """

    out: Path
    provenance: Path
    hands: int
    taken_from: dict[str, int]
    notes: tuple[str, ...] = ()


def export(
    source: str | Path,
    fmt: str,
    out: str | Path,
    annotator: str | None = None,
    prefer: Sequence[str] = (),
    *,
    images: str | Path | None = None,
    copy_images: bool = False,
    skip_bad: bool = False,
    consensus: str | Path | None = None,
) -> Exported:
    """Write labels in a format.

    Args:
        source: Folder from ``hint studio pull``, or whatever :func:`hint.load_labels` reads.
        fmt: "hint", "npz", "coco", "cvat" or "yolo".
        out: Folder; for COCO a .json file and for CVAT a .xml file, or a folder that gets ``labels.json`` or
            ``annotations.xml``.
        annotator: Take the labels of this person only.
        prefer: Take everybody's labels; for hands with several labels, the first person listed here decides.
        images: Folder of the pictures, if they are not beside the labels.
        copy_images: Copy the pictures beside a COCO or CVAT file; the other formats leave no choice.
        skip_bad: Leave out hands that cannot be read from a file of another tool.
        consensus: Take everybody's labels; for hands in this folder from ``hint agreement --merge``, take those in it.

    Raises:
        InputError: If there are no labels, the choice of annotator is ambiguous, or ``out`` is not empty.
        UnknownNameError: If there is no such annotator, or format.
    """
    source, out = as_path(source), as_path(out)
    if fmt in PREDICTION_FORMATS and fmt not in FORMATS:
        raise InputError(
            f"{fmt} is for predictions, and {source} holds labels; formats of labels: {', '.join(FORMATS)}"
        )
    if fmt not in FORMATS:
        raise UnknownNameError("format", fmt, FORMATS)
    kind = FORMATS[fmt]
    write = kind.write_with_pictures if copy_images else kind.write
    if write is None:
        raise InputError(f"--copy-images is for coco and cvat; {fmt} {'has no' if fmt == 'npz' else 'copies'} pictures")
    if (source / RECORD).is_file():
        people, order = _people(source), list(prefer)
        if consensus:
            people, order = _with_consensus(people, as_path(consensus), annotator), [CONSENSUS, *prefer]
        chosen = _chosen(people, annotator, order)
        labels, taken = _merge({name: _read(people[name]) for name in chosen}, order)
    elif consensus:
        raise InputError(f"--consensus goes with a folder from hint studio pull, which {source} is not")
    else:
        _chosen({"": source}, annotator, prefer)
        labels = _existing(read_labels(source, images=images, split="", skip_bad=skip_bad))
        taken = {"": len(labels)}
    target = kind.target(out)
    require_writable(target.parent)
    _require_new(target)
    story = _provenance(source, fmt, labels, taken)
    if kind.file:  # the labels last: a run that was killed before may be repeated
        provenance = target.with_suffix(".provenance.json")
        write_json(provenance, story, indent=2)
        write(target, labels)
    else:
        provenance = target / PROVENANCE
        with atomic_folder(target) as folder:
            write(folder, labels)
            write_json(folder / PROVENANCE, story, indent=2)
    absent = () if fmt == "npz" else tuple(f"{text}; --images names their folder" for text in absent_note(labels))
    return Exported(target, provenance, len(labels), taken, (*labels.notes, *absent))


def export_predictions(source: str | Path, fmt: str, out: str | Path, labels: str | Path | None = None) -> Exported:
    """Write predictions as a table, or a table as npz.

    Args:
        source: Predictions: npz, CSV, Parquet, or COCO results.
        fmt: "csv", "parquet" or "npz".
        out: File, or a folder that gets ``predictions.csv``, ...
        labels: Labels of the hands, which tell their pictures, sides and boxes where no ``hands.jsonl`` of
            ``hint predict`` does; of COCO results, the COCO file whose pictures they number.

    Raises:
        InputError: If the predictions or the labels cannot be read, or ``out`` exists.
        UnknownNameError: If there is no such format.
        MissingRequirementError: If Parquet needs a package that is absent.
    """
    source, out = as_path(source), as_path(out)
    if fmt not in PREDICTION_FORMATS:
        raise UnknownNameError("format of predictions", fmt, PREDICTION_FORMATS)
    target = out if out.suffix == f".{fmt}" else out / f"predictions.{fmt}"
    if target.exists():
        raise InputError(f"{target} already exists; use another --out")
    require_writable(target.parent)
    predictions = write_table(source, target, None if labels is None else as_path(labels))
    provenance = target.with_suffix(".provenance.json")
    told = {"format": fmt, "hands": len(predictions), "source_sha256": hashlib.sha256(read_bytes(source)).hexdigest()}
    write_json(provenance, {**told, "provenance": collect(["numpy"])}, indent=2)
    return Exported(target, provenance, len(predictions), {}, predictions.notes)


def _people(source: Path) -> dict[str, Path]:
    """Return annotator -> HInt root."""
    emails = read_record(source / RECORD).labels
    if not emails:
        raise InputError(f"{source} contains no labels: nothing usable was submitted")
    return {email: source / annotator_folder(email) for email in emails}


def _with_consensus(people: Mapping[str, Path], consensus: Path, annotator: str | None) -> dict[str, Path]:
    if annotator:
        raise InputError("pass --annotator or --consensus, not both")
    if not consensus.is_dir():
        raise InputError(f"{consensus}: no such folder; hint agreement A B --merge {consensus} writes it")
    return {**people, CONSENSUS: consensus}


def _chosen(people: Mapping[str, Path], annotator: str | None, prefer: Sequence[str]) -> list[str]:
    for name in (*prefer, *([annotator] if annotator else [])):
        if name not in people:
            raise UnknownNameError("annotator", name, people)
    if annotator:
        return [annotator]
    if len(people) > 1 and not prefer:
        raise InputError(
            f"{len(people)} people labelled this: {', '.join(people)}; take one with --annotator NAME, or all with "
            "--prefer NAME, who decides for hands with several labels, or --consensus DIR from hint agreement --merge"
        )
    return list(people)


def _read(root: Path) -> HandLabels:
    folders = [folder for folder in sorted(root.iterdir()) if folder.is_dir() and any(folder.glob("*.json"))]
    if not folders and any(root.glob("*.json")):
        folders = [root]
    if not folders:
        raise InputError(f"{root} contains no labels: expected folders of <stem>.json and <stem>.jpg")
    return _existing(HandLabels.concatenate([read_pairs(folder) for folder in folders]))


def _existing(labels: HandLabels) -> HandLabels:
    """Return labels without the paths of pictures that are absent."""
    existing = np.array([image if Path(image).is_file() else "" for image in labels.image.tolist()], np.str_)
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
            "add --prefer NAME, who decides for these"
        )
    parts = [one.select([taken[hand_id] == name for hand_id in one.hand_id.tolist()]) for name, one in labels.items()]
    joined = HandLabels.concatenate(parts)
    sizes = {name: len(part) for name, part in zip(labels, parts, strict=True)}
    return joined.select(np.argsort(joined.hand_id)), sizes


def _require_new(target: Path) -> None:
    if target.is_file() or (target.is_dir() and any(target.iterdir())):
        raise InputError(f"{target} already exists; use another --out")


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
