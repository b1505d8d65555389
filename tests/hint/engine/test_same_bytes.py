"""The same bytes of predictions, whoever makes them: one process or several, shards, batches, and killed runs."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from command import EVERY_STEP, interrupt, start, wait_for
from engine_methods import DeadlyRecipe

from hint.engine import LoadedMethod, NamedMethod, Ready, Shard, Work, run
from hint.errors import HintError, InputError
from hint.files import read_labels, read_predictions, write_pairs
from hint.images import write_image
from hint.methods.table import create
from hint.types import Hand, HandLabels, Method, MethodOptions

METHOD = "hamer-tiny"
COMMAND = ("eval", "--method", METHOD, "--device", "cpu", "--name", "p", "--data")


@pytest.fixture(scope="module")
def root(make: Callable[..., HandLabels], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve pairs whose pictures are not noise."""
    folder = tmp_path_factory.mktemp("root") / "TEST_newdays_img"
    labels, rng = make(12), np.random.default_rng(5)
    write_pairs(folder, labels)
    for hand_id in labels.hand_id.tolist():
        noise = rng.integers(0, 255, (200, 240, 3), dtype=np.uint8)
        write_image(folder / f"{hand_id}.jpg", cv2.GaussianBlur(noise, (0, 0), 3))
    return folder.parent


@pytest.fixture(scope="module")
def hands(root: Path) -> list[Hand]:
    """Its hands, four of which share two pictures that lie apart in the list."""
    hands = read_labels(root).hands()
    for first, second in ((0, 7), (3, 4)):
        hands[second] = replace(hands[second], image=hands[first].image)
    return hands


@pytest.fixture(scope="module")
def method() -> Method:
    return create(METHOD, MethodOptions(device="cpu"))


@pytest.fixture(scope="module")
def expected(method: Method, hands: list[Hand], tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("expected") / "p.npz"
    run(method, hands, save_to=path)
    return path.read_bytes()


@pytest.fixture
def threads() -> Iterator[Callable[[int], None]]:
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def test_neither_batches_nor_threads_matter(
    method: Method, hands: list[Hand], expected: bytes, tmp_path: Path, threads: Callable[[int], None]
) -> None:
    for batch_size, number in ((1, 1), (3, 2), (16, 3)):
        threads(number)
        path = tmp_path / f"{batch_size}.npz"
        run(method, hands, save_to=path, batch_size=batch_size, workers=number)
        assert path.read_bytes() == expected


def test_shards_become_one_result(method: Method, hands: list[Hand], expected: bytes, tmp_path: Path) -> None:
    path = tmp_path / "p.npz"
    done = [run(method, hands, save_to=path, shard=Shard(k, 3), batch_size=k) for k in (3, 1, 2)]
    assert sum(len(shard.predictions) for shard in done) == 12
    assert not path.exists()
    assert run(method, hands, save_to=path).reused == 12
    assert path.read_bytes() == expected
    assert [file.name for file in tmp_path.iterdir()] == ["p.npz"]
    with pytest.raises(InputError, match="remove that first"):
        run(method, hands, save_to=path, shard=Shard(1, 2), overwrite=True)


def test_processes_give_the_bytes_of_one(hands: list[Hand], expected: bytes, tmp_path: Path) -> None:
    engine = Work(devices="cpu*2").find_engine()
    ready = Ready.load(NamedMethod(METHOD, MethodOptions(device="cpu")), engine)
    path = tmp_path / "p.npz"
    run(ready, hands, save_to=path, batch_size=5)
    assert path.read_bytes() == expected


def test_a_killed_run_goes_on(root: Path, method: Method, tmp_path: Path) -> None:
    process = start(*COMMAND, root, "--out", tmp_path, setup=EVERY_STEP)
    wait_for(process, "hands: 4/12")
    process.kill()
    process.wait()
    path, whole = tmp_path / "p" / "predictions.npz", tmp_path / "whole.npz"
    assert not path.exists()
    hands = read_labels(root).hands()
    assert run(method, hands, save_to=path).reused >= 4
    run(method, hands, save_to=whole)
    assert path.read_bytes() == whole.read_bytes()
    assert [file.name for file in path.parent.iterdir()] == ["predictions.npz"], "neither parts nor locks are left"


def is_gone(group: int) -> bool:
    """Wait a little for the last process of a group; Python's own tracker of resources ends after all others."""
    for _ in range(200):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    os.killpg(group, signal.SIGKILL)
    return False


def test_ctrl_c_ends_all_processes(root: Path, method: Method, tmp_path: Path) -> None:
    process = start(*COMMAND, root, "--out", tmp_path, "--devices", "cpu*2", setup=EVERY_STEP, new_session=True)
    wait_for(process, "hands: 4/12")
    assert "the same command continues from there" in interrupt(process, group=True)
    assert is_gone(process.pid)
    assert run(method, read_labels(root).hands(), save_to=tmp_path / "p" / "predictions.npz").reused >= 4


def test_hands_that_kill_their_process_are_named_and_the_others_predicted(hands: list[Hand], tmp_path: Path) -> None:
    ids = [hand.hand_id for hand in hands]
    recipe = DeadlyRecipe((ids[2],), tmp_path / f"{ids[9]}.txt")
    ready = Ready.load(recipe, Work(devices="cpu*2").find_engine())
    result = run(ready, hands, save_to=tmp_path / "p.npz")
    assert [*result.failures] == [ids[2]]
    assert "killed by signal 9, perhaps for lack of memory" in result.failures[ids[2]]
    assert read_predictions(tmp_path / "p.npz").hand_id.tolist() == [i for i in ids if i != ids[2]]


def test_what_processes_cannot_load_is_one_line(method: Method, tmp_path: Path) -> None:
    engine = Work(devices="cpu*1").find_engine()
    with pytest.raises(InputError, match="hamer-tiny is loaded in this process"):
        Ready.load(LoadedMethod(method), engine)
    with pytest.raises(HintError, match="ended with code 3 while it loaded the method"):
        Ready.load(DeadlyRecipe((), tmp_path / "once", at_once=True), engine)
