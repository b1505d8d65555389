"""Check the label and the picture of one hand."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from annotation.prepare.findings import Fault
from annotation.prepare.label_content import Summary, check_content, summarize
from annotation.prepare.label_file import check_writing
from hint.files.pairs import HandRecord, read_record
from hint.images import is_cut

# After hint.images: without the extra, the error names OpenCV, and Pillow is installed with it.
from PIL import Image  # isort: skip

#: The formats hint.images reads; without this list Pillow would try fifty.
_FORMATS = ("JPEG", "PNG")


@dataclass(frozen=True)
class HandFiles:
    """The files of one hand.

    Attributes:
        folder: Released folder.
        stem: Name without suffix.
        has_label: Whether the json exists.
        has_picture: Whether the jpg exists.
    """

    folder: Path
    stem: str
    has_label: bool
    has_picture: bool

    def fault(self, kind: str, suffix: str, reason: str = "") -> Fault:
        """Return a fault of one of the files; with suffix "", of the hand."""
        return Fault(kind, self.folder.name, f"{self.folder.name}/{self.stem}{suffix}", reason)


@dataclass(frozen=True)
class Picture:
    """The header and the end of a picture.

    Attributes:
        size: Width and height in px, None if they cannot be read.
        wrong: Kind of fault, "" for none.
        reason: Details.
        form: "JPEG" or "PNG", "" if it cannot be read.
    """

    size: tuple[int, int] | None
    wrong: str = ""
    reason: str = ""
    form: str = ""


@dataclass(frozen=True)
class CheckedHand:
    """What was found in the files of one hand.

    Attributes:
        hand: The files.
        faults: What is wrong with them.
        summary: What is compared among labels, None without a valid label.
    """

    hand: HandFiles
    faults: tuple[Fault, ...]
    summary: Summary | None


def check_hand(hand: HandFiles) -> CheckedHand:
    """Check the label, the picture, and whether they agree."""
    record = picture = None
    faults: list[Fault] = []
    if hand.has_label:
        record, faults = _read_label(hand)
    summary = summarize(record) if record else None
    if record and summary:
        faults += [hand.fault(kind, "", reason) for kind, reason in check_content(record, summary)]
    if hand.has_picture:
        picture, more = _check_picture(hand)
        faults += more
    if record and picture and picture.size:
        faults += [hand.fault(kind, "", reason) for kind, reason in check_geometry(record, *picture.size)]
    return CheckedHand(hand, tuple(faults), summary)


def _read_label(hand: HandFiles) -> tuple[HandRecord | None, list[Fault]]:
    path = hand.folder / f"{hand.stem}.json"
    try:
        record = read_record(path)
        faults = [hand.fault(kind, ".json", reason) for kind, reason in check_writing(path.read_bytes())]
    except (OSError, ValueError) as error:
        empty = _is_empty(path)
        return None, [hand.fault("empty file" if empty else "label", ".json", "" if empty else str(error))]
    return record, faults


def _check_picture(hand: HandFiles) -> tuple[Picture, list[Fault]]:
    picture = inspect_picture(hand.folder / f"{hand.stem}.jpg")
    if picture.wrong:
        return picture, [hand.fault(picture.wrong, ".jpg", picture.reason)]
    return picture, [] if picture.form == "JPEG" else [hand.fault("picture format", ".jpg", picture.form)]


def inspect_picture(path: Path) -> Picture:
    """Read the header of a picture and find its end; pixels are not decoded."""
    try:
        with path.open("rb") as stream:
            image = Image.open(stream, formats=_FORMATS)
            size, channels, form = image.size, len(image.getbands()), image.format
            if is_cut(stream):
                return Picture(size, "cut picture")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        if _is_empty(path):
            return Picture(None, "empty file")
        return Picture(None, "picture", getattr(error, "strerror", None) or "no JPEG header")
    wrong = ("", "") if channels == 3 else ("channels", image.mode)
    return Picture(size, *wrong, form or "")


def _is_empty(path: Path) -> bool:
    try:
        return path.stat().st_size == 0
    except OSError:  # deleted since the folder was listed
        return False


def check_geometry(record: HandRecord, width: int, height: int) -> list[tuple[str, str]]:
    """Compare existence flags and box with the size of the picture.

    A joint exists exactly if it is inside the picture, as in all of TEST_epick_img. Not checked: occlusion flags of
    joints that do not exist, which are meaningless, and boxes that partly leave the picture, as a quarter do.

    Returns:
        Kind and reason of each disagreement.
    """
    inside = [0 <= x < width and 0 <= y < height for x, y in record.keypoints]
    joints = [k for k, (lies, exists) in enumerate(zip(inside, record.existence, strict=True)) if lies != exists]
    x1, y1, x2, y2 = record.box
    found = []
    if joints:
        found.append(("existence", f"joints {', '.join(map(str, joints))} of {width}x{height} px"))
    if x2 <= 0 or y2 <= 0 or x1 >= width or y1 >= height:
        found.append(("box", f"{[round(v, 1) for v in record.box]} in {width}x{height} px"))
    return found
