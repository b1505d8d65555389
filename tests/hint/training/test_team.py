"""Processes of one training that others start: what they share, who speaks, how errors of one end all."""

import json
import os
import shutil
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from command import error, hint, run
from torch._C._distributed_c10d import HashStore

from hint.errors import ElsewhereError, HintError, InputError
from hint.training.checkpoints import checkpoint_path, load_state, saved_steps
from hint.training.cores import default_workers
from hint.training.team import Team, joined


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return str(listener.getsockname()[1])


def environment(rank, port, world=2):
    """What torchrun sets on the machine of a process."""
    names = {"RANK": rank, "LOCAL_RANK": 0, "LOCAL_WORLD_SIZE": 1, "WORLD_SIZE": world, "MASTER_PORT": port}
    return {name: str(value) for name, value in names.items()} | {"MASTER_ADDR": "127.0.0.1", "OMP_NUM_THREADS": "1"}


def arguments(root, out, *others):
    return "train", root / "vit.toml", "--data", root, "--out", out, "--device", "cpu", "--workers", 0, *others


def run_two(one, other):
    """Run two commands as two processes of a training; return how they ended."""
    port = free_port()
    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(run, *command, **environment(rank, port)) for rank, command in enumerate((one, other))]
        return [done.result() for done in both]


def ended(done, *codes):
    """Check exit codes, and that only the first speaks; return what it says."""
    assert [one.returncode for one in done] == list(codes), [one.stderr for one in done]
    assert (done[1].stdout, done[1].stderr) == ("", "")
    return error(done[0]) if codes[0] else done[0].stdout


@pytest.fixture(scope="module")
def alone(noise, tmp_path_factory):
    out = tmp_path_factory.mktemp("alone")
    hint(*scored(noise, out), OMP_NUM_THREADS="1")
    return out


def scored(noise, out, *others):
    """A training that is scored twice, on hands that are those it trains on under another name."""
    val = noise / "val" / "noise"
    if not val.exists():
        shutil.copytree(noise / "noise", val)
    return arguments(noise, out, "--val", val, "--val-every", 3, "--save-every", 3, *others)


def assert_alike(out, other):
    """Weights differ where AdamW makes steps of full size of last bits, what they predict does not."""
    mine, theirs = (
        [json.loads(line) for line in (o / "validation.jsonl").read_text().splitlines()] for o in (out, other)
    )
    assert [row["step"] for row in mine] == [row["step"] for row in theirs] == [3, 6]
    for one, two in zip(mine, theirs, strict=True):
        losses = [{k: v for k, v in row["sets"]["noise"].items() if "pck" not in k} for row in (one, two)]
        assert losses[0] == pytest.approx(losses[1], rel=5e-3)


def test_two_processes_of_an_environment_train_as_one_and_only_the_first_speaks(noise, alone, tmp_path):
    said = ended(run_two(*[scored(noise, tmp_path)] * 2), 0, 0)
    assert said == f"weights   {tmp_path / 'weights.safetensors'}\n"
    assert_alike(tmp_path, alone)
    assert saved_steps(tmp_path / "checkpoints") == [3, 6]


@pytest.mark.slow
def test_spread_weights_train_as_whole_ones_and_go_on_in_either_form(noise, alone, tmp_path):
    """Clipping, averages, the discriminator and accumulation are on; the checkpoint has the layout of whole weights."""
    out, whole = tmp_path / "spread", tmp_path / "whole"
    parts = ("--set", "accumulate=2")
    ended(run_two(*[scored(noise, out, *parts, "--set", "spread=true")] * 2), 0, 0)
    assert_alike(out, alone)
    one, other = (load_state(checkpoint_path(folder / "checkpoints", 6)) for folder in (out, alone))
    for mine, theirs in ((one.weights, other.weights), (one.average, other.average)):
        assert {key: value.shape for key, value in mine.items()} == {key: value.shape for key, value in theirs.items()}

    shutil.copytree(out, whole)
    for folder, form in ((out, "true"), (whole, "false")):
        (folder / "checkpoints" / "step_00000006.ckpt").unlink()
        ended(run_two(*[scored(noise, folder, *parts, "--resume", "--set", f"spread={form}")] * 2), 0, 0)
    again = load_state(checkpoint_path(out / "checkpoints", 6))
    assert all(torch.equal(again.weights[key], one.weights[key]) for key in one.weights)
    assert all(torch.equal(again.average[key], one.average[key]) for key in one.average)
    assert_alike(whole, alone)


