"""What can be wrong with a released folder, how severe it is, and how to fix it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from hint.errors import printable

Level = Literal["problem", "warning"]


@dataclass(frozen=True)
class Kind:
    """One way in which a folder can differ from the release.

    Attributes:
        level: A problem makes results wrong or commands fail; a warning deserves a look.
        description: What is wrong, as a heading for the ids.
        advice: How to fix it; ``{root}`` stands for the folder, quoted for a shell.
        by_folder: Whether to list folders instead of ids, if there are thousands of ids.
        can_cut: Whether cutting the Ego4D pictures again fixes those of Ego4D.
    """

    level: Level
    description: str
    advice: str
    by_folder: bool = False
    can_cut: bool = False


_UNPACK = "unpack these again from the released zip"
_CUT = "hint prepare ego4d --hint {root} --clips DIR"
_REPLACE = "delete these and unpack them again from the released zip"
_LOOK_AT = "look at them; the release has a few"
_RELEASED_IN = "in the release 99.9 % are inside"
_LOOK = "look at a few; if there are many, the pictures differ in size from the labelled ones"

KINDS = {
    "missing folder": Kind("problem", "missing folders", f"{_UNPACK}; to check a part only: --only FOLDER"),
    "hand count": Kind("problem", "folders whose number of labels differs from the release", _UNPACK),
    "label without picture": Kind("problem", "labels without a picture", _UNPACK),
    "frames absent": Kind("problem", "Ego4D pictures that were not cut while others were", _CUT),
    "picture without label": Kind("problem", "pictures without a label", f"{_UNPACK}, or remove them"),
    "name": Kind("problem", "names that are not hands of their folder", "move them to their folder, or remove them"),
    "empty file": Kind("problem", "files of zero bytes", _REPLACE, can_cut=True),
    "label": Kind("problem", "invalid labels", _UNPACK),
    "encoding": Kind("problem", "labels that are not plain UTF-8", _UNPACK),
    "repeated key": Kind("problem", "labels with the same key twice, of which parsers take either", _UNPACK),
    "tiny box": Kind("problem", "boxes of a few px, as of labels normalised to 0..1", _UNPACK),
    "collapsed": Kind("problem", "labels whose keypoints are all on one spot", _UNPACK),
    "misplaced": Kind("problem", "labels with every joint outside the box", _UNPACK),
    "folder beside boxes": Kind(
        "problem", "folders with many joints outside their boxes", f"{_UNPACK}; {_RELEASED_IN}"
    ),
    "folder flags": Kind("problem", "folders whose flags are unlike those of the release", _UNPACK),
    "evaluation": Kind("problem", "labels that differ from the evaluation npz", _UNPACK),
    "official name": Kind(
        "problem", "Ego4D names that are not in the official list", "give them the official names, or remove them"
    ),
    "missing name": Kind("problem", "Ego4D names of the official list that are missing", _UNPACK),
    "picture": Kind("problem", "pictures that cannot be read", _REPLACE, can_cut=True),
    "cut picture": Kind("problem", "truncated pictures", _REPLACE, can_cut=True),
    "channels": Kind("problem", "pictures that do not have three channels", _REPLACE, can_cut=True),
    "picture format": Kind("problem", "pictures that are not JPEG", _REPLACE, can_cut=True),
    "damaged picture": Kind("problem", "pictures with damaged content", _REPLACE, can_cut=True),
    "duplicate hand": Kind("problem", "hands that are in several folders", "remove the misplaced ones"),
    "checksum changed": Kind("problem", "files that differ from their checksum", "restore the original files"),
    "checksum missing": Kind("problem", "files of the checksum list that are missing", "restore them"),
    "zip md5": Kind(
        "problem",
        "the MD5 of the official zip differs from the release",
        "fix the findings above first; stray files and the versions of ffmpeg and zlib count too, so a folder without "
        "other problems may still differ",
    ),
    "frames not cut": Kind("warning", "Ego4D pictures not cut yet", _CUT, by_folder=True),
    "unexpected folder": Kind("warning", "folders that are not in the release", "move them out of the root"),
    "stray file": Kind("warning", "files that are not in the release", "remove them; they change the official zip"),
    "checksum extra": Kind(
        "warning", "files that are not in the checksum list", "update the list if they belong to it"
    ),
    "copied label": Kind("warning", "labels that are the same under several names", f"{_UNPACK} if one is misnamed"),
    "extra key": Kind("warning", "labels with keys that the release does not have", "nothing reads these keys"),
    "no joint": Kind("warning", "labels without an existing joint", "methods are not scored on these hands"),
    "beside box": Kind("warning", "labels with over a quarter of the joints outside the box", _LOOK_AT),
    "existence": Kind("warning", "hands whose existence flags disagree with the size of the picture", _LOOK),
    "box": Kind("warning", "boxes outside their picture", "methods that read pictures skip these hands"),
    "shared clip": Kind(
        "warning",
        "videos or clips that are in several splits",
        "do not report results on these as results on unseen videos",
    ),
}


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong with one file, folder or clip.

    Attributes:
        kind: Key of :data:`KINDS`.
        folder: Released folder it is in, "" for the root or several folders.
        id: File or folder, relative to the root; or the id of a clip.
        reason: Details, "" for none.
    """

    kind: str
    folder: str
    id: str
    reason: str = ""

    @property
    def level(self) -> Level:
        """The severity."""
        return KINDS[self.kind].level


@dataclass(frozen=True)
class Finding:
    """All faults of one kind.

    Attributes:
        kind: Key of :data:`KINDS`.
        level: The severity.
        ids: Ids of the faults, sorted.
        reasons: Id -> details, for ids that have any.
    """

    kind: str
    level: Level
    ids: tuple[str, ...]
    reasons: Mapping[str, str] = field(default_factory=dict)

    def advice(self, root: str) -> str:
        """Return how to fix it; ``root`` is quoted for a shell."""
        kind = KINDS[self.kind]
        cut = f"; those of Ego4D can be cut again: {_CUT}" if kind.can_cut and self._concerns_ego4d() else ""
        return (kind.advice + cut).replace("{root}", root)

    def _concerns_ego4d(self) -> bool:
        return any("_ego4d_" in i.partition("/")[0] for i in self.ids)

    def shown(self) -> list[str]:
        """Return the ids for a message: with reasons, or as folders with counts."""
        if not KINDS[self.kind].by_folder:
            return [printable(f"{i} ({self.reasons[i]})" if i in self.reasons else i) for i in self.ids]
        folders = [i.partition("/")[0] for i in self.ids]
        return [f"{folder} {folders.count(folder)}" for folder in dict.fromkeys(folders)]


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
