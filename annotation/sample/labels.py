"""A manifest of hands that are labelled already, to annotate them again or to correct their labels."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import NamedTuple

import numpy as np

from annotation.sample.collection import Collection
from annotation.sample.hand_names import name_of_label, readable
from hint.errors import InputError, MissingRequirementError, some_ids
from hint.files import read_labels, read_predictions, write_predictions
from hint.files.manifest import SampledHand
from hint.files.path import as_path
from hint.images import decode_image
from hint.names import folder_of_subset, parse_name, split_of_subset
from hint.progress import progress
from hint.types import HandLabels, Predictions
from hint.workers import in_threads


@dataclass
class LabelSample:
    """What a run left for one HInt folder.

    Attributes:
        manifest: The manifest.
        pictures: Folder of its pictures.
        hands: Hands in it.
        added: Hands that this run added.
        renamed: Id of a label -> id in the manifest, where they differ.
        points: Predictions npz with the labels as points to start from, None if it was not asked for.
        notes: What a reader of the labels must know about the file they come from.
    """

    manifest: Path
    pictures: Path
    hands: int
    added: int
    renamed: dict[str, str] = field(default_factory=dict)
    points: Path | None = None
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"<{self.hands} labelled hands, {self.added} of them new: {self.manifest}>"


def sample_labels(
    data: str | Path,
    *,
    out: str | Path = "hint-frames",
    subsets: Sequence[str] = (),
    images: str | Path | None = None,
    n: int | None = None,
    seed: int = 0,
    points: bool = False,
    overwrite: str = "missing",
) -> list[LabelSample]:
    """Copy the pictures of labelled hands and write a manifest for each of their folders.

    Boxes, sides and ids are those of the labels; boxes refer to pixels as stored, so pictures are copied as they are.

    Args:
        data: Labels of any readable format: HInt root, jpg+json pairs, evaluation npz, COCO, CVAT, YOLO.
        out: Folder for pictures and manifests.
        subsets: Names ("newdays", "val_ego4d") to take; none for all of the test split, or all there is.
        images: Folder of the pictures, if they are not beside the labels.
        n: Hands to draw from all of them at random; a larger number only adds hands. None for all.
        seed: Seed of the draw.
        points: Also write the labels as predictions, ``<FOLDER>.labels.npz``, so that annotators start from them.
        overwrite: "missing" adds to a manifest that is there, "never" refuses to, "always" starts over.

    Raises:
        InputError: If there are no labels, too few, or they contradict the manifest that is there.
        MissingRequirementError: If pictures are missing.
    """
    labels = _drawn(read_labels(data, subsets, images), n, seed)
    _require_pictures(labels)
    parts = [labels.select(labels.subset == subset) for subset in labels.subsets]
    with progress("pictures", len(labels)) as advance:
        job = _Job(as_path(data), as_path(out), seed, points, overwrite)
        return [job.write(part, advance) for part in parts]


def _drawn(labels: HandLabels, n: int | None, seed: int) -> HandLabels:
    if n is None:
        return labels
    if n > len(labels):
        raise InputError(f"-n {n}: there are only {len(labels)} hands")
    by_id = np.argsort(labels.hand_id)
    return labels.select(np.sort(np.random.default_rng(seed).permutation(by_id)[:n]))


def _require_pictures(labels: HandLabels) -> None:
    hands = zip(labels.hand_id.tolist(), labels.image.tolist(), strict=True)
    missing = [hand_id for hand_id, image in hands if not (image and Path(image).is_file())]
    if missing:
        raise MissingRequirementError(
            f"{len(missing)} of {len(labels)} hands have no picture: {some_ids(missing)}; pass --images DIR (those of "
            "Ego4D come from hint prepare ego4d)"
        )


class _Picture(NamedTuple):
    """Size (width, height) in px and digest of a file."""

    size: tuple[int, int]
    sha256: str


def _measured(path: str, _stop: Event) -> _Picture:
    content = Path(path).read_bytes()
    height, width = decode_image(content, path).shape[:2]
    return _Picture((width, height), hashlib.sha256(content).hexdigest())


@dataclass(frozen=True)
class _Job:
    """Labels of one folder in, pictures and a manifest out."""

    root: Path
    out: Path
    seed: int
    points: bool
    overwrite: str

    def write(self, labels: HandLabels, advance: Callable[[int], None]) -> LabelSample:
        """Write one folder: first what may be refused, then pictures, then the manifest."""
        collection = Collection(self.out, folder_of_subset(str(labels.subset[0])), self.overwrite)
        known = dict(in_threads(_measured, dict.fromkeys(labels.image.tolist())))
        lines = [self._line(labels, k, collection.folder, known[str(labels.image[k])]) for k in range(len(labels))]
        collection.add(lines)

        def copy(k: int, _stop: Event) -> None:
            collection.write_picture(lines[k], Path(labels.image[k]).read_bytes())

        for _ in in_threads(copy, range(len(lines))):
            advance(1)
        names = {old: line.hand_id for old, line in zip(labels.hand_id.tolist(), lines, strict=True)}
        points = self._write_points(labels, list(names.values()), collection) if self.points else None
        collection.save()
        renamed = {old: new for old, new in names.items() if old != new}
        return LabelSample(collection.manifest, collection.pictures, len(collection), collection.added, renamed, points)

    def _line(self, labels: HandLabels, k: int, folder: str, picture: _Picture) -> SampledHand:
        hand_id, is_right, image = str(labels.hand_id[k]), bool(labels.is_right[k]), Path(labels.image[k])
        name, parsed = name_of_label(hand_id, is_right), parse_name(hand_id)
        x1, y1, x2, y2 = labels.box_xyxy[k].tolist()
        split = split_of_subset(str(labels.subset[k]))
        return SampledHand(
            hand_id=name,
            source=parsed.source if parsed else "other",
            source_split=split,
            split=split,
            folder=folder,
            video=str(labels.clip_id[k]),
            clip=str(labels.clip_id[k]),
            frame=(parsed.frame if parsed else None) or 0,
            frame_type=parsed.frame_type if parsed else "",
            action=parsed.action if parsed else "",
            side="right" if is_right else "left",
            box_xyxy=(x1, y1, x2, y2),
            centre=((x1 + x2) / 2, (y1 + y2) / 2),
            size=picture.size,
            contact="unknown",
            interaction="unknown",
            stratum="all",
            policy="",
            policy_sha256="",
            seed=self.seed,
            origin=_origin(image, self.root),
            image=f"{folder}/{name}{image.suffix.lower()}",
            image_sha256=picture.sha256,
        )

    def _write_points(self, labels: HandLabels, names: Sequence[str], collection: Collection) -> Path:
        """Write the labels as predictions, after those of earlier runs that this one does not replace."""
        path = collection.manifest.with_suffix(".labels.npz")
        rows = Predictions(
            np.array(names),
            labels.keypoints_2d.astype(np.float32),
            existence=labels.existence,
            occlusion=labels.occlusion,
            meta={"method": "labels"},
        )
        if path.is_file() and self.overwrite != "always":
            earlier = read_predictions(path)
            kept = earlier.select(~np.isin(earlier.hand_id, names))
            rows = Predictions.concatenate([rows, kept])
        write_predictions(path, rows)
        return path


def _origin(image: Path, root: Path) -> str:
    """Return the path of a picture below the root of the labels, its name where it lies elsewhere."""
    below = image.is_relative_to(root)
    return readable(image.relative_to(root).as_posix() if below else image.name)
