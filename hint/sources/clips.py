"""Ego4D's canonical clips: where they are, how large their frames are, how to download them."""

from __future__ import annotations

import shlex
from functools import cached_property
from pathlib import Path
from typing import Any

import av

from hint.errors import InputError
from hint.files.json_file import parse_json

#: Folders of clips below a root, as made by the Ego4D downloader or moved by people.
FOLDERS = ("clips", "v2/clips", "v1/clips")

#: Folders below a root that may have ``ego4d.json``.
_METADATA = ("ego4d.json", "v2/ego4d.json", "v1/ego4d.json")
_VERSIONS = ("v1", "v2")


class Clips:
    """The clips below a folder.

    Args:
        folder: Folder of ``<clip_uid>.mp4``, or a root with :data:`FOLDERS`.
        root: Folder of Ego4D, with ``ego4d.json``.
    """

    def __init__(self, folder: Path, root: Path) -> None:
        self._folder = folder
        self._root = root
        usual = next((name for name in FOLDERS if (folder / name).is_dir()), FOLDERS[0] if folder == root else "")
        self._usual = f"{usual}/" if usual else ""

    def file(self, uid: str) -> str:
        """Return the path of a clip below the folder; where it is expected, if it does not exist."""
        return find_clip(self._folder, uid) or f"{self._usual}{uid}.mp4"

    def size(self, uid: str, video: str) -> tuple[int, int] | None:
        """Return (width, height) of a clip's frames in px: its own, or those of its video in ``ego4d.json``.

        Args:
            uid: The clip.
            video: Uid of the video it is part of.

        Raises:
            ValueError: If the clip is not a video.
            InputError: If ``ego4d.json`` cannot be read.
        """
        file = find_clip(self._folder, uid)
        return _size_of_video(self._folder / file) if file else self._sizes.get(video)

    @cached_property
    def _sizes(self) -> dict[str, tuple[int, int]]:
        places = [folder / name for folder in (self._root, *self._root.parents[:2]) for name in _METADATA]
        path = next((place for place in places if place.is_file()), None)
        return _read_sizes(path) if path else {}


def find_clip(folder: Path, uid: str) -> str | None:
    """Return the path of a clip below a folder; None if it is not there."""
    places = (f"{name}/{uid}.mp4" if name else f"{uid}.mp4" for name in ("", *FOLDERS))
    return next((place for place in places if (folder / place).is_file()), None)


def download_command(folder: Path, listing: Path | str) -> str:
    """Return the command that downloads clips to where :func:`find_clip` finds them.

    Args:
        folder: Folder they are looked for in.
        listing: File of their uids.
    """
    above = folder.parent if folder.name == "clips" and folder.parent.name in _VERSIONS else folder
    if above.name in _VERSIONS:
        version, above = above.name, above.parent
    else:
        version = "v2" if (above / "v2").is_dir() else "v1"
    where = ["--output_directory", str(above), "--version", version]
    return shlex.join(["ego4d", *where, "--datasets", "clips", "--video_uid_file", str(listing)])


def _size_of_video(path: Path) -> tuple[int, int]:
    try:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            return stream.width, stream.height
    except (av.FFmpegError, IndexError) as error:
        raise ValueError(f"{path} is not a readable video: {error}") from error


def _read_sizes(path: Path) -> dict[str, tuple[int, int]]:
    """Return video uid -> (width, height) in px from ``ego4d.json``."""
    try:
        videos = parse_json(path.read_bytes())["videos"]
        return {video["video_uid"]: size for video in videos if (size := _size_in(video.get("video_metadata") or {}))}
    except (OSError, ValueError, OverflowError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path} is not the metadata of Ego4D (videos, each with video_metadata): {error}") from error


def _size_in(metadata: dict[str, Any]) -> tuple[int, int] | None:
    width, height = metadata.get("display_resolution_width"), metadata.get("display_resolution_height")
    return (int(width), int(height)) if width and height else None
