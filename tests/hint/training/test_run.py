"""Trainings from beginning to end: what they write, going on, ends of all kinds, several processes."""

import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest
import torch
from typer.testing import CliRunner

from hint.cli import weights as weights_command
from hint.crop import Square
from hint.errors import HintError, InputError, MissingRequirementError, WriteError
from hint.files.claim import claimed
from hint.methods.crop_method import Crop
from hint.methods.hamer.method import HamerMethod
from hint.methods.official_weights import describe_weights
from hint.training.checkpoints import checkpoint_path, load_state, save_state, saved_steps
from hint.training.launch import run_processes
from hint.training.run import _limits, run_training
from hint.types import MethodOptions
from hint.weights import file_sha256, read_checkpoint, save


@pytest.fixture(autouse=True)
def one_thread():
    """The order of sums, and so the last bits, depend on the number of threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def state_of(out, step=6):
    return load_state(checkpoint_path(out / "checkpoints", step))


def same(one, other):
    """Whether two states are equal to the last bit."""
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


@pytest.fixture(scope="module")
def finished(noise, tmp_path_factory):
    """A training that was not disturbed."""
    from hint.training.preset import load_preset
    from hint.training.request import TrainingRequest

    out, before = tmp_path_factory.mktemp("finished"), torch.get_num_threads()
    torch.set_num_threads(1)
    run_training(
        TrainingRequest(load_preset(str(noise / "conv.toml")), noise, out, device="cpu", save_every=2, log_every=1)
    )
    torch.set_num_threads(before)
    return out


def test_it_leaves_checkpoints_curves_and_weights_that_run(finished):
    assert saved_steps(finished / "checkpoints") == [4, 6]
    state = state_of(finished)
    assert {key.split(".")[0] for key in state.weights} == {"backbone", "mano_head", "discriminator", "initialized"}
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(finished / "tensorboard"))
    events.Reload()
    assert len(events.Scalars("train/keypoints_2d")) == 6
    assert len(events.Images("train/predictions")) == 1
    weights = read_checkpoint(finished / "weights.safetensors")
    assert same({k: v for k, v in weights.state.items() if k in state.average}, state.average)
    description = json.loads(weights.metadata["training"])
    assert (description["step"], description["hands"], description["mano"]) == (6, {"noise": 20}, "procedural")
    card = (finished / "MODEL_CARD.md").read_text()
    assert "| noise | 1.000 | 20 |" in card
    assert file_sha256(finished / "weights.safetensors") in card
    facts = describe_weights(finished / "weights.safetensors")
    assert (facts["weights of"], facts["step"], facts["hands"]) == ("hamer", 6, {"noise": 20})
    told = CliRunner().invoke(weights_command.app, ["info", str(finished / "weights.safetensors")]).output
    assert re.search(r"^hands +noise 20$", told, re.MULTILINE)
    for path in (finished / "weights.safetensors", checkpoint_path(finished / "checkpoints", 6)):
        method = HamerMethod.create(MethodOptions(weights=str(path), device="cpu"))
        assert method.run([Crop(torch.zeros(64, 64, 3).numpy(), Square(32, 32, 64))]).vertices.shape == (1, 778, 3)


def test_killed_and_resumed_is_the_same_to_the_last_bit(request_for, start, finished, tmp_path):
    killed = start(request_for(tmp_path), stderr=subprocess.DEVNULL)
    while not saved_steps(tmp_path / "checkpoints"):
        assert killed.poll() is None
        time.sleep(0.005)
    killed.kill()
    assert killed.wait() == -signal.SIGKILL
    assert saved_steps(tmp_path / "checkpoints")[-1] < 6, "it was killed on the way"
    run_training(request_for(tmp_path, resume=True))
    one, other = state_of(finished), state_of(tmp_path)
    for part in ("weights", "optimisers", "average"):
        assert same(getattr(one, part), getattr(other, part)), part


def test_another_seed_is_another_training(request_for, finished, tmp_path):
    run_training(request_for(tmp_path, seed=1))
    assert not same(state_of(finished).weights, state_of(tmp_path).weights)


def test_training_lowers_the_loss(request_for, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run_training(request_for(tmp_path, changes=[("steps", 40), ("augmentation.scale", 0), ("optimiser.clip", 0)]))
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    loss = [event.value for event in events.Scalars("train/total")]
    assert sum(loss[-5:]) < 0.7 * sum(loss[:5])


def test_ctrl_c_keeps_the_state_and_says_how_to_go_on(noise, finished, tmp_path):
    command = [
        *(
            sys.executable,
            "-c",
            "from hint.cli import main; main()",
            "train",
            str(noise / "conv.toml"),
            "--data",
            str(noise),
        ),
        *("--out", str(tmp_path), "--workers", "1", "--save-every", "1000", "--set", "steps=500", "--device", "cpu"),
    ]
    running = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"})
    while not any(p.stat().st_size > 1000 for p in tmp_path.glob("tensorboard/*")):
        assert running.poll() is None
        time.sleep(0.02)
    running.send_signal(signal.SIGINT)
    output = running.communicate(timeout=300)[1]
    assert running.returncode == 130, output
    (step,) = saved_steps(tmp_path / "checkpoints")
    assert 0 < step < 500
    assert f"stopped after {step} steps; continue with:\nhint train" in output
    assert output.rstrip().endswith("--resume")


def test_other_settings_are_refused(request_for, finished, tmp_path):
    with pytest.raises(InputError, match=r"of 6 steps; add --resume to continue"):
        run_training(request_for(finished))
    with pytest.raises(InputError, match=r"other settings \(optimiser.learning_rate\)"):
        run_training(request_for(finished, changes=[("optimiser.learning_rate", 1.0)], resume=True))
    with pytest.raises(InputError, match=r"other settings \(seed\)"):
        run_training(request_for(finished, seed=3, resume=True))
    assert saved_steps(finished / "checkpoints") == [4, 6]


def test_a_finished_training_goes_on_where_its_rate_is_constant(request_for, finished, tmp_path):
    run_training(request_for(tmp_path))
    run_training(request_for(tmp_path, changes=[("steps", 8)], resume=True))
    straight = tmp_path / "straight"
    run_training(request_for(straight, changes=[("steps", 8)]))
    assert same(state_of(tmp_path, 8).weights, state_of(straight, 8).weights)


# -- parts and processes


@pytest.fixture(scope="module")
def whole(noise, tmp_path_factory):
    """A training of a network without batch norm, all hands of a step at once."""
    from hint.training.preset import load_preset
    from hint.training.request import TrainingRequest

    out, before = tmp_path_factory.mktemp("whole"), torch.get_num_threads()
    torch.set_num_threads(1)
    run_training(TrainingRequest(load_preset(str(noise / "vit.toml")), noise, out, device="cpu", log_every=1))
    torch.set_num_threads(before)
    return out


def test_parts_of_a_batch_train_as_the_whole_does(request_for, whole, tmp_path, losses_of):
    run_training(request_for(tmp_path, "vit", changes=[("accumulate", 3)]))
    torch.testing.assert_close(losses_of(tmp_path), losses_of(whole), rtol=2e-4, atol=1e-6)


def test_blocks_that_are_computed_again_change_nothing(request_for, whole, tmp_path):
    run_training(request_for(tmp_path, "vit", changes=[("gradient_checkpointing", True)]))
    one, other = (read_checkpoint(out / "weights.safetensors").state for out in (whole, tmp_path))
    assert same(one, other)
    with pytest.raises(InputError, match="gradient_checkpointing is for the ViT"):
        request_for(tmp_path, "conv", changes=[("gradient_checkpointing", True)])


@pytest.mark.slow
def test_a_compiled_backbone_trains_as_the_plain_one(request_for, whole, tmp_path, losses_of):
    run_training(request_for(tmp_path, "vit", changes=[("compile", True)], val=(), workers=0))
    torch.testing.assert_close(losses_of(tmp_path), losses_of(whole), rtol=2e-4, atol=1e-6)
    assert saved_steps(tmp_path / "checkpoints")


@pytest.mark.slow
def test_two_processes_train_as_one_does(request_for, whole, tmp_path, losses_of):
    result = run_processes(request_for(tmp_path, "vit", processes=2))
    assert (result.step, result.weights) == (6, tmp_path / "weights.safetensors")
    torch.testing.assert_close(losses_of(tmp_path), losses_of(whole), rtol=2e-4, atol=1e-6)
    one, two = (read_checkpoint(out / "weights.safetensors").state for out in (whole, tmp_path))
    assert one.keys() == two.keys()
    with pytest.raises(InputError, match="3 processes cannot share a batch of 8"):
        run_processes(request_for(tmp_path, "vit", processes=3))


# -- what can go wrong


def test_a_loss_that_is_not_finite_names_the_hands_and_leaves_the_checkpoint(request_for, finished, tmp_path):
    # With such a rate the first step sends the weights beyond all numbers.
    changes = [("optimiser.learning_rate", 1e37), ("optimiser.clip", 0), ("steps", 30)]
    with pytest.raises(
        HintError, match=r"is not finite; the hands of the batch \(noise_\d+, .* \(8 in all\)\)"
    ) as raised:
        run_training(replace(request_for(tmp_path, changes=changes), save_every=1))
    assert raised.value.exit_code == 1
    (path,) = tmp_path.glob("not_finite_step_*.json")
    description = json.loads(path.read_text())
    assert len(description["hands"]) == 8
    assert saved_steps(tmp_path / "checkpoints")[-1] == description["step"]


def test_a_full_disk_leaves_the_checkpoint_before(request_for, start, tmp_path):
    run_training(request_for(tmp_path, changes=[("steps", 2)]))
    before = checkpoint_path(tmp_path / "checkpoints", 2).read_bytes()

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) // 2,) * 2)

    failed = start(
        request_for(tmp_path, changes=[("steps", 4)], resume=True), preexec_fn=limit, stderr=subprocess.PIPE, text=True
    )
    output = failed.communicate(timeout=300)[1]
    assert failed.returncode
    assert "WriteError: cannot write" in output
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["step_00000002.ckpt"]
    assert checkpoint_path(tmp_path / "checkpoints", 2).read_bytes() == before


def test_a_full_disk_is_called_so(finished, tmp_path):
    if shutil.which("mount") is None or os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root")
    state, weights = state_of(finished), read_checkpoint(finished / "weights.safetensors")
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", tmp_path], capture_output=True)
    if mounted.returncode:
        pytest.skip("mounting is not allowed here")
    try:
        with pytest.raises(WriteError, match=r"step_00000006.ckpt: No space left on device: the disk is full"):
            save_state(state, tmp_path, keep=1)
        with pytest.raises(WriteError, match=r"weights.safetensors: .*No space left on device"):
            save(weights.state, tmp_path / "weights.safetensors", weights.metadata)
        assert not list(tmp_path.iterdir())
    finally:
        subprocess.run(["umount", tmp_path], check=True)


def test_too_little_memory_is_one_line(request_for, tmp_path):
    asked = request_for(tmp_path)
    line = r"4 hands .* --set accumulate=2 \(2 at once\).* --batch-size 4"
    with pytest.raises(InputError, match=line), _limits(asked, 2):
        torch.empty(1 << 55)
    with pytest.raises(RuntimeError, match="size"), _limits(asked, 1):
        torch.ones(2) + torch.ones(3)


def test_a_folder_takes_one_training_at_a_time(request_for, tmp_path):
    out = tmp_path / "out"
    with claimed(out), pytest.raises(InputError, match=r"another run is writing to .*out; wait until it has ended"):
        run_training(request_for(out))
    assert not out.exists()


def test_missing_data_is_named_at_once(request_for, tmp_path):
    changes = [("datasets.freihand-train.weight", 1), ("mocap", "real.npz")]
    request = replace(request_for(tmp_path / "out", changes=[*changes, ("mano", "")]), data=tmp_path)
    named = r"MANO.*; the data .* missing: noise \(.*\), freihand-train .*, mocap "
    with pytest.raises(MissingRequirementError, match=named):
        run_training(request)
    assert not (tmp_path / "out").exists()


def test_a_damaged_checkpoint_is_named(request_for, tmp_path):
    run_training(request_for(tmp_path, changes=[("steps", 2)]))
    path = checkpoint_path(tmp_path / "checkpoints", 2)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(InputError, match=r"step_00000002.ckpt: not a training checkpoint .* remove it"):
        run_training(request_for(tmp_path, resume=True))


def test_fp16_needs_a_gpu(request_for, tmp_path):
    with pytest.raises(InputError, match="precision fp16 needs a GPU"):
        run_training(request_for(tmp_path, changes=[("precision", "fp16")]))


def test_a_folder_that_cannot_be_written_is_said(request_for, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(WriteError, match="cannot write"):
        run_training(request_for(tmp_path / "file"))
