"""The row of training hands and its batches: the same for any number of workers, processes and interruptions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from hint.errors import InputError
from hint.training.augmentation import Augmentation
from hint.training.batch import Batch
from hint.training.broken import UnreadableHands
from hint.training.data import TrainingData, loader
from hint.training.tars import TarSource, find_tars


@pytest.fixture
def data(tars: tuple[Path, list[Any]]) -> TrainingData:
    """A mixture of one tar and of all three."""
    paths = find_tars(tars[0])
    sources = [TarSource("some", paths[:1], workers=1), TarSource("all", paths, workers=1)]
    return TrainingData.mix(sources, [0.25, 0.75], seed=3, crop_size=48)


def take(data: TrainingData, n: int, **options: Any) -> list[Batch]:
    return list(islice(loader(data, **({"global_batch": 8} | options)), n))


def same(first: Batch, second: Batch) -> bool:
    """Tell whether two batches are equal to the last bit."""
    for f in fields(Batch):
        one, other = getattr(first, f.name), getattr(second, f.name)
        if not (torch.equal(one, other) if isinstance(one, torch.Tensor) else one == other):
            return False
    return True


def test_workers_change_no_bit(data: TrainingData) -> None:
    alone = take(data, 5)
    for workers in (1, 2):
        assert all(same(a, b) for a, b in zip(alone, take(data, 5, workers=workers), strict=True))


def test_a_later_start_is_the_rest_of_the_whole(data: TrainingData) -> None:
    assert all(same(a, b) for a, b in zip(take(data, 6)[4:], take(data, 2, start_step=4), strict=True))


def test_two_processes_share_the_batch_of_one(data: TrainingData) -> None:
    (whole,) = take(data, 1)
    for rank in range(2):
        (part,) = take(data, 1, rank=rank, world=2)
        assert same(part, whole.select(slice(rank, None, 2)))


def test_a_hand_is_changed_anew_in_each_round(sample: Callable[..., Any], held: Any) -> None:
    data = TrainingData.mix([held([sample()])], crop_size=32)
    first, second = take(data, 2, global_batch=1)
    assert first.key == second.key
    assert not torch.equal(first.keypoints_2d, second.keypoints_2d)


def test_batch_has_the_declared_kinds(data: TrainingData) -> None:
    (batch,) = take(data, 1)
    assert batch.crops.dtype == torch.uint8
    assert batch.image.dtype == batch.keypoints_3d.dtype == torch.float32
    assert batch.image.shape == (8, 48, 48, 3)
    assert batch.has_betas.dtype == batch.has_hand_pose.dtype == batch.is_right.dtype == torch.bool
    eye = batch.hand_pose @ batch.hand_pose.transpose(-1, -2)
    assert torch.allclose(eye, torch.eye(3).expand_as(eye), atol=1e-5)
    assert torch.allclose(torch.linalg.det(batch.global_orient), torch.ones(8, 1), atol=1e-5)


def test_device_crops_select_and_move(tars: tuple[Path, list[Any]]) -> None:
    source = TarSource("all", find_tars(tars[0]), workers=1)
    data = TrainingData.mix([source], crop_size=48, augment_on="device")
    (batch,) = take(data, 1)
    chosen = batch.to("cpu").select(torch.tensor([5, 2]))
    assert chosen.key == (batch.key[5], batch.key[2])
    assert torch.allclose(chosen.image, batch.image[[5, 2]])
    assert same(batch.select(batch.is_right), batch.select(torch.nonzero(batch.is_right)[:, 0]))


def test_broken_hands_are_replaced_by_the_next_and_named(sample: Callable[..., Any], held: Any) -> None:
    source = held([sample(f"h{i}") for i in range(6)], broken={2, 3})
    data = TrainingData.mix([source], crop_size=32)
    (batch,) = take(data, 1, global_batch=6)
    hands = [data.mixture.place(k).hand for k in range(6)]
    assert batch.key == tuple(f"h{4 if hand in (2, 3) else hand}" for hand in hands)
    assert sorted(batch.skipped) == ["h2: made to fail", "h3: made to fail", "h3: made to fail"]
    assert same(batch, take(data, 1, global_batch=6, workers=2)[0])


@pytest.mark.parametrize("workers", [0, 2])
def test_a_source_of_broken_hands_ends_in_one_line(sample: Callable[..., Any], held: Any, workers: int) -> None:
    data = TrainingData.mix([held([sample(f"h{i}") for i in range(3)], broken={0, 1, 2})], crop_size=32)
    with pytest.raises(InputError, match=r"held: 3 hands in a row are unreadable; the first: h\d: made to fail$"):
        take(data, 1, workers=workers)


def test_cut_picture_in_a_tar_is_skipped(training_tars: Any, tmp_path: Path) -> None:
    (drawn, *_) = training_tars.write_tars(tmp_path, n=2)
    path = tmp_path / "000000.tar"
    content = bytearray(path.read_bytes())
    end = content.index(b"\xff\xd9" + b"\0" * 8, 512)
    content[end - 400 : end + 2] = bytes(402)
    path.write_bytes(content)
    data = TrainingData.mix([TarSource("s", [path], workers=1)], crop_size=32)
    (batch,) = take(data, 1, global_batch=2)
    assert batch.key == ("p000001", "p000001")
    assert len(batch.skipped) == 1
    assert f"000000.tar: {drawn.key}: the picture is cut short" in batch.skipped[0]


def test_unreadable_hands_are_told_once_ever_more_rarely_and_listed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "new" / "unreadable_hands.txt"
    for _ in range(2):  # a second run knows them
        unreadable = UnreadableHands(path)
        unreadable.add(f"left out {i}" for i in range(30))
        for i in range(100):
            unreadable.add([f"hand {i}"])
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition(",")[0] for line in lines] == [f"{n} hands cannot be read" for n in (30, 60, 120)]
    assert lines[0].startswith("30 hands cannot be read, such as left out 0; ")
    assert lines[0].endswith(f"({path})")
    assert path.read_text().splitlines() == [*(f"left out {i}" for i in range(30)), *(f"hand {i}" for i in range(100))]


def test_batch_refuses_wrong_shapes(data: TrainingData) -> None:
    (batch,) = take(data, 1)
    values = {f.name: getattr(batch, f.name) for f in fields(Batch)}
    with pytest.raises(InputError, match=r"betas of a batch has shape \(8, 9\), expected \(8, 10\)"):
        Batch(**(values | {"betas": torch.zeros(8, 9)}))


def test_contradictions_are_refused(sample: Callable[..., Any], held: Any) -> None:
    with pytest.raises(InputError, match="need augment_on"):
        TrainingData.mix([held([sample()])], augmentation=Augmentation(noise=1), augment_on="device")
    with pytest.raises(InputError, match="different names"):
        TrainingData.mix([held([sample()]), held([sample()])])


def test_weights_default_to_sizes(sample: Callable[..., Any], held: Any) -> None:
    sources = [held([sample()] * 3, name="three"), held([sample()], name="one")]
    mixture = TrainingData.mix(sources).mixture
    assert [mixture.weights[name] for name in ("three", "one")] == [3, 1]
    drawn = np.array([mixture.place(k).source for k in range(1000)])
    assert (drawn == "three").mean() == pytest.approx(0.75, abs=0.002)
