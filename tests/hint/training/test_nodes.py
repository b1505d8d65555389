"""A training on two machines, each with its torchrun: two network namespaces with a cable between them."""

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import ExitStack

import pytest
from command import hint

from hint.training.checkpoints import checkpoint_path, load_state, saved_steps

#: Two namespaces, each with one end of a cable.
NODES = {"hintnodea": "10.213.7.1", "hintnodeb": "10.213.7.2"}


def ip(*arguments):
    return subprocess.run(["ip", *arguments], check=True, capture_output=True)


@pytest.fixture(scope="module")
def nodes():
    """The names of two namespaces whose only network is the cable between them."""
    if (
        shutil.which("ip") is None
        or subprocess.run(["ip", "netns", "add", "hintnodea"], capture_output=True).returncode
    ):
        pytest.skip("making network namespaces is not allowed here")
    with ExitStack() as stack:
        stack.callback(ip, "netns", "del", "hintnodea")
        ip("netns", "add", "hintnodeb")
        stack.callback(ip, "netns", "del", "hintnodeb")
        ip("-n", "hintnodea", "link", "add", "cable", "type", "veth", "peer", "name", "cable", "netns", "hintnodeb")
        for node, address in NODES.items():
            ip("-n", node, "address", "add", f"{address}/24", "dev", "cable")
            ip("-n", node, "link", "set", "cable", "up")
            ip("-n", node, "link", "set", "lo", "up")
        yield list(NODES)


def start(nodes, *arguments):
    """Start torchrun on both nodes."""
    running = []
    for number, node in enumerate(nodes):
        launch = ["--nnodes", "2", "--nproc-per-node", "1", "--node-rank", str(number)]
        launch += ["--master-addr", NODES[nodes[0]], "--master-port", "29400"]
        command = [sys.executable, "-m", "torch.distributed.run", *launch, "-m", "hint", *map(str, arguments)]
        variables = os.environ | {"OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "cable"}
        running.append(
            subprocess.Popen(
                ["ip", "netns", "exec", node, *command],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env=variables,
                start_new_session=True,
            )
        )
    return running


def wait_for_step(out, running):
    while not saved_steps(out / "checkpoints"):
        assert [one.poll() for one in running] == [None, None], [one.communicate() for one in running]
        time.sleep(0.05)


@pytest.mark.slow
def test_two_nodes_killed_and_resumed_train_the_weights_of_two_processes_here(nodes, noise, tmp_path):
    def arguments(out):
        steps = ("--steps", 40, "--save-every", 2)
        return ("train", noise / "vit.toml", "--data", noise, "--out", out, "--device", "cpu", "--workers", 1, *steps)

    here, far = tmp_path / "here", tmp_path / "far"
    hint(*arguments(here), "--processes", 2, OMP_NUM_THREADS="1")

    killed = start(nodes, *arguments(far))
    wait_for_step(far, killed)
    for node in nodes:
        for process in ip("netns", "pids", node).stdout.split():
            os.kill(int(process), signal.SIGKILL)
    for one in killed:
        one.communicate()
    assert saved_steps(far / "checkpoints")[-1] < 40, "they were killed on the way"

    resumed = start(nodes, *arguments(far), "--resume")
    (said, _), (silence, _) = (one.communicate(timeout=300) for one in resumed)
    assert [one.returncode for one in resumed] == [0, 0]
    assert said == f"weights   {far / 'weights.safetensors'}\n"
    assert silence == ""
    one, other = (load_state(checkpoint_path(out / "checkpoints", 40)) for out in (here, far))
    assert all((one.weights[key] == other.weights[key]).all() for key in one.weights)
    assert all((one.average[key] == other.average[key]).all() for key in one.average)


@pytest.mark.slow
def test_ctrl_c_on_one_node_keeps_the_state_of_both(nodes, noise, tmp_path):
    running = start(
        nodes,
        *("train", noise / "vit.toml", "--data", noise, "--out", tmp_path, "--device", "cpu", "--workers", 1),
        *("--steps", 5000, "--save-every", 2, "--set", "optimiser.learning_rate=1e-6"),
    )
    wait_for_step(tmp_path, running)
    os.kill(running[1].pid, signal.SIGINT)  # ip becomes torchrun
    (_, said), (_, other) = (one.communicate(timeout=300) for one in running)
    assert all(running[k].returncode for k in range(2))
    step = saved_steps(tmp_path / "checkpoints")[-1]
    assert f"hint: stopped after {step} steps; continue with" in said
    assert "hint: " not in other
