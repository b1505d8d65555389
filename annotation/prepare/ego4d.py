"""Cut the Ego4D pictures of the released dataset out of the clips, decoding only the needed frames.

The pictures equal those of the official script byte for byte: it decodes every clip to files with
``ffmpeg -qscale:v 1`` and keeps file number ``clip_frame + 1`` (github.com/ddshan/hint, prep_HInt).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from os import cpu_count
from pathlib import Path
from threading import Event

from hint.errors import InputError, some_ids
from hint.files import remove_abandoned, write_bytes
from hint.files.json_file import parse_json
from hint.names import parse_name
from hint.programs import require_ffmpeg
from hint.sources.clips import find_clip
from hint.video import VideoError, cut_jpegs
from hint.workers import in_threads

_FOLDER = re.compile(r"(TRAIN|VAL|TEST)_ego4d_(img|seq)")

#: Frame -> files it becomes.
Frames = dict[int, list[Path]]


@dataclass
class Cut:
    """Result of cutting.

    Attributes:
        written: Pictures written.
        present: Pictures that already existed.
        missing: Missing clip -> number of its pictures.
        failed: Clip -> why some of its pictures could not be cut.
        refused: Those pictures, as paths below the HInt folder.
    """

    written: int = 0
    present: int = 0
    missing: dict[str, int] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)

    @property
    def is_complete(self) -> bool:
        """Whether every picture exists now."""
        return not self.missing and not self.failed


def frame_names(root: Path, frames: Path | None = None) -> dict[str, list[str]]:
    """Return the pictures that each Ego4D folder of a HInt root needs.

    Args:
        root: The HInt folder.
        frames: The official ``ego4d_frame_names.json`` (folder -> file names); None to take them from the labels.

    Returns:
        Folder -> stems, sorted.

    Raises:
        InputError: If there are no Ego4D labels, or the file is malformed.
    """
    if frames is not None:
        return _read_names(frames)
    if not root.is_dir():
        raise InputError(f"{root}: no such folder")
    folders = [folder for folder in sorted(root.iterdir()) if folder.is_dir() and _FOLDER.fullmatch(folder.name)]
    names = {folder.name: sorted(path.stem for path in folder.glob("*.json")) for folder in folders}
    if not any(names.values()):
        raise InputError(
            f"{root} contains no Ego4D labels (TEST_ego4d_img/*.json, ...); get them with: hint fetch hint"
        )
    return _checked(names, root)


def _read_names(frames: Path) -> dict[str, list[str]]:
    try:
        content = parse_json(frames.read_bytes())
        names = {folder: sorted(Path(name).stem for name in listed) for folder, listed in content.items()}
    except OSError as error:
        raise InputError(f"{frames}: {error.strerror}") from error
    except (ValueError, AttributeError, TypeError) as error:
        raise InputError(f"{frames} is not a list of frame names (folder -> names): {error}") from error
    unknown = [folder for folder in names if not _FOLDER.fullmatch(folder)]
    if unknown:
        raise InputError(f"{frames}: not Ego4D folders of HInt: {some_ids(unknown)}")
    return _checked(names, frames)


def _checked(names: dict[str, list[str]], where: Path) -> dict[str, list[str]]:
    wrong = [stem for listed in names.values() for stem in listed if not _is_ego4d(stem)]
    if wrong:
        raise InputError(f"{where}: {len(wrong)} names are not <clip>_<action>_<frame>_<type>_<l|r>: {some_ids(wrong)}")
    return names


def _is_ego4d(stem: str) -> bool:
    name = parse_name(stem)
    return name is not None and name.source == "ego4d"


def cut_frames(
    names: dict[str, list[str]],
    clips: Path,
    root: Path,
    *,
    overwrite: str = "missing",
    workers: int | None = None,
    on_done: Callable[[int], None] | None = None,
) -> Cut:
    """Cut pictures out of clips into the folders of a HInt root; existing pictures stay.

    Args:
        names: Folder -> stems, from :func:`frame_names`.
        clips: Folder of ``<clip>.mp4``, or one in which the Ego4D downloader made it.
        root: The HInt folder.
        overwrite: "missing" cuts missing pictures, "never" refuses if any exists, "always" cuts all again.
        workers: Parallel ffmpeg processes, by default one per core.
        on_done: Called with the number of pictures just finished.

    Raises:
        MissingRequirementError: If ffmpeg is not installed.
        InputError: If there is no folder of clips, or pictures exist that must not.
        WriteError: If a picture cannot be saved.
    """
    require_ffmpeg()
    if not clips.is_dir():
        raise InputError(f"{clips}: no such folder of clips")
    needed, present = _needed(names, root, overwrite == "always")
    if present and overwrite == "never":
        raise InputError(f"{present} of the pictures already exist in {root}; continue with --overwrite missing")
    cut = Cut(present=present)
    advance = on_done or (lambda _: None)
    advance(present)
    for clip in [clip for clip in needed if find_clip(clips, clip) is None]:
        cut.missing[clip] = _count(needed.pop(clip))
        advance(cut.missing[clip])
    workers = workers or cpu_count() or 1
    work = partial(_cut_clip, clips, max(1, workers // max(1, len(needed))))
    for (clip, frames), (refused, failure) in in_threads(work, needed.items(), workers):
        cut.written += _count(frames) - len(refused)
        cut.refused += [path.relative_to(root).as_posix() for path in refused]
        if failure:
            cut.failed[clip] = failure
        advance(_count(frames))
    cut.refused.sort()
    return cut


def _count(frames: Frames) -> int:
    return sum(len(paths) for paths in frames.values())


def _needed(names: dict[str, list[str]], root: Path, overwrite: bool) -> tuple[dict[str, Frames], int]:
    """Return clip -> frame -> files to cut, and the number of pictures that exist."""
    needed: dict[str, Frames] = defaultdict(lambda: defaultdict(list))
    present = 0
    for folder, stems in names.items():
        remove_abandoned(root / folder)
        existing = set() if overwrite else {path.name for path in (root / folder).glob("*.jpg") if path.stat().st_size}
        for stem in stems:
            if f"{stem}.jpg" in existing:
                present += 1
                continue
            name = parse_name(stem)
            if name is not None and name.frame is not None:
                needed[name.clip_id][name.frame].append(root / folder / f"{stem}.jpg")
    return needed, present


def _cut_clip(clips: Path, workers: int, job: tuple[str, Frames], stop: Event) -> tuple[list[Path], str]:
    """Return the pictures that were not written, and why."""
    clip, frames = job
    left = dict(frames)
    failure = ""
    try:
        for number, jpeg in cut_jpegs(clips / (find_clip(clips, clip) or f"{clip}.mp4"), frames, workers=workers):
            if stop.is_set():
                break
            for path in left.pop(number):
                write_bytes(path, jpeg)
    except VideoError as error:
        failure = str(error)
    return [path for paths in left.values() for path in paths], failure
