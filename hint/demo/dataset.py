"""A folder of rendered hands in HInt's format, with the same bytes from any number of processes."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from hint.demo.clip import Clip, clip_lengths
from hint.errors import InputError, some_ids
from hint.files.claim import claimed
from hint.workers import in_processes

FOLDER = "TEST_demo_img"


def render_demo_set(
    out: Path, n: int = 120, seed: int = 0, workers: int | None = None, on_done: Callable[[int], None] | None = None
) -> None:
    """Render n hands as jpg+json pairs into ``out/TEST_demo_img``, except those that are already there.

    Args:
        out: Folder to write into.
        n: How many pictures, one labelled hand in each.
        seed: Seed of everything; the same seed writes the same bytes, in one go or in several.
        workers: Processes, by default one per core.
        on_done: Called with the number of pictures that were just finished, or found finished.

    Raises:
        InputError: If n is not positive, the folder holds labels of another set, or another run is writing to it.
    """
    if n < 1:
        raise InputError(f"cannot render {n} pictures; ask for at least one")
    folder, report = out / FOLDER, on_done or (lambda _: None)
    clips = [Clip(folder, seed, clip, frames) for clip, frames in enumerate(clip_lengths(n, seed))]
    _refuse_other_sets(folder, clips)
    with claimed(folder):
        left = {clip: missing for clip in clips if (missing := len(clip.missing()))}
        report(n - sum(left.values()))
        with closing(in_processes(_render_clip, left, workers)) as results:
            for clip, _ in results:
                report(left[clip])


def _refuse_other_sets(folder: Path, clips: list[Clip]) -> None:
    """Raise if a folder holds labels that are not part of this set."""
    expected = {clip.stem(frame) for clip in clips for frame in range(clip.frames)}
    strangers = sorted(p.stem for p in folder.glob("*.json") if p.stem.rpartition("_")[0] not in expected)
    if strangers:
        raise InputError(f"{folder} holds labels of another set: {some_ids(strangers)}; choose another --out")


def _render_clip(clip: Clip) -> None:
    # This process only hands out the work; PyTorch, ray casting and the rest take seconds to import.
    from hint.demo.pictures import render_clip

    render_clip(clip)
