"""A small training set of noise, and presets that train on it in seconds."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from hint.training.preset import load_preset
from hint.training.request import TrainingRequest
from hint.training.shards import ShardWriter, official_hand, shard_path

#: A network with batch norm for one process, and one without for several.
TINY = """
id = "noise"
title = "Noise"
steps = 6
batch_size = 8
sum_over = 4
crop_size = 64
mano = "procedural"
network = { NETWORK decoder_width = 32, decoder_depth = 1, decoder_heads = 2, decoder_head_width = 16, \
decoder_mlp_width = 32 }
optimiser = { learning_rate = 1e-3, ema = 0.9, clip = 100.0 }
[datasets]
noise = { weight = 1.0 }
"""
NETWORKS = {
    "conv": 'backbone = "mobilenetv3_small_050",',
    "vit": "width = 32, depth = 2, heads = 4, mlp_width = 64,",
}


def write_tars(folder: Path) -> None:
    rng = np.random.default_rng(0)
    with ShardWriter(shard_path(folder, 0)) as shard:
        for k in range(20):
            points = np.column_stack([rng.uniform(20, 60, (21, 2)), np.ones(21)])
            hand = official_hand(
                keypoints_2d=points,
                box_xyxy=[15, 15, 65, 65],
                is_right=k % 3 > 0,
                keypoints_3d=np.column_stack([rng.normal(0, 0.05, (21, 3)), np.ones(21)]),
                hand_pose=rng.normal(0, 0.3, 48),
                betas=rng.normal(0, 0.5, 10),
            )
            shard.add(f"noise_{k:03d}", rng.integers(0, 255, (80, 80, 3), dtype=np.uint8), [hand])


@pytest.fixture(scope="session")
def noise(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder."""
    root = tmp_path_factory.mktemp("training")
    write_tars(root / "noise")
    for name, network in NETWORKS.items():
        (root / f"{name}.toml").write_text(TINY.replace("NETWORK", network))
    return root


@pytest.fixture
def request_for(noise):
    """The function that makes a request: where results go, changes of the preset, and of the request."""

    def make(out, network="conv", changes=(), **others):
        preset = load_preset(str(noise / f"{network}.toml"), changes)
        return TrainingRequest(preset, noise, out, device="cpu", save_every=2, log_every=1, **others)

    return make


@pytest.fixture
def start():
    """The function that starts a request in a process of its own."""

    def start(request, **options):
        # One thread: the order of sums, and so the last bits, are those of the test's own process.
        code = (
            "import sys, torch; torch.set_num_threads(1)\n"
            "from hint.training.request import TrainingRequest\nfrom hint.training.run import run_training\n"
            "run_training(TrainingRequest.from_json(sys.argv[1]))"
        )
        return subprocess.Popen([sys.executable, "-c", code, request.as_json()], **options)

    return start


@pytest.fixture(scope="session")
def losses_of():
    """The function that reads the losses of a training, by loss and step."""

    def read(out):
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

        events = EventAccumulator(str(out / "tensorboard"))
        events.Reload()
        names = ("total", "keypoints_3d", "adversarial", "discriminator")
        return torch.tensor([[event.value for event in events.Scalars(f"train/{name}")] for name in names])

    return read


def numbers_of(out: Path) -> list[int]:
    """Return the steps of the checkpoints below a result folder."""
    from hint.training.checkpoints import saved_steps

    return saved_steps(out / "checkpoints")


def settings_of(metadata: dict[str, str]) -> dict[str, object]:
    return json.loads(metadata["training"])
