"""Scores while training: what is counted, what is kept, and that they change nothing else."""

import json
import shutil
import signal
import subprocess
import time
from dataclasses import replace

import numpy as np
import pytest
import torch

from hint.errors import InputError
from hint.files.pairs import write_pairs
from hint.images import encode_image
from hint.mano.read import find_mano
from hint.methods.hamer.network import HandDecoder, normalise
from hint.training.checkpoints import checkpoint_path, load_state
from hint.training.data import collate
from hint.training.datasets import open_datasets
from hint.training.launch import run_processes
from hint.training.model import TrainingModel
from hint.training.run import run_training
from hint.training.validation_sets import open_validation
from hint.types import HandLabels
from hint.weights import read_checkpoint


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """The order of sums, and so the last bits, depend on the number of threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    """Seven labelled hands: boxes of several shapes, three joints that are not in the frame."""
    folder = tmp_path_factory.mktemp("data") / "VAL_mine_img"
    folder.mkdir()
    rng = np.random.default_rng(5)
    names = np.array([f"ND_own{k}_frame000001_{'lr'[k % 2]}" for k in range(7)])
    existence = np.ones((7, 21), bool)
    existence[2, :3] = False
    pictures = [folder / f"{name}.jpg" for name in names]
    for path in pictures:
        path.write_bytes(encode_image(rng.integers(0, 255, (90, 110, 3), dtype=np.uint8), ".jpg"))
    labels = HandLabels(
        hand_id=names,
        clip_id=names,
        subset=np.array(["val_mine"] * 7),
        box_xyxy=np.array([[20, 30, 60 + 5 * k, 70] for k in range(7)], float),
        is_right=np.arange(7) % 2 == 1,
        keypoints_2d=rng.uniform(20, 70, (7, 21, 2)),
        existence=existence,
        occlusion=np.zeros((7, 21), bool),
        image=np.array(list(map(str, pictures))),
    )
    write_pairs(folder, labels)
    return folder


@pytest.fixture(scope="module")
def validated(noise, photographs, tmp_path_factory):
    """A training that was scored every two steps, not disturbed."""
    from hint.training.preset import load_preset
    from hint.training.request import TrainingRequest

    out = tmp_path_factory.mktemp("validated")
    preset = load_preset(str(noise / "conv.toml"))
    run_training(
        TrainingRequest(preset, noise, out, device="cpu", save_every=2, log_every=1, val=(photographs,), val_every=2)
    )
    return out


def rows_of(out):
    return [json.loads(line) for line in (out / "validation.jsonl").read_text().splitlines()]


def test_scores_are_those_of_the_kept_weights(validated, request_for, photographs, noise):
    rows = rows_of(validated)
    assert [row["step"] for row in rows] == [2, 4, 6]
    preset = request_for(validated).preset
    (part,) = open_validation(preset, [photographs], [])
    examples = [part.data.example(k) for k in range(len(part))]
    network = TrainingModel(preset.config).network
    weights = read_checkpoint(validated / "weights.safetensors").state
    network.load_state_dict({key: weights[key] for key in network.state_dict()})
    decoder = HandDecoder(find_mano("procedural"), preset.crop_size)
    with torch.no_grad():
        output = decoder(*network.eval()(normalise(collate(examples, preset.crop_size).image)))
    hits, joints = np.zeros(21), np.zeros(21)
    for example, predicted in zip(examples, output.keypoints_2d.numpy(), strict=True):
        x1, y1, x2, y2 = example.sample.box_xyxy
        # The crop is twice the box, whose longest side is what errors are compared with.
        error = np.linalg.norm(predicted - example.keypoints_2d[:, :2], axis=1) * 2 * max(x2 - x1, y2 - y1)
        known = example.keypoints_2d[:, 2] > 0
        hits += known & (error <= 0.1 * max(x2 - x1, y2 - y1))
        joints += known
    assert joints.sum() == 7 * 21 - 3
    scores = rows[-1]["sets"][part.name]
    assert scores["pck_0.1"] == pytest.approx(100 * (hits / joints).mean(), abs=1e-6)
    assert scores["hands"] == 7
    assert rows[-1]["score"] == scores["pck_0.05"]


def test_the_best_weights_are_kept_and_told(validated):
    rows = rows_of(validated)
    best = max(rows, key=lambda row: row["score"])
    weights = read_checkpoint(validated / "best.safetensors")
    assert json.loads(weights.metadata["training"])["step"] == best["step"]
    if best["step"] in (4, 6):
        average = load_state(checkpoint_path(validated / "checkpoints", best["step"])).average
        assert all(torch.equal(weights.state[key], value) for key, value in average.items())
    card = (validated / "MODEL_CARD.md").read_text()
    assert f"| best.safetensors | {best['step']} | 7 of " in card
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(validated / "tensorboard"))
    events.Reload()
    name = next(iter(rows[0]["sets"]))
    assert [e.step for e in events.Scalars(f"val-{name}/pck_0.1")] == [2, 4, 6]
    assert len(events.Images(f"val-{name}/predictions")) == 3


def test_scoring_changes_nothing_else_even_after_a_kill(request_for, start, validated, photographs, tmp_path):
    plain = tmp_path / "plain"
    run_training(request_for(plain))
    again = tmp_path / "again"
    request = request_for(again, val=(photographs,), val_every=2)
    killed = start(request, stderr=subprocess.DEVNULL)
    while not (again / "validation.jsonl").exists():
        assert killed.poll() is None
        time.sleep(0.005)
    killed.kill()
    assert killed.wait() == -signal.SIGKILL
    run_training(replace(request, resume=True))
    states = [load_state(checkpoint_path(out / "checkpoints", 6)) for out in (plain, again)]
    assert all(torch.equal(states[0].weights[key], value) for key, value in states[1].weights.items())
    assert rows_of(again) == rows_of(validated)
    assert (again / "best.safetensors").is_file()


@pytest.mark.slow
def test_two_processes_share_the_hands(request_for, photographs, tmp_path):
    for processes, run in ((1, run_training), (2, run_processes)):
        out = tmp_path / str(processes)
        run(request_for(out, "vit", processes=processes, val=(photographs,), val_every=3))
    one, two = (rows_of(tmp_path / name) for name in "12")
    assert [row["step"] for row in one] == [row["step"] for row in two] == [3, 6]
    for mine, others in zip(one, two, strict=True):
        for (name, scores), (other, values) in zip(mine["sets"].items(), others["sets"].items(), strict=True):
            assert (name, scores["hands"]) == (other, values["hands"])
            assert scores["keypoints_2d"] == pytest.approx(values["keypoints_2d"], rel=1e-3)


def test_hands_that_must_not_decide_are_refused(request_for, noise, photographs, tmp_path):
    with pytest.raises(InputError, match=r"noise: .*000000.tar are trained on; validate on other hands"):
        run_training(request_for(tmp_path, val=(noise / "noise",)))
    test = tmp_path / "TEST_mine_img"
    shutil.copytree(photographs, test)
    with pytest.raises(InputError, match="test hands, reserved for evaluation"):
        run_training(request_for(tmp_path, val=(test,)))
    with pytest.raises(InputError, match="no such file"):
        run_training(request_for(tmp_path, val=(tmp_path / "nowhere",)))
    with pytest.raises(InputError, match="different names"):
        run_training(request_for(tmp_path, val=(photographs, photographs)))
    datasets = open_datasets(request_for(tmp_path).preset, noise, 0)
    assert datasets.sizes == {"noise": 20}


def test_a_set_of_tars_is_scored(request_for, noise, tmp_path):
    other = tmp_path / "others"
    other.mkdir()
    (other / "000000.tar").write_bytes((noise / "noise" / "000000.tar").read_bytes())
    run_training(request_for(tmp_path / "out", changes=[("steps", 2)], val=(other,)))
    (row,) = rows_of(tmp_path / "out")
    assert row["sets"]["others"]["hands"] == 20


def test_boxes_of_scored_tars_grow_as_those_of_the_tars_that_are_trained_on(request_for, noise, tmp_path):
    shutil.copytree(noise / "noise", tmp_path / "scored")
    for factor in (1.0, 1.5):
        preset = request_for(tmp_path, changes=[("datasets.noise.box_factor", factor)]).preset
        (part,) = open_validation(preset, [tmp_path / "scored"], [])
        sample = part.data.example(0).sample
        assert sample.box_xyxy.tolist() == [40 - 25 * factor] * 2 + [40 + 25 * factor] * 2
