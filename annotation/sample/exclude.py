"""Videos that are used elsewhere: in a manifest, a HInt folder, a file of labels, or to evaluate on HInt."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from annotation.released import evaluation_videos
from hint.errors import InputError
from hint.files import read_labels
from hint.files.manifest import read_manifest
from hint.names import parse_name, subset_of_folder


def excluded(paths: Iterable[Path], hint_videos: bool) -> dict[str, frozenset[str]]:
    """Return what must not be drawn: reason -> clips and videos.

    Args:
        paths: What :func:`used_clips` reads.
        hint_videos: Whether to leave out the videos of HInt's validation and test hands, too.

    Raises:
        InputError: If one of the paths cannot be read.
    """
    held_out = evaluation_videos() if hint_videos else frozenset()
    return {"the video was excluded": used_clips(paths), "HInt validates or tests on the video": held_out}


def used_clips(paths: Iterable[Path]) -> frozenset[str]:
    """Return the clips and videos of manifests (.jsonl), HInt roots or folders, evaluation npz or COCO files.

    Raises:
        InputError: If one of them cannot be read.
    """
    return frozenset(clip for path in paths for clip in _clips(path))


def _clips(path: Path) -> set[str]:
    if not path.exists():
        raise InputError(f"--exclude {path}: no such file or folder")
    if path.suffix == ".jsonl":
        return {name for hand in read_manifest(path) for name in (hand.clip, hand.video)}
    clips = _clips_of_names(path) if path.is_dir() else set()
    return clips or set(read_labels(path).clip_id.tolist())


def _clips_of_names(folder: Path) -> set[str]:
    """Return the clips in the file names of a HInt root, or of one of its folders; no file is opened."""
    parts = [part for part in folder.iterdir() if part.is_dir() and subset_of_folder(part.name) != part.name]
    stems = {path.stem for part in parts or [folder] for path in part.iterdir() if path.suffix in (".jpg", ".json")}
    names = (parse_name(stem) for stem in stems)
    return {name.clip_id for name in names if name is not None and name.source != "other"}