def test_what_is_wrong_in_one_process_ends_all(noise, tmp_path):
    good, lacking = (arguments(root, tmp_path / "out") for root in (noise, tmp_path))
    shutil.copy(noise / "vit.toml", tmp_path)
    said = ended(run_two(good, lacking), 3, 3)
    assert f"process 1 on {socket.gethostname()}: the data of preset noise is missing" in said
    assert not (tmp_path / "out").exists()
    # Here the second is already waiting for gradients.
    (tmp_path / "file").write_text("")
    assert "cannot write" in ended(run_two(arguments(noise, tmp_path / "file"), good), 1, 1)


def test_what_must_be_equal_is_compared():
    store = HashStore()

    def compare(rank, parts):
        team = Team(rank, 3, store)
        assert team.agree(lambda: rank) == rank
        return team.agree(lambda: parts[rank], lambda part: {"settings": 1, "numbers of hands": part})

    def errors(parts):
        with ThreadPoolExecutor(3) as pool:
            return [done.exception() for done in [pool.submit(compare, rank, parts) for rank in range(3)]]

    assert errors([{"noise": 20}] * 3) == [None] * 3
    store = HashStore()
    first, *others = errors([{"noise": 20}, {"noise": 20}, {"noise": 40}])
    assert first.exit_code == 2
    assert f"process 2 on {socket.gethostname()} has other numbers of hands than the first" in str(first)
    assert [type(error) for error in others] == [ElsewhereError] * 2


def test_a_bug_in_one_process_is_told_to_all():
    store = HashStore()
    with ThreadPoolExecutor(2) as pool:
        one, two = (
            pool.submit(Team(rank, 2, store).agree, lambda divisor=rank: 1 // (1 - divisor)) for rank in range(2)
        )
        assert isinstance(two.exception(), ZeroDivisionError)
        assert f"process 1 on {socket.gethostname()}: ZeroDivisionError" in str(one.exception())


def test_what_the_environment_lacks_or_forbids_is_said(monkeypatch):
    monkeypatch.setenv("RANK", "0")
    with pytest.raises(
        InputError, match="RANK is set, but not LOCAL_RANK and WORLD_SIZE and MASTER_ADDR and MASTER_PORT"
    ):
        joined().__enter__()
    for name, value in environment(0, "1").items():
        monkeypatch.setenv(name, value)
    with pytest.raises(InputError, match="--processes 2 starts processes, but this is already one of 2"):
        joined(2).__enter__()
    nonsense = {"RANK": "7", "LOCAL_RANK": "-1", "WORLD_SIZE": "0", "LOCAL_WORLD_SIZE": "3", "MASTER_PORT": "x"}
    for name, value in nonsense.items():
        with monkeypatch.context() as changed:
            changed.setenv(name, value)
            with pytest.raises(InputError, match=f"{name}='{value}' must be a number from .* unset RANK"):
                joined().__enter__()


def test_who_waits_for_nobody_says_so_and_gives_up(monkeypatch, capsys):
    for name, value in environment(1, free_port()).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("hint.training.team._SILENCE", 0.1)
    monkeypatch.setattr("hint.training.team._MEETING", 1.0)
    with pytest.raises(HintError, match=r"cannot meet the other processes at 127\.0\.0\.1:.* \(MASTER_ADDR\)"):
        joined().__enter__()
    assert capsys.readouterr().err.startswith("waiting for the other processes at 127.0.0.1:")


WAITING = """
import sys, time
from hint.errors import InputError
from hint.training.team import joined
with joined() as team:
    team.agree(lambda: None)
    if team.rank:
        raise InputError("the fuse blew")
    print("waiting", flush=True)
    while True:
        time.sleep(0.1)
"""


@pytest.mark.slow
def test_a_process_that_waits_for_gradients_for_ever_ends_with_the_others():
    port = free_port()
    one, two = (
        subprocess.Popen(
            [sys.executable, "-c", WAITING], stderr=subprocess.PIPE, text=True, env=os.environ | environment(rank, port)
        )
        for rank in range(2)
    )
    assert one.communicate(timeout=100)[1] == "hint: the fuse blew\n"
    assert one.returncode == 2
    assert "ElsewhereError: the fuse blew" in two.communicate(timeout=100)[1]


def test_workers_by_default_are_the_spare_cores(monkeypatch):
    monkeypatch.setattr("hint.training.cores.cores", lambda: 32)
    monkeypatch.delenv("RANK", raising=False)
    assert [default_workers("cuda", n) for n in (1, 8, 32)] == [16, 3, 1]
    assert [default_workers("cpu", n) for n in (1, 32)] == [1, 0]
    monkeypatch.setenv("RANK", "9")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "4")
    assert default_workers("cuda") == 7
