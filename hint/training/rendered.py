"""Rendered training pictures: close-ups with full ground truth, as tars in the official layout.

Scenes are drawn as for the demo set but from separate random streams, so no seed puts a picture into both.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.spatial.transform import Rotation

from hint.demo.closeup import FACTOR, SIZE, close_up
from hint.demo.dataset import prepare_process
from hint.demo.geometry import Array
from hint.demo.hands import COARSE
from hint.demo.renderer import Rendered
from hint.demo.scene import Scene, sample_scene
from hint.errors import InputError
from hint.files import atomic_write
from hint.files.claim import claimed
from hint.training.shards import ShardWriter, official_hand, shard_path
from hint.workers import in_processes

#: Pictures in a tar.
PER_SHARD = 250

#: Third number of every seed here, which separates the random streams from the demo set's.
_STREAM = 20_249

_RECEIPT = "set.json"


def training_scene(seed: int, number: int) -> Scene:
    """Return one scene of the endless training set of a seed."""
    return sample_scene(np.random.default_rng([seed, number, _STREAM]), COARSE)


def render_training_tars(
    out: Path,
    n: int,
    seed: int,
    workers: int | None = None,
    on_done: Callable[[int], None] | None = None,
    per_shard: int = PER_SHARD,
) -> None:
    """Render n hands into ``out/000000.tar``, ``out/000001.tar`` and so on; existing tars are kept.

    Args:
        out: Folder to write into.
        n: How many pictures, one labelled hand in each.
        seed: Seed of everything; the same seed writes the same bytes with any number of workers.
        workers: Processes, by default one per core.
        on_done: Called with the number of pictures that were just finished, or found finished.
        per_shard: Pictures in a tar.

    Raises:
        InputError: If n is not positive, the folder holds another set, or another run is writing to it.
    """
    if n < 1:
        raise InputError(f"cannot render {n} pictures; ask for at least one")
    shards = [range(start, min(start + per_shard, n)) for start in range(0, n, per_shard)]
    report = on_done or (lambda _: None)
    with claimed(out):
        _describe(out, {"n": n, "seed": seed, "size": SIZE, "factor": FACTOR, "per_shard": per_shard})
        left = [_Shard(shard_path(out, k), seed, numbers) for k, numbers in enumerate(shards)]
        left = [shard for shard in left if not shard.path.is_file()]
        report(n - sum(len(shard.numbers) for shard in left))
        with closing(in_processes(_render_shard, left, workers)) as results:
            for shard, _ in results:
                report(len(shard.numbers))


class _Shard(NamedTuple):
    """Pictures of a set that go into one tar."""

    path: Path
    seed: int
    numbers: range


def _describe(out: Path, content: dict[str, Any]) -> None:
    """Write the description of a set into its folder, or raise if the folder holds another set."""
    receipt, text = out / _RECEIPT, json.dumps(content, indent=1) + "\n"
    if not receipt.is_file():
        if strangers := sorted(p.name for p in out.glob("*.tar")):
            raise InputError(f"{out} holds tars of another set, such as {strangers[0]}; choose another --out")
        with atomic_write(receipt) as stream:
            stream.write(text.encode())
    elif receipt.read_text(encoding="utf-8") != text:
        raise InputError(f"{receipt} describes another set (now {content}); choose another --out")


def _render_shard(shard: _Shard) -> None:
    prepare_process()
    with ShardWriter(shard.path) as tar:
        for k in shard.numbers:
            scene = training_scene(shard.seed, k)
            rendered = close_up(scene)
            tar.add(f"rendered_{shard.seed}_{k:06d}", rendered.image, [truth(rendered)], quality=scene.sensor.quality)


def truth(rendered: Rendered) -> dict[str, Any]:
    """Return the ground truth of a rendered hand in the official layout.

    Every joint has confidence 1, even if occluded: rendered labels are exact.
    """
    sure = np.ones((21, 1))
    return official_hand(
        keypoints_2d=np.concatenate([rendered.keypoints_2d, sure], 1),
        keypoints_3d=np.concatenate([rendered.keypoints_3d, sure], 1),
        box_xyxy=rendered.box_xyxy,
        is_right=rendered.is_right,
        hand_pose=_axis_angles(rendered),
        betas=rendered.pose.betas,
    )


def _axis_angles(rendered: Rendered) -> Array:
    """Return (48,) rotations; those of a left hand are not mirrored, as readers mirror them."""
    pose = rendered.pose
    rotations = np.concatenate([pose.global_orient[None], pose.hand_pose])
    angles = Rotation.from_matrix(rotations).as_rotvec()
    mirror = (1.0, 1.0, 1.0) if rendered.is_right else (1.0, -1.0, -1.0)
    flat: Array = (angles * mirror).ravel()
    return flat
