"""A folder of rendered hands in HInt's format, made by several processes and the same for any number of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from multiprocessing import get_context
from os import cpu_count
from pathlib import Path
from signal import SIG_IGN, SIGINT, signal
from threading import current_thread, main_thread

import cv2
import numpy as np
import torch

from hint.demo.renderer import Rendered, render
from hint.demo.scene import Scene, next_frame, sample_scene
from hint.errors import InputError, some_ids
from hint.files.pairs import write_pairs
from hint.images import write_image
from hint.types import HandLabels

FOLDER = "TEST_demo_img"

#: Frames between two pictures of a clip.
_STRIDE = 15


def clip_scenes(seed: int, clip: int) -> Iterator[Scene]:
    """Yield the one to three moments of a clip.

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
    """Return how many pictures a clip has."""
    return int(np.random.default_rng([seed, clip, 1]).choice([1, 2, 3], p=[0.5, 0.3, 0.2]))


def render_demo_set(
    out: Path, n: int = 120, seed: int = 0, workers: int | None = None, on_done: Callable[[int], None] | None = None
) -> None:
    """Render n hands as jpg+json pairs into ``out/TEST_demo_img``.

    Args:
        out: Folder to write into; files of the same names are replaced.
        n: How many pictures, one labelled hand in each.
        seed: Seed of everything; the same seed writes the same bytes.
        workers: Processes, by default one per core.
        on_done: Called with the number of pictures that were just finished.

    Raises:
        InputError: If n is not positive, or the folder holds labels of another set.
    """
    if n < 1:
        raise InputError(f"cannot render {n} pictures; ask for one at least")
    jobs = _split(n, seed)
    _refuse_other_sets(out / FOLDER, {_clip_id(seed, clip) for clip, _ in jobs})
    processes = min(workers or cpu_count() or 1, len(jobs))
    pool = ProcessPoolExecutor(processes, get_context("spawn"), prepare_worker)
    try:
        with ignore_sigint():
            futures = [pool.submit(_render_clip, out / FOLDER, seed, clip, frames) for clip, frames in jobs]
        for future in as_completed(futures):
            done = future.result()
            if on_done is not None:
                on_done(done)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _refuse_other_sets(folder: Path, clips: set[str]) -> None:
    """Raise if a folder holds labels that would be taken for part of this set."""
    strangers = sorted(p.stem for p in folder.glob("*.json") if p.stem.partition("_frame")[0] not in clips)
    if strangers:
        raise InputError(f"{folder} holds labels of another set: {some_ids(strangers)}; choose another --out")


def _clip_id(seed: int, clip: int) -> str:
    return f"DM_{seed:04d}_{clip:04d}"


@contextmanager
def ignore_sigint() -> Iterator[None]:
    """Let processes that start now ignore Ctrl-C from their first moment, and finish their clip; this one hears it."""
    if current_thread() is not main_thread():  # only the main thread may change how signals are handled
        yield
        return
    earlier = signal(SIGINT, SIG_IGN)
    try:
        yield
    finally:
        signal(SIGINT, earlier)


def _split(n: int, seed: int) -> list[tuple[int, int]]:
    """Return clips and their numbers of frames that make n pictures."""
    jobs: list[tuple[int, int]] = []
    while n > 0:
        frames = min(n, clip_length(seed, len(jobs)))
        jobs.append((len(jobs), frames))
        n -= frames
    return jobs


def prepare_worker() -> None:
    """Keep a worker to one core, so that results do not depend on how many there are."""
    cv2.setNumThreads(1)
    torch.set_num_threads(1)


def _render_clip(folder: Path, seed: int, clip: int, frames: int) -> int:
    for k, (_, scene) in enumerate(zip(range(frames), clip_scenes(seed, clip), strict=False)):
        _write(folder, _clip_id(seed, clip), 1 + _STRIDE * k, render(scene), scene.sensor.quality)
    return frames


def _write(folder: Path, clip_id: str, frame: int, rendered: Rendered, quality: int) -> None:
    hand_id = f"{clip_id}_frame{frame:06d}_{'r' if rendered.is_right else 'l'}"
    path = folder / f"{hand_id}.jpg"
    write_image(path, rendered.image, quality)
    label = HandLabels(
        hand_id=np.array([hand_id]),
        clip_id=np.array([clip_id]),
        subset=np.array(["demo"]),
        box_xyxy=rendered.box_xyxy[None],
        is_right=np.array([rendered.is_right]),
        keypoints_2d=rendered.keypoints_2d[None],
        existence=rendered.existence[None],
        occlusion=rendered.occlusion[None],
        image=np.array([str(path)]),
    )
    write_pairs(folder, label)
