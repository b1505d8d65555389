"""Cut the Ego4D pictures of the released dataset out of the clips, decoding only what is needed.

The pictures are the bytes that the official way writes: decode every clip to files with ``ffmpeg -qscale:v 1``, keep
file number ``clip_frame + 1`` (github.com/ddshan/hint, prep_HInt).
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from os import cpu_count
from pathlib import Path
from threading import Event

from hint.errors import InputError, some_ids
from hint.files import write_bytes
from hint.names import parse_name
from hint.video import FrameRangeError, VideoError, cut_jpegs
from hint.video.ffmpeg import require_ffmpeg
from hint.workers import in_threads

_FOLDER = re.compile(r"(TRAIN|VAL|TEST)_ego4d_(img|seq)")

#: Frame -> files it becomes.
Frames = dict[int, list[Path]]


@dataclass
class Cut:
    """What was done.

    Attributes:
        written: Pictures written.
        present: Pictures that were there already.
        missing: Clip that is not there -> pictures it would give.
        failed: Clip -> why (some of) its pictures could not be cut.
    """

    written: int = 0
    present: int = 0
    missing: dict[str, int] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    @property
    def is_complete(self) -> bool:
        """Whether every picture is there now."""
        return not self.missing and not self.failed


def frame_names(root: Path, frames: Path | None = None) -> dict[str, list[str]]:
    """Return the pictures each Ego4D folder of a HInt root should hold.

    Args:
        root: The HInt folder.
        frames: The official ``ego4d_frame_names.json`` (folder -> file names); None to take them from the labels.

    Returns:
        Folder -> stems, sorted.

    Raises:
        InputError: If there is no label to go by, or the file is not as described.
    """
    if frames is not None:
        return _read_names(frames)
    if not root.is_dir():
        raise InputError(f"{root}: no such folder")
    folders = [folder for folder in sorted(root.iterdir()) if folder.is_dir() and _FOLDER.fullmatch(folder.name)]
    names = {folder.name: sorted(path.stem for path in folder.glob("*.json")) for folder in folders}
    if not any(names.values()):
        raise InputError(f"{root} holds no Ego4D labels (TEST_ego4d_img/*.json, ...): hint fetch hint brings them")
    return _checked(names, root)


def _read_names(frames: Path) -> dict[str, list[str]]:
    try:
        content = json.loads(frames.read_bytes())
        names = {folder: sorted(Path(name).stem for name in listed) for folder, listed in content.items()}
    except OSError as error:
        raise InputError(f"{frames}: {error.strerror}") from error
    except (ValueError, AttributeError, TypeError) as error:
        raise InputError(f"{frames} is no list of frame names (folder -> names): {error}") from error
    strangers = [folder for folder in names if not _FOLDER.fullmatch(folder)]
    if strangers:
        raise InputError(f"{frames}: no Ego4D folders of HInt: {some_ids(strangers)}")
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
    """Cut pictures out of clips into the folders of a HInt root; what is there already stays.

    Args:
        names: Folder -> stems, from :func:`frame_names`.
        clips: Folder of ``<clip>.mp4``.
        root: The HInt folder.
        overwrite: "missing": cut what is not there; "never": refuse if any is; "always": cut all anew.
        workers: ffmpeg processes at the same time, by default one per core.
        on_done: Called with the number of pictures that were just dealt with.

    Raises:
        MissingRequirementError: If ffmpeg is absent.
        InputError: If there is no folder of clips, or pictures are there that may not be.
        WriteError: If a picture cannot be saved.
    """
    require_ffmpeg()
    if not clips.is_dir():
        raise InputError(f"{clips}: no such folder of clips")
    wanted, present = _wanted(names, root, overwrite == "always")
    if present and overwrite == "never":
        raise InputError(f"{present} of the pictures are in {root} already; go on with --overwrite missing")
    cut = Cut(present=present)
    advance = on_done or (lambda _: None)
    advance(present)
    for clip in [clip for clip in wanted if not (clips / f"{clip}.mp4").is_file()]:
        cut.missing[clip] = _count(wanted.pop(clip))
        advance(cut.missing[clip])
    workers = workers or cpu_count() or 1
    work = partial(_cut_clip, clips, max(1, workers // max(1, len(wanted))))
    for (clip, frames), (written, failure) in in_threads(work, wanted.items(), workers):
        cut.written += written
        if failure:
            cut.failed[clip] = failure
        advance(_count(frames))
    return cut


def _count(frames: Frames) -> int:
    return sum(len(paths) for paths in frames.values())


def _wanted(names: dict[str, list[str]], root: Path, overwrite: bool) -> tuple[dict[str, Frames], int]:
    """Return what is to be cut, and how many pictures are there."""
    wanted: dict[str, Frames] = defaultdict(lambda: defaultdict(list))
    present = 0
    for folder, stems in names.items():
        here = set() if overwrite else {path.name for path in (root / folder).glob("*.jpg") if path.stat().st_size}
        for stem in stems:
            if f"{stem}.jpg" in here:
                present += 1
                continue
            name = parse_name(stem)
            if name is not None and name.frame is not None:
                wanted[name.clip_id][name.frame].append(root / folder / f"{stem}.jpg")
    return wanted, present


def _cut_clip(clips: Path, workers: int, job: tuple[str, Frames], stop: Event) -> tuple[int, str]:
    """Return how many pictures were written, and why not all."""
    clip, frames = job
    written = 0
    try:
        for number, jpeg in cut_jpegs(clips / f"{clip}.mp4", frames, workers=workers):
            if stop.is_set():
                break
            for path in frames[number]:
                write_bytes(path, jpeg)
                written += 1
    except FrameRangeError as error:
        within = {number: paths for number, paths in frames.items() if number < error.length}
        return (_cut_clip(clips, workers, (clip, within), stop)[0] if within else 0), str(error)
    except VideoError as error:
        return written, str(error)
    return written, ""
