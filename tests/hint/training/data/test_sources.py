"""The named sets, labelled pictures and real poses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from hint.errors import InputError, MissingRequirementError
from hint.files import write_pairs
from hint.images import write_image
from hint.training.augmentation import OFF
from hint.training.data import TrainingData, loader
from hint.training.labelled import open_labels
from hint.training.mocap import drawn_mocap, open_mocap, read_mocap
from hint.training.sources import SETS
from hint.training.tars import find_tars
from hint.types import HandLabels


def test_released_mixture() -> None:
    assert len(SETS) == 10
    assert sum(named.weight for named in SETS.values()) == pytest.approx(1)
    assert sum(named.samples for named in SETS.values()) == 2_720_872
    assert SETS["dex-train"].pattern(Path("r")) == "r/dataset_tars/dex-train/{000000..000406}.tar"


def test_missing_released_tars_are_named(tmp_path: Path) -> None:
    with pytest.raises(
        MissingRequirementError, match=r"16 of 16 tars are missing: .*000004\.tar, \.\.\. \(16 in all\)"
    ):
        find_tars(SETS["mpiinzsl-train"].pattern(tmp_path))


@pytest.fixture
def hint_train(tmp_path: Path, make: Callable[..., HandLabels]) -> Path:
    """A HInt root with a TRAIN and a TEST folder."""
    for seed, name in enumerate(("TRAIN_newdays_img", "TEST_newdays_img")):
        labels = make(seed=seed)
        write_pairs(tmp_path / "root" / name, labels)
        for hand_id in labels.hand_id.tolist():
            write_image(tmp_path / "root" / name / f"{hand_id}.jpg", np.full((200, 240, 3), 60, np.uint8))
    return tmp_path / "root"


def test_hint_trains_on_its_train_folders_in_2d(hint_train: Path, make: Callable[..., HandLabels]) -> None:
    source = open_labels(hint_train)
    truth = make()
    assert len(source) == 12
    for index in range(12):
        sample = source.read(index)
        row = truth.hand_id.tolist().index(sample.key)
        assert np.allclose(sample.keypoints_2d[:, :2], truth.keypoints_2d[row])
        assert (sample.keypoints_2d[:, 2] == truth.existence[row]).all()
        assert sample.is_right == truth.is_right[row]
    data = TrainingData.mix([source], augmentation=OFF, crop_size=32)
    batch = next(loader(data, global_batch=4))
    assert not batch.has_hand_pose.any()
    assert not batch.keypoints_3d.any()
    # The released training pulls the shape of hands without one to the mean.
    assert batch.has_betas.all()
    assert not batch.betas.any()


def test_test_hands_are_refused_unless_asked_for(hint_train: Path) -> None:
    for path, subsets in ((hint_train, ["newdays"]), (hint_train / "TEST_newdays_img", [])):
        with pytest.raises(InputError, match=r"newdays are test hands"):
            open_labels(path, subsets)
        assert len(open_labels(path, subsets, allow_test=True)) == 12


def test_missing_pictures_are_named(hint_train: Path) -> None:
    for picture in sorted((hint_train / "TRAIN_newdays_img").glob("*.jpg"))[:7]:
        picture.unlink()
    with pytest.raises(MissingRequirementError, match=r"\(7 in all\) are missing; give their folder"):
        open_labels(hint_train)


def mocap_file(path: Path, n: int = 10, **changes: np.ndarray) -> Path:
    rng = np.random.default_rng(0)
    np.savez(path, **({"hand_pose": rng.normal(size=(n, 48)), "betas": rng.normal(size=(n, 10))} | changes))
    return path


def test_real_poses_leave_out_the_wrist_and_come_in_rounds(tmp_path: Path) -> None:
    mocap = read_mocap(mocap_file(tmp_path / "m.npz"))
    with np.load(tmp_path / "m.npz") as file:
        betas = file["betas"].astype(np.float32)
        half_turn = file["hand_pose"][:, 3:6]
    steps = [mocap.batch(step, 4, seed=1) for step in range(5)]
    drawn = torch.cat([step.betas for step in steps]).numpy()
    for round_ in (drawn[:10], drawn[10:]):
        assert sorted(map(tuple, round_)) == sorted(map(tuple, betas))
    assert not np.array_equal(drawn[:10], drawn[10:])
    row = betas.tolist().index(drawn[0].tolist())
    angle = np.linalg.norm(half_turn[row])
    assert torch.trace(steps[0].hand_pose[0, 0]).item() == pytest.approx(1 + 2 * np.cos(angle), abs=1e-5)


def test_processes_share_the_real_poses(tmp_path: Path) -> None:
    mocap = read_mocap(mocap_file(tmp_path / "m.npz"))
    whole = mocap.share(3, 4)
    assert whole.hand_pose.shape == (8, 15, 3, 3)
    parts = [mocap.share(3, 4, rank, 2) for rank in range(2)]
    assert torch.equal(torch.stack([p.betas for p in parts], 1).reshape(8, 10), whole.betas)


def test_without_a_file_poses_are_random() -> None:
    mocap = open_mocap(None)
    assert "8192 random hands" in mocap.name
    assert np.array_equal(mocap.hand_pose, drawn_mocap().hand_pose)
    assert np.abs(mocap.betas).max() <= 3


@pytest.mark.parametrize(
    "changes", [{"hand_pose": np.zeros((10, 45))}, {"betas": np.zeros((9, 10))}, {"betas": np.full((10, 10), np.nan)}]
)
def test_wrong_pose_files_are_refused(tmp_path: Path, changes: dict[str, np.ndarray]) -> None:
    with pytest.raises(InputError, match=r"m\.npz"):
        read_mocap(mocap_file(tmp_path / "m.npz", **changes))
