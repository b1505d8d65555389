"""Hands23: the New Days pictures of HInt, and its VISOR pictures.

One line for each hand, seven fields: ``side | contact | hand box | object box | touch | second object box | grasp``.
Source: the readers of github.com/ddshan/hands23_data.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from PIL import Image, UnidentifiedImageError

from hint.box import Box
from hint.errors import InputError, shown
from hint.names import HandName, is_file_name, parse_name
from hint.sources.frame import Drawn, usable
from hint.sources.hand import LeftOut, SourceHand
from hint.sources.pool import OnProgress, Pool, Problems, make_pool, silent
from hint.sources.root import nothing_there

SPLITS, TEXTS, PICTURES = "allMergedSplit", "allMergedTxt", "allMergedBlur"

#: File of each split; a frame in several files belongs to the first.
SPLIT_FILES = {"test": "TEST.txt", "val": "VAL.txt", "train": "TRAIN.txt"}

#: Name prefix -> source.
SOURCE_OF_PREFIX = {"ND": "newdays", "EK": "visor"}

SIDES = {"left_hand": False, "right_hand": True}

#: Contact in Hands23, in lower case -> one of :data:`hint.sources.hand.CONTACTS`.
CONTACT = {
    "no_contact": "none",
    "object_contact": "object",
    "self_contact": "self",
    "other_person_contact": "person",
    "obj_to_obj_contact": "unknown",
    "inconclusive": "unknown",
    "none": "unknown",
}

#: Paths in a .zip of Hands23.
MARKERS = (f"{SPLITS}/", f"{TEXTS}/")

#: Larger than any picture, for boxes that cannot be compared with one.
_UNLIMITED = (1 << 20, 1 << 20)

_FIELDS = 7
#: Frames between two reports of progress.
_REPORT_EVERY = 256


class Line(NamedTuple):
    """One hand of a label file; ``box`` is None if none was annotated."""

    is_right: bool
    contact: str
    box: Box | None


def parse_line(line: str) -> Line:
    """Parse one hand.

    Raises:
        ValueError: If it is not seven fields with a known side, a known contact and a box.
    """
    fields = [part.strip() for part in line.split("|")]
    if len(fields) != _FIELDS:
        raise ValueError(f"{len(fields)} fields, expected {_FIELDS}")
    side, contact, box = fields[:3]
    if side not in SIDES:
        raise ValueError(f"side {shown(side)}, expected left_hand or right_hand")
    if contact.lower() not in CONTACT:
        raise ValueError(f"contact {shown(contact)}, expected one of {', '.join(CONTACT)}")
    return Line(SIDES[side], CONTACT[contact.lower()], parse_box(box))


def parse_box(text: str) -> Box | None:
    """Parse ``x1,y1,x2,y2``, with or without single quotes; None for ``None``.

    Raises:
        ValueError: If these are not four finite numbers.
    """
    if text == "None":
        return None
    try:
        x1, y1, x2, y2 = (float(number.strip().strip("'")) for number in text.split(","))
    except ValueError:
        raise ValueError(f"hand box {shown(text)} is not four numbers") from None
    if not all(map(math.isfinite, (x1, y1, x2, y2))):
        raise ValueError(f"hand box {shown(text)} is not finite")
    return x1, y1, x2, y2


def parse_split(text: str) -> list[str]:
    """Return the picture names of a split file."""
    return [name for line in text.splitlines() if (name := line.strip())]


def read_hands23(
    root: Path,
    prefix: str,
    *,
    pictures: bool = True,
    skip_broken: bool = False,
    on_progress: OnProgress = silent,
) -> Pool:
    """Read the hands of one part of Hands23.

    Args:
        root: Folder with ``allMergedSplit``, ``allMergedTxt`` and ``allMergedBlur``.
        prefix: "ND" for New Days, "EK" for VISOR.
        pictures: Whether there must be pictures; if not, and there are none, boxes are not compared with them.
        skip_broken: Leave out lines and files that cannot be read instead of raising an error.
        on_progress: Called with the frames done and the total.

    Raises:
        InputError: If the root is not Hands23, or files are broken.
    """
    if not is_hands23(root):
        raise nothing_there(root, "Hands23", expected(), is_hands23, MARKERS)
    if pictures and not (root / PICTURES).is_dir():
        raise InputError(f"{root / PICTURES} is missing: without pictures there is only --dry-run")
    left_out = LeftOut()
    problems = Problems(root, left_out, skip_broken)
    splits = _read_splits(root, f"{prefix}_", left_out, problems)
    frames = _Frames(root, SOURCE_OF_PREFIX[prefix], left_out, problems)
    hands: list[SourceHand] = []
    for done, (name, split) in enumerate(sorted(splits.items()), start=1):
        hands.extend(frames.read(name, split))
        if done % _REPORT_EVERY == 0 or done == len(splits):
            on_progress(done, len(splits))
    problems.check()
    _note_unlisted(root, f"{prefix}_", splits, left_out)
    listed = [root / SPLITS / file for file in SPLIT_FILES.values() if (root / SPLITS / file).is_file()]
    files = [(path, path.stat().st_size) for path in listed]
    return make_pool(hands, left_out, [*files, (root / TEXTS, frames.bytes_read)], root)


def is_hands23(root: Path) -> bool:
    """Tell whether a folder holds the labels of Hands23."""
    has_split = any((root / SPLITS / file).is_file() for file in SPLIT_FILES.values())
    return has_split and (root / TEXTS).is_dir()


def expected() -> list[str]:
    """List the paths expected below a root of Hands23."""
    return [f"{SPLITS}/{{{','.join(SPLIT_FILES.values())}}}", f"{TEXTS}/<name>.jpg.txt", f"{PICTURES}/<name>.jpg"]


def _read_splits(root: Path, prefix: str, left_out: LeftOut, problems: Problems) -> dict[str, str]:
    """Return the split of each picture whose name starts with the prefix."""
    split_of: dict[str, str] = {}
    for split, file in SPLIT_FILES.items():
        path = root / SPLITS / file
        if not path.is_file():
            continue
        try:
            names = parse_split(path.read_text("utf-8-sig"))
        except UnicodeDecodeError as error:
            problems.add(f"{SPLITS}/{file}", f"not UTF-8: {error.reason} at byte {error.start}")
            continue
        for name in names:
            if name.startswith(prefix) and split_of.setdefault(name, split) != split:
                left_out.add("listed again in another split", name.removesuffix(".jpg"))
    return split_of


def _note_unlisted(root: Path, prefix: str, listed: Mapping[str, str], left_out: LeftOut) -> None:
    with os.scandir(root / TEXTS) as found:
        pictures = {entry.name.removesuffix(".txt") for entry in found if entry.name.startswith(prefix)}
    for name in sorted(pictures - listed.keys()):
        left_out.add("listed in no split", name.removesuffix(".jpg"))


class _Frames:
    """Reads the frames of one part."""

    def __init__(self, root: Path, source: str, left_out: LeftOut, problems: Problems) -> None:
        self._texts, self._pictures = root / TEXTS, root / PICTURES
        self._source = source
        self._left_out = left_out
        self._problems = problems
        self._has_pictures = self._pictures.is_dir()
        self.bytes_read = 0

    def read(self, name: str, split: str) -> Iterator[SourceHand]:
        """Yield the hands of one picture."""
        stem = name.removesuffix(".jpg")
        parsed = parse_name(f"{stem}_l") if name.endswith(".jpg") and is_file_name(name) else None
        if parsed is None or parsed.source != self._source or parsed.frame is None:
            self._left_out.add("name that is none of HInt's", name)
            return
        lines = self._lines(name, stem)
        if not lines:
            return
        size = self._size(name, stem)
        if size is None:
            return
        drawn = [Drawn(line.is_right, line.box, line.contact) for line in lines if line.box]
        for hand, distance in usable(stem, drawn, size, self._left_out):
            yield self._hand(hand, distance, name, split, parsed, size)

    def _hand(
        self, hand: Drawn, distance: float, name: str, split: str, parsed: HandName, size: tuple[int, int]
    ) -> SourceHand:
        return SourceHand(
            source=self._source,
            source_split=split,
            video_id=parsed.clip_id,
            clip_id=parsed.clip_id,
            frame=parsed.frame or 0,
            frame_type="",
            action="",
            is_right=hand.is_right,
            box_xyxy=hand.box,
            size=size,
            contact=hand.contact,
            hand_gap=distance,
            file=f"{PICTURES}/{name}",
        )

    def _lines(self, name: str, stem: str) -> list[Line]:
        file = f"{name}.txt"
        try:
            content = (self._texts / file).read_bytes()
            text = content.decode("utf-8-sig")
        except FileNotFoundError:
            self._left_out.add("label file missing", stem)
            return []
        except UnicodeDecodeError as error:
            self._problems.add(f"{TEXTS}/{file}", f"not UTF-8: {error.reason} at byte {error.start}")
            return []
        self.bytes_read += len(content)
        lines: list[Line] = []
        for number, line in enumerate(text.splitlines(), start=1):
            if not line.strip():
                continue
            try:
                found = parse_line(line)
            except ValueError as error:
                self._problems.add(f"{TEXTS}/{file} line {number}", str(error))
                continue
            if found.box is None:
                self._left_out.add("no box", f"{stem}_{'r' if found.is_right else 'l'}")
            else:
                lines.append(found)
        return lines

    def _size(self, name: str, stem: str) -> tuple[int, int] | None:
        """Read (width, height) from the header of the picture, without decoding it."""
        if not self._has_pictures:
            return _UNLIMITED
        try:
            with Image.open(self._pictures / name) as picture:
                return picture.size
        except FileNotFoundError:
            self._left_out.add("picture missing", stem)
        except (UnidentifiedImageError, OSError, SyntaxError) as error:
            self._problems.add(f"{PICTURES}/{name}", f"not a picture: {error}")
        return None
