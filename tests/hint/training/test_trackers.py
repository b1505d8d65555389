"""Curves and pictures in other services than TensorBoard, without a network."""

import json
import os
import subprocess
import sys

import pytest
from accelerate.tracking import GeneralTracker

import hint
from hint.errors import InputError, MissingRequirementError
from hint.training.trackers import Trackers

_TRAIN = """
import sys
sys.path.append(sys.argv[1])
import torch
torch.set_num_threads(1)
from hint.cli import main
sys.argv[:2] = ["hint"]
main()
"""


@pytest.fixture(scope="module")
def services(tmp_path_factory):
    """The packages, in a folder of their own."""
    folder = tmp_path_factory.mktemp("services")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(folder), "wandb", "mlflow-skinny"]
    subprocess.run(command, check=True, capture_output=True)
    return folder


@pytest.mark.slow
def test_a_training_goes_on_in_its_runs(services, noise, tmp_path):
    out = tmp_path / "out"
    offline = {
        "WANDB_MODE": "offline",
        "MLFLOW_TRACKING_URI": f"file:{tmp_path}/mlruns",
        "MLFLOW_ALLOW_FILE_STORE": "1",
    }

    def train(*more, **others):
        options = ["train", str(noise / "conv.toml"), "--data", str(noise), "--out", str(out), "--device", "cpu"]
        return subprocess.run(
            [sys.executable, "-c", _TRAIN, str(services), *options, "--workers", "0", *more],
            env=os.environ | offline | others,
            capture_output=True,
            text=True,
        )

    unreachable = {"MLFLOW_TRACKING_URI": "http://127.0.0.1:9", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}
    refused = train("--track", "mlflow", "--set", "steps=3", **unreachable)
    assert refused.returncode == 3, refused.stderr
    assert "hint: --track mlflow: " in refused.stderr
    assert "Traceback" not in refused.stderr
    both = ("--track", "wandb", "--track", "mlflow")
    assert train(*both, "--set", "steps=3").returncode == 0
    first = json.loads((out / "trackers.json").read_text())
    assert train(*both, "--set", "steps=6", "--resume").returncode == 0
    assert json.loads((out / "trackers.json").read_text()) == first
    (metric,) = (tmp_path / "mlruns").glob(f"*/{first['mlflow']}/metrics/train/learning_rate")
    assert [line.split()[2] for line in metric.read_text().splitlines()] == ["1"]
    assert list((tmp_path / "mlruns").glob(f"*/{first['mlflow']}/artifacts/train/predictions/step_00000001.png"))
    assert len(list((out / "wandb").glob(f"offline-run-*-{first['wandb']}"))) == 2
    assert any(b"train/predictions" in path.read_bytes() for path in (out / "wandb").glob("*/*.wandb"))


def test_names_and_packages_are_checked_first(noise, tmp_path, monkeypatch):
    options = {"data": noise, "out": tmp_path / "out", "device": "cpu"}
    with pytest.raises(InputError, match="no tracker is called wand; known: wandb, mlflow"):
        hint.train(noise / "conv.toml", track=["wand"], **options)
    monkeypatch.setattr("hint.requirements._is_there", lambda name: name != "wandb")
    with pytest.raises(MissingRequirementError, match=r"--track wandb needs wandb: pip install .*\[wandb\]"):
        hint.train(noise / "conv.toml", track=["wandb"], **options)
    assert not (tmp_path / "out").exists()


class Failing(GeneralTracker):
    """A service that is full."""

    name = "full"
    requires_logging_directory = False

    def log(self, values, step=None, **_):
        raise OSError("no space at the service")


def test_a_service_that_fails_is_let_go(tmp_path, capsys):
    trackers = Trackers(tmp_path, [], {})
    trackers._trackers.append(Failing(_blank=True))
    trackers.numbers(1, {"train/total": 1.0})
    trackers.numbers(2, {"train/total": 0.5})
    trackers.close()
    assert capsys.readouterr().err == "full failed (no space at the service); going on without it\n"
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert [event.value for event in events.Scalars("train/total")] == [1.0, 0.5]
