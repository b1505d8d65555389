"""Ego4D: find its FHO files and read them one video at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from hint.errors import InputError
from hint.sources.clips import Clips
from hint.sources.fho import UNKNOWN_SIZE, FhoReader
from hint.sources.hand import LeftOut, SourceHand
from hint.sources.pool import OnProgress, Pool, Problems, make_pool, silent
from hint.sources.root import nothing_there
from hint.sources.stream import read_entries

#: Folders below the root, as made by the Ego4D downloader or moved by people.
FOLDERS = ("", "annotations", "v2/annotations", "v1/annotations")

#: Files with boxes and action ids, in order of preference.
MAIN = ("fho_main.json", "fho.json")
#: Files with centres only -> split. A clip in both stays in val.
CENTRES = {"fho_hands_val.json": "val", "fho_hands_train.json": "train"}


def read_ego4d(
    root: Path, *, clips: Path | None = None, skip_broken: bool = False, on_progress: OnProgress = silent
) -> Pool:
    """Read the hands of Ego4D's FHO annotations.

    ``fho_main.json`` is read if it exists, else v1's ``fho.json``, else ``fho_hands_{train,val}.json``, whose centres
    need the size of the frames: from the clip, else from ``ego4d.json``. The clips need not exist yet.

    Args:
        root: Folder of the downloader, or its ``annotations``.
        clips: Folder of the ``<clip_uid>.mp4``; found below the root if None.
        skip_broken: Leave out what cannot be read instead of raising an error.
        on_progress: Called with the bytes done and the total.

    Raises:
        InputError: If there is no such file, or entries are broken.
    """
    files = _find(root)
    left_out = LeftOut()
    problems = Problems(root, left_out, skip_broken)
    reader = FhoReader(Clips(clips or root, root), left_out, problems)
    sizes = [(path, path.stat().st_size) for path in files]
    hands = list(_read(sizes, reader, problems if skip_broken else None, on_progress))
    problems.check()
    if not hands and UNKNOWN_SIZE in left_out.ids:
        raise InputError(
            f"fho_hands_*.json gives no sizes of frames: put the clips or ego4d.json into {root} (the downloader "
            "brings it with every dataset, unless --no-metadata is given)"
        )
    return make_pool(hands, left_out, sizes, clips or root)


def _find(root: Path) -> list[Path]:
    for name in MAIN:
        if main := _below(root, name):
            return [main]
    files = [path for name in CENTRES if (path := _below(root, name))]
    if not files:
        names = (*MAIN, *CENTRES)
        folders = [folder or "." for folder in FOLDERS]
        raise nothing_there(root, f"Ego4D hands ({', '.join(names)})", folders, _is_root, names)
    return files


def _below(root: Path, name: str) -> Path | None:
    return next((root / folder / name for folder in FOLDERS if (root / folder / name).is_file()), None)


def _is_root(root: Path) -> bool:
    return any(_below(root, name) for name in (*MAIN, *CENTRES))


def _read(
    sizes: list[tuple[Path, int]], reader: FhoReader, skipped: Problems | None, on_progress: OnProgress
) -> Iterator[SourceHand]:
    total, before = sum(size for _, size in sizes), 0
    for path, size in sizes:
        try:
            yield from _read_file(path, reader, partial(_report, on_progress, before, total))
        except InputError as error:
            if skipped is None:
                raise
            skipped.add(path.name, str(error))
        before += size


def _report(on_progress: OnProgress, before: int, total: int, done: int) -> None:
    on_progress(before + done, total)


def _read_file(path: Path, reader: FhoReader, on_read: Callable[[int], None]) -> Iterator[SourceHand]:
    if path.name in CENTRES:
        for _, clip in read_entries(path, ["clips"], on_read):
            yield from reader.centres(path.name, CENTRES[path.name], clip)
    else:
        for key, video in read_entries(path, ["videos", "video_data"], on_read):
            yield from reader.video(path.name, key, video)
