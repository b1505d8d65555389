"""A manifest of photographs of one's own: hands found by a detector, or given as boxes; the originals are only read.

The copies show what a viewer shows: a photograph that its EXIF turns is written upright, and boxes refer to that. Only
where boxes refer to pixels as stored (manifests, labels) it stays as it is.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from annotation.sample.collection import Collection, folder_of
from annotation.sample.hand_names import name_of_hand, name_of_label, readable
from annotation.sample.photo_record import Photo, PhotoRecord, read_record, record_path, write_record
from annotation.sample.write import Split
from hint.detection import Choice, ChoosingDetector, Detection, Detector, Picture
from hint.errors import InputError
from hint.files.manifest import SampledHand
from hint.files.path import as_path
from hint.images import decode_image, encode_image
from hint.prediction import find_detector, find_source
from hint.prediction.boxes import BoxCount, KnownBoxes
from hint.prediction.doubts import is_one_sided_pair, outside
from hint.prediction.source import PICTURES, Stills, require_unchanged
from hint.progress import progress
from hint.provenance import collect
from hint.types import Image

#: Seconds between two times that what was found is saved.
_SAVE_EVERY = 20.0
_LOSSLESS = (".bmp", ".png", ".tif", ".tiff")


@dataclass
class PhotoSample:
    """What a run left.

    Attributes:
        manifest: The manifest.
        pictures: Folder of its pictures.
        hands: Hands in it.
        added: Hands that this run added.
        photos: Photographs looked at by now.
        without_hands: Photographs without a hand.
        turned: Photographs whose copies were turned upright.
        doubtful: Photographs with two hands that are said to be of one side, and may be one person's.
        failures: Photograph, or hand -> why it could not be used.
        below: Folders of pictures below those given, which were not read.
        boxes: How many of the known boxes were used, None with a detector.
    """

    manifest: Path
    pictures: Path
    hands: int = 0
    added: int = 0
    photos: int = 0
    without_hands: list[str] = field(default_factory=list)
    turned: list[str] = field(default_factory=list)
    doubtful: list[str] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)
    below: list[str] = field(default_factory=list)
    boxes: BoxCount | None = None

    def __repr__(self) -> str:
        return f"<{self.hands} hands of {self.photos} photographs, {len(self.failures)} failures: {self.manifest}>"


def sample_photos(
    inputs: str | Path | Sequence[str | Path],
    *,
    out: str | Path = "hint-frames",
    boxes: Any = None,
    detector: str | Detector | None = None,
    name: str = "photos",
    split: Split = "train",
    side: str = "auto",
    min_score: float = 0.0,
    max_hands: int | None = None,
    overwrite: str = "missing",
) -> PhotoSample:
    """Copy the photographs with hands and write a manifest of their hands, for ``hint prelabel`` and ``hint studio``.

    A second run looks at new photographs only, and adds their hands. A hand is named after its photograph, its number
    there (from the left, or as boxes are listed) and its side.

    Args:
        inputs: Pictures, and folders of pictures (without their subfolders).
        out: Folder for pictures, manifest and record.
        boxes: Known hands, as :func:`hint.predict` takes them; None runs the detector.
        detector: Name of a detector, or an object that detects hands.
        name: Name of the collection; its folder is ``TRAIN_<name>_img``.
        split: "train", "val" or "test", for the name of the folder.
        side: "right" or "left" if all hands are of one side; "auto" to find out.
        min_score: Minimum confidence of the detector.
        max_hands: Maximum number of hands in a photograph, the surest; None for all.
        overwrite: "missing" adds to a manifest that is there, "never" refuses to, "always" starts over.

    Raises:
        InputError: If an argument cannot be used, or a photograph contradicts the manifest that is there.
        MissingRequirementError: If the detector must be installed first.
        KeyboardInterrupt: On Ctrl-C, after saving.
    """
    paths = [as_path(path) for path in ([inputs] if isinstance(inputs, str | Path) else inputs)]
    folder, choice, source = folder_of(split, name), Choice(side, min_score, max_hands), find_source(paths)
    if not isinstance(source, Stills):
        raise InputError(f"{source.name} is a video; give photographs, such as frames cut out of it")
    found_by = find_detector(boxes, detector, source=source)
    count = found_by.match(source) if isinstance(found_by, KnownBoxes) else None
    if count is not None and choice.selects:
        raise InputError("--min-score and --max-hands choose among what a detector finds; shorten the list of boxes")
    job = _Job(Collection(as_path(out), folder, overwrite), found_by, choice, split)
    with progress("photographs", source.total) as advance:
        advance(0)
        try:
            for picture in source.pictures():
                job.look_at(picture)
                advance(1)
        finally:
            job.save()
    job.result.boxes, job.result.below = count, _below(paths)
    return job.result


class _Job:
    """Photographs in, copies and lines of the manifest out."""

    def __init__(self, collection: Collection, detector: Detector, choice: Choice, split: Split) -> None:
        self._collection, self._split = collection, split
        self._given = detector if isinstance(detector, KnownBoxes) else None
        self._detector = ChoosingDetector(detector, choice)
        self._knows_sides = choice.side != "auto" or (self._given is not None and self._given.has_sides)
        # A list of boxes may grow; what a detector finds belongs to its settings.
        self._record = _earlier_record(collection, "boxes" if self._given else self._detector.identity)
        self._saved = time.monotonic()
        self.result = PhotoSample(collection.manifest, collection.pictures)

    def look_at(self, found: Picture) -> None:
        """Add the hands of a photograph, unless an earlier run did."""
        picture = found if self._given is None else self._given.at(found)
        known = self._record.photos.get(_file(picture))
        if known is None or known.key != picture.key or self._given or self._collection.lacks(known.hands):
            try:
                image = picture.read()
                hands = self._hands(picture, image)
                copy = _copy(picture, image) if hands else (b"", "")
                require_unchanged(picture)  # else the copy might be another picture, or half of one
            except InputError as error:
                self.result.failures[picture.name] = str(error)
                return
            known = self._added(picture, image, hands, copy, known)
        if not known.hands:
            self.result.without_hands.append(picture.name)
        if known.turned:
            self.result.turned.append(picture.name)
        if time.monotonic() - self._saved > _SAVE_EVERY:
            self.save()

    def save(self) -> None:
        """Write the record, then the manifest: a run looks again at photographs whose hands the manifest lacks."""
        if self._record.photos:
            self._record.provenance = collect(["numpy"])
            write_record(record_path(self._collection.manifest), self._record)
        self._collection.save()
        self._saved = time.monotonic()
        self.result.hands, self.result.added = len(self._collection), self._collection.added
        self.result.photos = len(self._record.photos)

    def _hands(self, picture: Picture, image: Image) -> list[Detection]:
        """Return the hands of a photograph: from the left if a detector found them, else as they are listed."""
        found = self._detector.detect(picture, image)
        inside = [hand for hand in found if self._is_inside(hand, picture, image)]
        if not self._knows_sides and is_one_sided_pair(inside):
            self.result.doubtful.append(picture.name)
        return inside if self._given else sorted(inside, key=lambda hand: hand.box_xyxy[0] + hand.box_xyxy[2])

    def _is_inside(self, hand: Detection, picture: Picture, image: Image) -> bool:
        problem = outside(hand.box_xyxy, (image.shape[1], image.shape[0]))
        if problem:
            self.result.failures[hand.hand_id or picture.name] = problem
        return not problem

    def _added(
        self, picture: Picture, image: Image, hands: Sequence[Detection], copy: tuple[bytes, str], before: Photo | None
    ) -> Photo:
        """Add the hands of a photograph to the manifest, and write a copy of it for each."""
        content, suffix = copy
        digest = hashlib.sha256(content).hexdigest()
        ids = [_hand_id(picture, number, hand) for number, hand in enumerate(hands)]
        self._collection.require_all(before.hands if before else (), ids, picture.name)
        lines = [self._line(i, hand, picture, suffix, digest, image) for i, hand in zip(ids, hands, strict=True)]
        self._collection.check(lines)
        for line in lines:  # before the manifest may name them
            self._collection.write_picture(line, content)
        self._collection.add(lines)
        turned = bool(hands) and picture.orientation != 1
        self._record.photos[_file(picture)] = Photo(key=picture.key, hands=ids, turned=turned)
        return self._record.photos[_file(picture)]

    def _line(
        self, hand_id: str, hand: Detection, picture: Picture, suffix: str, digest: str, image: Image
    ) -> SampledHand:
        x1, y1, x2, y2 = hand.box_xyxy
        return SampledHand(
            hand_id=hand_id,
            source="photos",
            source_split="",
            split=self._split,
            folder=self._collection.folder,
            video=readable(picture.name),
            clip=readable(picture.name),
            frame=0,
            frame_type="",
            action="",
            side="right" if hand.is_right else "left",
            box_xyxy=(x1, y1, x2, y2),
            centre=((x1 + x2) / 2, (y1 + y2) / 2),
            size=(image.shape[1], image.shape[0]),
            contact="unknown",
            interaction="unknown",
            stratum="all",
            policy="",
            policy_sha256="",
            seed=0,
            origin=_file(picture),
            image=f"{self._collection.folder}/{hand_id}{suffix}",
            image_sha256=digest,
        )


def _earlier_record(collection: Collection, found_by: str) -> PhotoRecord:
    """Return the record of earlier runs, a new one if the manifest is.

    Raises:
        InputError: If their hands were found in another way.
    """
    path = record_path(collection.manifest)
    if not collection.manifest.is_file():
        return PhotoRecord(found_by=found_by)
    record = read_record(path)
    if record.found_by != found_by:
        raise InputError(
            f"the hands of {collection.manifest} were found by {record.found_by}, not by {found_by}; use another --out "
            "or --name, or --overwrite always to start over"
        )
    return record


def _hand_id(picture: Picture, number: int, hand: Detection) -> str:
    is_right = bool(hand.is_right)
    return name_of_label(hand.hand_id, is_right) if hand.hand_id else name_of_hand(picture.name, number, is_right)


def _file(picture: Picture) -> str:
    return readable(picture.path.name if picture.path else picture.name)


def _copy(picture: Picture, image: Image) -> tuple[bytes, str]:
    """Return the bytes of a copy that every tool reads alike, and its suffix: those of the file where that shows it."""
    if picture.path is not None and picture.orientation == 1:
        content, suffix = picture.path.read_bytes(), picture.path.suffix.lower()
        if suffix in (".jpg", ".jpeg") or (suffix == ".png" and np.array_equal(decode_image(content, ""), image)):
            return content, suffix
    suffix = ".png" if picture.path is not None and picture.path.suffix.lower() in _LOSSLESS else ".jpg"
    return encode_image(image, suffix), suffix


def _below(paths: Sequence[Path]) -> list[str]:
    """Return folders directly below the given ones that hold pictures."""
    folders = [folder for path in paths if path.is_dir() for folder in sorted(path.iterdir()) if folder.is_dir()]
    return [str(folder) for folder in folders if any(file.suffix.lower() in PICTURES for file in folder.iterdir())]
