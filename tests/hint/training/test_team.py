"""Processes of one training that others start: what they share, who speaks, how errors of one end all."""

import os
import shutil
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from command import error, hint, run

from hint.training.checkpoints import saved_steps
from hint.training.cores import default_workers


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
    hint(*arguments(noise, out), OMP_NUM_THREADS="1")
    return out


def test_two_processes_of_an_environment_train_as_one_and_only_the_first_speaks(noise, alone, tmp_path, losses_of):
    said = ended(run_two(*[arguments(noise, tmp_path)] * 2), 0, 0)
    assert said == f"weights   {tmp_path / 'weights.safetensors'}\n"
    torch.testing.assert_close(losses_of(tmp_path)[:, 0], losses_of(alone)[:, 0], rtol=2e-4, atol=1e-6)
    assert saved_steps(tmp_path / "checkpoints") == [6]


def test_what_is_wrong_in_one_process_ends_all(noise, alone, tmp_path):
    good, out = arguments(noise, tmp_path / "out"), tmp_path / "out"
    (tmp_path / "file").write_text("")
    shutil.copytree(noise / "noise", tmp_path / "more" / "noise")
    shutil.copy(noise / "noise" / "000000.tar", tmp_path / "more" / "noise" / "000001.tar")
    lacking = ("train", noise / "vit.toml", "--data", tmp_path, "--out", out, "--device", "cpu")
    larger = ("train", noise / "vit.toml", "--data", tmp_path / "more", "--out", out, "--device", "cpu")
    host = socket.gethostname()

    said = ended(run_two(good, lacking), 3, 3)
    assert f"process 1 on {host}: the data of preset noise is missing" in said
    assert "has other numbers of hands" in ended(run_two(good, larger), 2, 2)
    said = ended(run_two(arguments(noise, alone, "--resume"), arguments(noise, out, "--resume")), 2, 2)
    assert "has other checkpoints in --out" in said
    assert not out.exists()
    # Here the second is already waiting for gradients.
    assert "cannot write" in ended(run_two(arguments(noise, tmp_path / "file"), good), 1, 1)


def test_what_the_environment_lacks_or_forbids_is_said(noise, tmp_path):
    said = error(run(*arguments(noise, tmp_path, "--processes", 2), **environment(0, "1")))
    assert "--processes 2 starts processes, but this is already one of 2" in said
    said = error(run(*arguments(noise, tmp_path), RANK="0"))
    assert "RANK is set, but not LOCAL_RANK and WORLD_SIZE and MASTER_ADDR and MASTER_PORT" in said


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
