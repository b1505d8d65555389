"""What can be wrong with a released folder, how grave it is, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

Level = Literal["problem", "warning"]


@dataclass(frozen=True)
class Kind:
    """One way in which a folder can differ from the release.

    Attributes:
        level: A problem makes results wrong or commands fail; a warning is worth a look.
        description: What is wrong, as a heading for the ids.
        advice: What to do; ``{root}`` stands for the folder, quoted for a shell.
        by_folder: Whether to name folders instead of ids, where there are thousands of ids.
        can_cut: Whether cutting Ego4D's frames mends those of Ego4D.
    """

    level: Level
    description: str
    advice: str
    by_folder: bool = False
    can_cut: bool = False


_UNPACK = "unpack these again from the released zip"
_CUT = "hint prepare ego4d --hint {root} --clips DIR"
_REPLACE = "delete these and unpack them again from the released zip"
_LOOK = "look at a few; where there are many, the pictures have another size than the labelled ones"

KINDS = {
    "missing folder": Kind("problem", "folders that are missing", f"{_UNPACK}; to check a part only: --only FOLDER"),
    "hand count": Kind("problem", "folders with another number of labels than released", _UNPACK),
    "label without picture": Kind("problem", "labels without a picture", _UNPACK),
    "frames absent": Kind("problem", "Ego4D pictures that were not cut while others were", _CUT),
    "picture without label": Kind("problem", "pictures without a label", f"{_UNPACK}, or remove them"),
    "name": Kind("problem", "names that are no hand of their folder", "move them to where they belong, or remove them"),
    "empty file": Kind("problem", "files of zero bytes", _REPLACE, can_cut=True),
    "label": Kind("problem", "labels that are no HInt label", _UNPACK),
    "picture": Kind("problem", "pictures that cannot be read", _REPLACE, can_cut=True),
    "cut picture": Kind("problem", "pictures that are cut short", _REPLACE, can_cut=True),
    "channels": Kind("problem", "pictures that do not have three channels", _REPLACE, can_cut=True),
    "duplicate hand": Kind("problem", "hands that are in several folders", "remove the ones that are out of place"),
    "checksum changed": Kind("problem", "files that differ from their checksum", "bring back the files of the list"),
    "checksum missing": Kind("problem", "files of the checksum list that are absent", "bring them back"),
    "zip md5": Kind(
        "problem",
        "another MD5 of the official zip than released",
        "mend what is listed above first; stray files count, and so do the versions of ffmpeg and zlib, "
        "so that a folder without other problems may still differ",
    ),
    "frames not cut": Kind("warning", "Ego4D pictures that are still to be cut", _CUT, by_folder=True),
    "unexpected folder": Kind("warning", "folders the release does not have", "move them out of the root"),
    "stray file": Kind("warning", "files the release does not have", "remove them, they change the official zip"),
    "checksum extra": Kind("warning", "files that are not in the checksum list", "write the list anew if they belong"),
    "existence": Kind("warning", "hands whose existence flags disagree with the size of the picture", _LOOK),
    "box": Kind("warning", "boxes that lie outside their picture", "methods that look at pictures skip these hands"),
    "shared clip": Kind(
        "warning", "videos or clips that are in several splits", "do not call a test on these a test on unseen videos"
    ),
}


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong with one file, folder or clip.

    Attributes:
        kind: Key of :data:`KINDS`.
        folder: Released folder it is in, "" for the root and what concerns several.
        id: File or folder, relative to the root; or the id of a clip.
        reason: What exactly, "" where the kind says it all.
    """

    kind: str
    folder: str
    id: str
    reason: str = ""

    @property
    def level(self) -> Level:
        """How grave it is."""
        return KINDS[self.kind].level


@dataclass(frozen=True)
class Finding:
    """Everything of one kind that is wrong.

    Attributes:
        kind: Key of :data:`KINDS`.
        level: How grave it is.
        ids: What is concerned, sorted.
        reasons: What exactly, for the ids where there is more to say.
    """

    kind: str
    level: Level
    ids: tuple[str, ...]
    reasons: Mapping[str, str] = field(default_factory=dict)

    def advice(self, root: str) -> str:
        """Return what to do about it, with commands for a root that is quoted for a shell."""
        kind = KINDS[self.kind]
        cut = f"; those of Ego4D can be cut again: {_CUT}" if kind.can_cut and self._concerns_ego4d() else ""
        return (kind.advice + cut).replace("{root}", root)

    def _concerns_ego4d(self) -> bool:
        return any("_ego4d_" in i.partition("/")[0] for i in self.ids)

    def shown(self) -> list[str]:
        """Return the ids as a message shows them: with reasons, or as their folders with numbers."""
        if not KINDS[self.kind].by_folder:
            return [printable(f"{i} ({self.reasons[i]})" if i in self.reasons else i) for i in self.ids]
        folders = [i.partition("/")[0] for i in self.ids]
        return [f"{folder} {folders.count(folder)}" for folder in dict.fromkeys(folders)]


def printable(text: str) -> str:
    """Escape what a terminal cannot show or would obey: names of files may be any bytes."""
    return text if text.isprintable() else repr(text)[1:-1]


def group(faults: Iterable[Fault]) -> tuple[Finding, ...]:
    """Join faults of one kind, in the order of :data:`KINDS`: problems first."""
    by_kind: dict[str, list[Fault]] = {kind: [] for kind in KINDS}
    for fault in faults:
        by_kind[fault.kind].append(fault)
    return tuple(_join(kind, found) for kind, found in by_kind.items() if found)


def _join(kind: str, faults: list[Fault]) -> Finding:
    ordered = sorted(faults, key=lambda fault: fault.id)
    reasons = {fault.id: fault.reason for fault in ordered if fault.reason}
    return Finding(kind, KINDS[kind].level, tuple(fault.id for fault in ordered), reasons)
