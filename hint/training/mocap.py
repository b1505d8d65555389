"""Real hands for the discriminator: poses and shapes without pictures."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation
from torch import Tensor

from hint.errors import InputError
from hint.files.npz import NUMBER, read_npz, require_columns
from hint.mano.poses import sample_poses
from hint.types import Double

#: Number of random hands if no file is given.
_DRAWN = 8192

#: Real hands per hand of a batch, as in the released training.
PER_HAND = 2


class MocapBatch(NamedTuple):
    """Real hands: ``hand_pose`` (N,15,3,3) absolute rotations, ``betas`` (N,10)."""

    hand_pose: Tensor
    betas: Tensor


@dataclass(frozen=True, eq=False)
class Mocap:
    """Real hands for the discriminator.

    Attributes:
        hand_pose: (N,45) axis-angle radians, without the wrist.
        betas: (N,10) shapes.
        name: Origin, for the record.
    """

    hand_pose: Double
    betas: Double
    name: str

    def __len__(self) -> int:
        return len(self.hand_pose)

    def batch(self, step: int, n: int, seed: int = 0) -> MocapBatch:
        """Return the n hands of a step: a pure function of step and seed, every hand once per epoch."""
        chosen = [_place(step * n + i, len(self), seed) for i in range(n)]
        rotations = Rotation.from_rotvec(self.hand_pose[chosen].reshape(-1, 3)).as_matrix()
        return MocapBatch(_tensor(rotations.reshape(n, 15, 3, 3)), _tensor(self.betas[chosen]))

    def share(self, step: int, global_batch: int, rank: int = 0, world: int = 1, seed: int = 0) -> MocapBatch:
        """Return the part of a process in a step: twice as many hands as it has crops."""
        everything = self.batch(step, PER_HAND * global_batch, seed)
        return MocapBatch(everything.hand_pose[rank::world], everything.betas[rank::world])


def _place(k: int, size: int, seed: int) -> int:
    round_, position = divmod(k, size)
    return int(_order(seed, size, round_)[position])


@lru_cache(maxsize=4)
def _order(seed: int, size: int, round_: int) -> NDArray[np.int64]:
    return np.random.default_rng((seed, round_)).permutation(size)


def _tensor(values: Double) -> Tensor:
    return torch.from_numpy(values.astype(np.float32))


def read_mocap(path: Path) -> Mocap:
    """Read real hands, such as the released ``freihand_mocap.npz``.

    Args:
        path: npz with ``hand_pose`` (N,48), the wrist first, and ``betas`` (N,10).

    Raises:
        InputError: If the file is missing or holds something else.
    """
    arrays = read_npz(path, ("hand_pose", "betas"))
    pose, betas = arrays["hand_pose"], arrays["betas"]
    require_columns(path, arrays, {"hand_pose": (NUMBER, ("N", 48)), "betas": (NUMBER, ("N", 10))})
    n = len(pose)
    if n == 0:
        raise InputError(f"{path} holds no hand")
    good = np.isfinite(pose).all(1) & np.isfinite(betas).all(1)
    if not good.all():
        raise InputError(f"{path}: {(~good).sum()} of {n} hands are not finite; download it again")
    return Mocap(pose[:, 3:].astype(np.float64), betas.astype(np.float64), path.name)


def drawn_mocap(seed: int = 0) -> Mocap:
    """Draw plausible random hands, for trainings without a file of real ones."""
    rng = np.random.default_rng(seed)
    betas = np.clip(rng.standard_normal((_DRAWN, 10)), -3, 3)
    return Mocap(sample_poses(rng, _DRAWN), betas, f"{_DRAWN} random hands, not measured ones")


def open_mocap(path: Path | None, seed: int = 0) -> Mocap:
    """Read real hands, or draw random ones if no file is given."""
    return drawn_mocap(seed) if path is None else read_mocap(path)
