"""A folder of rendered hands in HInt's format, with the same bytes from any number of processes."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch

from hint.demo.renderer import Rendered, render
from hint.demo.scene import Scene, next_frame, sample_scene
from hint.errors import InputError, some_ids
from hint.files.claim import claimed
from hint.files.pairs import write_pairs
from hint.images import write_image
from hint.types import HandLabels
from hint.workers import in_processes

FOLDER = "TEST_demo_img"

#: Settings of glibc's malloc.h, and bytes: 32 MiB, the most it takes, and 1 GiB.
_MMAP_THRESHOLD, _TRIM_THRESHOLD = (-3, 1 << 25), (-1, 1 << 30)

#: Frames between two pictures of a clip.
_STRIDE = 15


def clip_scenes(seed: int, clip: int) -> Iterator[Scene]:
    """Yield the one to three frames of a clip.

    Args:
        seed: Seed of the whole set.
        clip: Number of the clip.
    """
    rng = np.random.default_rng([seed, clip])
    frames = clip_length(seed, clip)
    scene = sample_scene(rng)
    yield scene
    for _ in range(frames - 1):
        scene = next_frame(scene, rng)
        yield scene


def clip_length(seed: int, clip: int) -> int:
    """Return the number of pictures of a clip."""
    return int(np.random.default_rng([seed, clip, 1]).choice([1, 2, 3], p=[0.5, 0.3, 0.2]))


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
    clips = [_Clip(folder, seed, clip, frames) for clip, frames in enumerate(_clip_lengths(n, seed))]
    _refuse_other_sets(folder, clips)
    with claimed(folder):
        left = {clip: missing for clip in clips if (missing := len(clip.missing()))}
        report(n - sum(left.values()))
        with closing(in_processes(_render_clip, left, workers)) as results:
            for clip, _ in results:
                report(left[clip])


def _clip_lengths(n: int, seed: int) -> Iterator[int]:
    """Yield the number of pictures of each clip until there are n."""
    clip = 0
    while n > 0:
        frames = min(n, clip_length(seed, clip))
        yield frames
        n, clip = n - frames, clip + 1


@dataclass(frozen=True)
class _Clip:
    """The first frames of a clip, as files."""

    folder: Path
    seed: int
    number: int
    frames: int

    @property
    def id(self) -> str:
        return f"DM_{self.seed:04d}_{self.number:04d}"

    def stem(self, frame: int) -> str:
        return f"{self.id}_frame{1 + _STRIDE * frame:06d}"

    def missing(self) -> list[int]:
        """Return the frames whose label or picture is missing."""
        return [k for k in range(self.frames) if not any(self._is_whole(f"{self.stem(k)}_{side}") for side in "lr")]

    def _is_whole(self, hand_id: str) -> bool:
        return all((self.folder / f"{hand_id}.{suffix}").is_file() for suffix in ("jpg", "json"))


def _refuse_other_sets(folder: Path, clips: list[_Clip]) -> None:
    """Raise if a folder holds labels that are not part of this set."""
    expected = {clip.stem(frame) for clip in clips for frame in range(clip.frames)}
    strangers = sorted(p.stem for p in folder.glob("*.json") if p.stem.rpartition("_")[0] not in expected)
    if strangers:
        raise InputError(f"{folder} holds labels of another set: {some_ids(strangers)}; choose another --out")


def prepare_process() -> None:
    """Limit this process to one core, so that results do not depend on the number of cores, and keep its memory."""
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    _keep_memory()


def _keep_memory() -> None:
    """Let glibc reuse the memory of large arrays: to return and fetch it each time takes a sixth of the rendering."""
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # other C libraries lack it
    for setting, size in (_MMAP_THRESHOLD, _TRIM_THRESHOLD):
        if mallopt is not None:
            mallopt(setting, size)


def _render_clip(clip: _Clip) -> None:
    prepare_process()
    missing = clip.missing()
    for k, scene in zip(range(clip.frames), clip_scenes(clip.seed, clip.number), strict=False):
        if k in missing:
            _write(clip, k, render(scene), scene.sensor.quality)


def _write(clip: _Clip, frame: int, rendered: Rendered, quality: int) -> None:
    hand_id = f"{clip.stem(frame)}_{'r' if rendered.is_right else 'l'}"
    path = clip.folder / f"{hand_id}.jpg"
    write_image(path, rendered.image, quality)
    label = HandLabels(
        hand_id=np.array([hand_id]),
        clip_id=np.array([clip.id]),
        subset=np.array(["demo"]),
        box_xyxy=rendered.box_xyxy[None],
        is_right=np.array([rendered.is_right]),
        keypoints_2d=rendered.keypoints_2d[None],
        existence=rendered.existence[None],
        occlusion=rendered.occlusion[None],
        image=np.array([str(path)]),
    )
    write_pairs(clip.folder, label)
