"""HInt file names: source, video or clip, action, frame, frame type and side.

Names are matched whole, never split on ``_``: YouTube ids contain it and may start with it.
Source: the released file lists of HInt (github.com/ddshan/hint).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

#: Frame types of Ego4D's critical frames, in order of time.
FRAME_TYPES = ("pre_45", "pre_30", "pre_15", "pre_frame", "contact_frame", "pnr_frame", "post_frame")

#: The video of the released ``EK_frame_*`` files: all their frame numbers exist in it and in no other VISOR video.
NAMELESS_VISOR_VIDEO = "P03_120"

_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_PATTERNS = {
    "newdays": re.compile(r"ND_(?P<video>.{11})_frame(?P<frame>\d{6})_(?P<side>[lr])"),
    # Names of VISOR frames in Hands23, with or without a video, and in VISOR itself.
    "visor": re.compile(
        r"(?:EK_\d{4,5}_(?=P)|EK_(?=frame)|(?=P))(?:(?P<video>P\d\d_\d{2,3})_)?frame_(?P<frame>\d{10})_(?P<side>[lr])"
    ),
    "ego4d": re.compile(
        rf"(?P<video>{_UUID})_(?P<action>{_UUID})_(?P<frame>\d+)_(?P<type>{'|'.join(FRAME_TYPES)})_(?P<side>[lr])"
    ),
    "demo": re.compile(r"(?P<video>DM_\d{4,}_\d{4,})_frame(?P<frame>\d{6})_(?P<side>[lr])"),
}
_SIDE = re.compile(r"(?P<rest>.*)_(?P<side>[lr])")

#: What the name of a file cannot hold, here or on other systems; surrogates stand for bytes that are not UTF-8.
NO_FILE_NAME = re.compile(r"[/\\\x00-\x1f\x7f\ud800-\udfff]")
#: Bytes of the longest name: file systems take 255, of which endings and parts of files being written need some.
LONGEST_NAME = 200

_FOLDER = re.compile(r"(?P<split>TRAIN|VAL|TEST)_(?P<source>.+)_(?P<kind>img|seq)")


@dataclass(frozen=True)
class HandName:
    """A parsed file stem.

    Attributes:
        source: "newdays", "visor", "ego4d", "demo", or "other" for names the release does not use.
        clip_id: Video or clip; for other names the stem without its side, so every picture is its own clip.
        is_right: Side, from the suffix.
        frame: Frame number as written, None for other names.
        frame_type: Ego4D's critical frame, "" elsewhere.
        action: Ego4D's action id, "" elsewhere.
    """

    source: str
    clip_id: str
    is_right: bool
    frame: int | None = None
    frame_type: str = ""
    action: str = ""


def is_file_name(text: str) -> bool:
    """Tell whether a text from a file or a server can name a file, and stays in its folder as such."""
    if text in ("", ".", "..") or NO_FILE_NAME.search(text):
        return False
    return len(text.encode()) <= LONGEST_NAME


def is_path_below(text: str) -> bool:
    """Tell whether a text from a file or a server is a path of file names, relative to some folder and below it."""
    return all(map(is_file_name, text.split("/")))


def parse_name(stem: str) -> HandName | None:
    """Parse a stem; None if it does not end in ``_l`` or ``_r``."""
    for source, pattern in _PATTERNS.items():
        if match := pattern.fullmatch(stem):
            found = match.groupdict()
            return HandName(
                source,
                found["video"] or NAMELESS_VISOR_VIDEO,
                found["side"] == "r",
                int(found["frame"]),
                found.get("type", ""),
                found.get("action", ""),
            )
    match = _SIDE.fullmatch(stem)
    return HandName("other", match["rest"], match["side"] == "r") if match else None


def subset_of_folder(folder: str) -> str:
    """Name the subset a folder holds: ``TEST_epick_img`` is "epick", ``VAL_ego4d_seq`` "val_ego4d_seq".

    Folders named otherwise keep their name.
    """
    match = _FOLDER.fullmatch(folder)
    if match is None:
        return folder
    split = "" if match["split"] == "TEST" else match["split"].lower() + "_"
    return split + match["source"] + ("_seq" if match["kind"] == "seq" else "")


def split_of_subset(subset: str) -> Literal["train", "val", "test"]:
    """Return the part of the dataset that a subset belongs to."""
    split = subset.partition("_")[0]
    if split == "train":
        return "train"
    return "val" if split == "val" else "test"


def folder_of_subset(subset: str) -> str:
    """Name the folder of a subset: the inverse of :func:`subset_of_folder` for released names."""
    split = split_of_subset(subset)
    rest = subset if split == "test" else subset.removeprefix(f"{split}_")
    kind = "seq" if rest.endswith("_seq") else "img"
    return f"{split.upper()}_{rest.removesuffix('_seq')}_{kind}"
