"""Render the pictures of a clip in a process of one core."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator

import cv2
import numpy as np
import torch

from hint.demo.clip import Clip, clip_length
from hint.demo.renderer import Rendered, render
from hint.demo.scene import Scene, next_frame, sample_scene
from hint.files.pairs import write_pairs
from hint.images import write_image
from hint.types import HandLabels

#: Settings of glibc's malloc.h, and bytes: 32 MiB, the most it takes, and 1 GiB.
_MMAP_THRESHOLD, _TRIM_THRESHOLD = (-3, 1 << 25), (-1, 1 << 30)


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


def render_clip(clip: Clip) -> None:
    """Write the pictures of a clip that are missing."""
    prepare_process()
    missing = clip.missing()
    for k, scene in zip(range(clip.frames), clip_scenes(clip.seed, clip.number), strict=False):
        if k in missing:
            _write(clip, k, render(scene), scene.sensor.quality)


def _write(clip: Clip, frame: int, rendered: Rendered, quality: int) -> None:
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
