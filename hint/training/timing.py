"""How long a training takes: counted operations, or measured steps on random batches."""

from __future__ import annotations

import math
import time

import numpy as np
import torch
from scipy.spatial.transform import Rotation
from torch.utils.flop_counter import FlopCounterMode

from hint.mano.procedural import procedural_hand
from hint.methods.hamer.config import HamerConfig
from hint.methods.hamer.network import Hamer
from hint.training.batch import Batch
from hint.training.learner import Learner, make_accelerator
from hint.training.mocap import PER_HAND, drawn_mocap
from hint.training.model import TrainingModel
from hint.training.preset import Preset

#: Cost of the backward pass relative to the forward pass.
_BACKWARD = 2

#: The GPU that estimates assume if none can be measured.
ASSUMED = "one A100 at 40 % of its 312 TFLOP/s in 16 bits"
_ASSUMED_FLOPS = 0.4 * 312e12


def flops_per_hand(config: HamerConfig) -> int:
    """Count the operations of one hand's forward pass; a multiply-add counts as two."""
    with torch.device("meta"):
        network = Hamer(config).eval()
        crops = torch.empty(1, 3, config.crop_size, config.crop_size * 3 // 4)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network.mano_head(network.backbone(crops))
    return int(counter.get_total_flops())


def assumed_hours(preset: Preset) -> float:
    """Return hours on :data:`ASSUMED`, if data loading is fast enough."""
    work = (1 + _BACKWARD) * flops_per_hand(preset.config) * preset.batch_size * preset.steps
    return work / _ASSUMED_FLOPS / 3600


def drawn_batch(n: int, crop_size: int, seed: int = 0) -> Batch:
    """Draw a random batch, for timing."""
    rng = np.random.default_rng(seed)
    rotations = Rotation.random(n * 16, rng=rng).as_matrix().reshape(n, 16, 3, 3)

    def floats(array: np.ndarray) -> torch.Tensor:  # type: ignore[type-arg]  # any
        return torch.from_numpy(array.astype(np.float32))

    return Batch(
        key=tuple(f"drawn_{k}" for k in range(n)),
        crops=torch.from_numpy(rng.integers(0, 256, (n, crop_size, crop_size, 3), dtype=np.uint8)),
        colour=torch.ones(n, 3),
        keypoints_2d=floats(rng.uniform(-0.5, 0.5, (n, 21, 3))).abs(),
        keypoints_3d=floats(rng.normal(0, 0.05, (n, 21, 4))).abs(),
        global_orient=floats(rotations[:, :1]),
        hand_pose=floats(rotations[:, 1:]),
        betas=floats(rng.normal(size=(n, 10))),
        has_hand_pose=torch.ones(n, dtype=torch.bool),
        has_betas=torch.ones(n, dtype=torch.bool),
        is_right=torch.ones(n, dtype=torch.bool),
    )


def seconds_per_step(
    preset: Preset, device: torch.device, steps: int = 10, warm_up: int = 3, limit: float = math.inf
) -> float:
    """Return the median time of training steps on random hands, which are made before the clock starts.

    Args:
        preset: What is trained.
        device: Where.
        steps: Number of timed steps.
        warm_up: Number of steps before them.
        limit: Seconds after which no further step is started; two are done at least.
    """
    learner = Learner(preset, TrainingModel(preset.config), procedural_hand(), make_accelerator(preset, device))
    batch = drawn_batch(preset.batch_size, preset.crop_size).to(device)
    real = drawn_mocap().batch(0, PER_HAND * preset.batch_size)
    times: list[float] = []
    for step in range(warm_up + steps):
        if len(times) > 1 and sum(times) > limit:
            break
        began = time.perf_counter()
        learner.compute(step, batch, real)
        learner.apply(step)
        if device.type == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - began)
    return float(np.median(times[min(warm_up, len(times) - 1) :]))
