"""Annotated hands become training data: what is written, what is refused, and that training reads it."""

import json
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

import hint
from hint.cli import main
from hint.demo.closeup import close_up
from hint.errors import InputError, UnknownNameError
from hint.files import read_npz, write_pairs
from hint.images import write_image
from hint.mano.procedural import procedural_hand
from hint.methods.hamer.network import HandDecoder
from hint.training.augmentation import OFF
from hint.training.data import TrainingData, loader
from hint.training.fit_jobs import FitSetup, fit_jobs
from hint.training.fit_labels import fit_shard
from hint.training.fit_store import FitStore
from hint.training.losses import supervised_losses
from hint.training.preset import load_preset
from hint.training.rendered import training_scene, truth
from hint.training.request import TrainingRequest
from hint.training.run import run_training
from hint.training.tars import TarSource, find_tars
from hint.types import HandLabels

SEED, N = 5, 6


@pytest.fixture(scope="module")
def views():
    return [close_up(training_scene(SEED, k)) for k in range(N)]


@pytest.fixture(scope="module")
def folder(views, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pairs with exact labels; of the last hand, only three joints exist."""
    out = tmp_path_factory.mktemp("labels") / "TRAIN_made_img"
    out.mkdir()
    ids = [f"made_{k:03d}_frame000001_{'r' if view.is_right else 'l'}" for k, view in enumerate(views)]
    existence = np.ones((N, 21), bool)
    existence[-1, 3:] = False
    write_pairs(
        out,
        HandLabels(
            hand_id=np.array(ids),
            clip_id=np.array(ids),
            subset=np.array(["train_made"] * N),
            box_xyxy=np.stack([view.box_xyxy for view in views]),
            is_right=np.array([view.is_right for view in views]),
            keypoints_2d=np.stack([view.keypoints_2d for view in views]),
            existence=existence,
            occlusion=np.zeros((N, 21), bool),
            image=np.array([""] * N),
        ),
    )
    for name, view in zip(ids, views, strict=True):
        write_image(out / f"{name}.jpg", view.image)
    return out


@pytest.fixture(scope="module")
def fitted(folder: Path, tmp_path_factory: pytest.TempPathFactory):
    return hint.fit_labels(folder, tmp_path_factory.mktemp("fits"), mano="procedural")


def degrees_apart(one, other) -> np.ndarray:
    """Return the angles between rotation vectors (N,3)."""
    return np.rad2deg((Rotation.from_rotvec(one).inv() * Rotation.from_rotvec(other)).magnitude())


def test_fits_of_exact_labels_are_near_the_hand_that_was_drawn(fitted, views) -> None:
    source = TarSource("fits", find_tars(fitted.out))
    assert len(source) == N - 1
    fingers, wrist = [], []
    for k in range(N - 1):
        sample, right = source.read(k), truth(views[k])["hand_pose"].reshape(16, 3)
        assert (sample.is_right, sample.has_hand_pose) == (views[k].is_right, True)
        assert sample.box_xyxy == pytest.approx(views[k].box_xyxy, abs=1e-3)
        assert sample.keypoints_2d[:, :2] == pytest.approx(views[k].keypoints_2d, abs=1e-3)
        assert sample.keypoints_3d[:, 3] == pytest.approx(fitted.quality[k], abs=1e-6)
        fingers.append(degrees_apart(sample.hand_pose[1:], right[1:]).mean())
        wrist.append(degrees_apart(sample.hand_pose[:1], right[:1])[0])
    assert np.median(fingers) < 12
    assert np.median(wrist) < 15


def test_training_reads_the_tars_and_its_losses_are_finite(fitted) -> None:
    source = TarSource("fits", find_tars(fitted.out))
    batch = next(loader(TrainingData.mix([source], augmentation=OFF, crop_size=64), global_batch=4))
    rotations = torch.eye(3).expand(4, 16, 3, 3)
    output = HandDecoder(procedural_hand())(rotations, torch.zeros(4, 10), torch.tensor([[0.9, 0, 0]] * 4))
    losses = supervised_losses(output, batch)
    assert all(torch.isfinite(loss) and loss > 0 for loss in losses.values())
    posed = HandDecoder(procedural_hand())(
        torch.cat([batch.global_orient, batch.hand_pose], 1), batch.betas, torch.tensor([[0.9, 0, 0]] * 4)
    )
    # What the tars say of pose, shape and joints is one hand.
    apart = posed.keypoints_3d - posed.keypoints_3d[:, :1] - batch.keypoints_3d[..., :3] + batch.keypoints_3d[:, :1, :3]
    assert apart.abs().max() < 1e-4


def test_a_training_runs_on_the_tars(fitted, noise, tmp_path) -> None:
    changes = [("datasets.noise.path", str(fitted.out)), ("steps", 2), ("batch_size", 4)]
    preset = load_preset(str(noise / "conv.toml"), changes)
    run_training(TrainingRequest(preset, noise, tmp_path, device="cpu"))
    assert (tmp_path / "weights.safetensors").is_file()


def test_a_hand_with_few_joints_is_marked_with_the_reason(fitted, folder) -> None:
    lost = fitted.hand_id[-1]
    assert fitted.unusable == {lost: "3 of 21 joints are known, 6 are needed"}
    rows = [json.loads(line) for line in (fitted.out / "hands.jsonl").read_text().splitlines()]
    assert [row["hand_id"] for row in rows] == sorted(fitted.hand_id)
    row = next(row for row in rows if row["hand_id"] == lost)
    assert (row["usable"], row["joints"], row["quality"]) == (False, 3, 0)
    assert all(row["quality"] > 0.6 for row in rows if row["usable"])
    assert fitted.sheet is not None
    assert fitted.sheet.is_file()
    assert repr(fitted).startswith(f"FittedLabels({N} hands, {N - 1} usable, in ")


def test_the_file_of_fits_names_hand_and_settings(fitted) -> None:
    stored = read_npz(fitted.out / "fits.npz", ("hand_id", "hand_pose", "cam_t", "settings"))
    assert stored["hand_pose"].shape == (N, 15, 3, 3)
    assert json.loads(str(stored["settings"]))["mano_sha256"] == procedural_hand().sha256()


def test_a_second_run_reuses_what_has_not_changed(folder, tmp_path) -> None:
    labels = hint.load_labels(folder)
    first = hint.fit_labels(labels.select([0, 1]), tmp_path, mano="procedural")
    before = (tmp_path / "000000.tar").read_bytes(), (tmp_path / "fits.npz").read_bytes()
    again = hint.fit_labels(labels.select([0, 1]), tmp_path, mano="procedural")
    assert (first.reused, again.reused) == (0, 2)
    assert before == ((tmp_path / "000000.tar").read_bytes(), (tmp_path / "fits.npz").read_bytes())
    with pytest.raises(InputError, match=r"fits.npz exists; give another --out"):
        hint.fit_labels(labels.select([0, 1]), tmp_path, mano="procedural", overwrite="never")
    with pytest.raises(InputError, match="tars of other hands"):
        hint.fit_labels(labels.select([0, 2]), tmp_path, mano="procedural")
    hint.fit_labels(labels.select([0]), tmp_path / "interrupted", mano="procedural")
    for written in (path for path in (tmp_path / "interrupted").iterdir() if path.name != "fits.npz"):
        written.unlink()
    hint.fit_labels(labels.select([0, 1]), tmp_path / "interrupted", mano="procedural")
    assert (tmp_path / "interrupted" / "fits.npz").read_bytes() == before[1], "continued, and as if never interrupted"
    moved = replace(labels.select([0, 1]), keypoints_2d=labels.keypoints_2d[:2] + 1)
    over = hint.fit_labels(moved, tmp_path, mano="procedural", overwrite="always")
    assert over.reused == 0
    assert before[0] != (tmp_path / "000000.tar").read_bytes()


def test_several_processes_write_the_bytes_of_one_and_a_killed_run_goes_on(tmp_path, make) -> None:
    labels = make(12)
    for out, devices in (("one", None), ("two", "cpu*2")):
        hint.fit_labels(labels, tmp_path / out, mano="procedural", work=hint.Work(devices=devices))
    whole, rows = (tmp_path / "one" / "fits.npz").read_bytes(), read_npz(tmp_path / "one" / "fits.npz")
    assert (tmp_path / "two" / "fits.npz").read_bytes() == whole
    store = FitStore(tmp_path / "killed", json.loads(str(rows["settings"])), "missing")
    jobs = FitSetup(procedural_hand(), store.header, store.parts)("cpu")(
        fit_jobs(labels, rows["key"].tolist(), [*range(8)])
    )
    assert [*jobs] == [8]
    again = hint.fit_labels(labels, tmp_path / "killed", mano="procedural")
    assert again.reused == 8
    assert (tmp_path / "killed" / "fits.npz").read_bytes() == whole
    assert not store.parts.exists()


def test_shards_are_joined_to_the_bytes_of_one_run(tmp_path, make) -> None:
    labels = make(11)
    hint.fit_labels(labels, tmp_path / "one", mano="procedural")
    for shard, hands in (("2/3", 4), ("1/3", 3)):
        done = fit_shard(shard, labels, tmp_path / "out", mano="procedural")
        assert (done.hands, done.reused) == (hands, 0)
    assert fit_shard("2/3", labels, tmp_path / "out", mano="procedural").reused == 4
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["fits.parts"]
    with pytest.raises(InputError, match="remove that first, and leave out --overwrite"):
        fit_shard("1/3", labels, tmp_path / "out", mano="procedural", overwrite="always")
    assert hint.fit_labels(labels, tmp_path / "out", mano="procedural").reused == 7
    for name in ("fits.npz", "hands.jsonl"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "one" / name).read_bytes()
    assert not (tmp_path / "out" / "fits.parts").exists()


def test_fits_of_another_hand_are_not_continued(folder, tmp_path, other_hand) -> None:
    labels = hint.load_labels(folder).select([0])
    hint.fit_labels(labels, tmp_path, mano="procedural")
    with pytest.raises(InputError, match="another hand or version"):
        hint.fit_labels(labels, tmp_path, mano=other_hand)


def test_a_tar_without_its_end_is_written_again(folder, tmp_path) -> None:
    tar = hint.fit_labels(folder, tmp_path, mano="procedural").tars[0]
    whole = tar.read_bytes()
    tar.write_bytes(whole[: len(whole) // 2])
    hint.fit_labels(folder, tmp_path, mano="procedural")
    assert tar.read_bytes() == whole


def test_damaged_fits_are_one_line_and_left_alone(fitted, folder, tmp_path) -> None:
    path, whole = tmp_path / "fits.npz", read_npz(fitted.out / "fits.npz")
    np.savez(path, **whole)
    content = path.read_bytes()
    for damage, message in (
        (lambda: path.write_bytes(content[: len(content) // 2]), "damaged"),
        (
            lambda: np.savez(path, **{**whole, "betas": whole["betas"][:3]}),
            f"has {N} hands, but betas of other numbers",
        ),
        (lambda: np.savez(path, **{**whole, "betas": whole["betas"][:, :3]}), "betas has shape"),
    ):
        damage()
        before = path.read_bytes()
        with pytest.raises(InputError, match=rf"fits\.npz.*{message}.*--overwrite always"):
            hint.fit_labels(folder, tmp_path, mano="procedural")
        assert path.read_bytes() == before


@pytest.fixture
def other_hand():
    return replace(procedural_hand(), v_template=procedural_hand().v_template * 1.1, source="another hand")


def test_labels_without_pictures_are_fitted_and_counted(tmp_path, make) -> None:
    result = hint.fit_labels(make(3), tmp_path, mano="procedural")
    assert len(result.without_picture) == 3
    assert result.tars == []
    assert result.sheet is None
    assert (tmp_path / "fits.npz").is_file()


def test_a_damaged_picture_is_named_and_the_others_are_written(folder, tmp_path) -> None:
    labels = hint.load_labels(folder).select([0, 1, 2])
    pictures = [tmp_path / f"{k}.jpg" for k in range(3)]
    for picture, found in zip(pictures, labels.image, strict=True):
        picture.write_bytes(Path(str(found)).read_bytes())
    pictures[0].write_bytes(pictures[0].read_bytes()[:-100])
    pictures[1].write_bytes(b"no picture")
    labels = replace(labels, image=np.array(list(map(str, pictures))))
    result = hint.fit_labels(labels, tmp_path / "fits", mano="procedural")
    assert list(result.damaged) == labels.hand_id[:2].tolist()
    assert [str(tmp_path) in problem for problem in result.damaged.values()] == [True, True]
    (tar,) = result.tars
    with tarfile.open(tar) as opened:
        assert {Path(name).stem.split(".")[0] for name in opened.getnames()} == {str(labels.hand_id[2])}
    assert result.sheet is not None


def test_tars_of_others_are_never_removed(folder, tmp_path) -> None:
    labels = hint.load_labels(folder).select([0])
    for name in ("000007.tar", "mine.tar"):
        (tmp_path / name).write_bytes(b"of somebody")
    with pytest.raises(InputError, match=r"did not write, such as 000007\.tar"):
        hint.fit_labels(labels, tmp_path, mano="procedural", overwrite="always")
    (tmp_path / "000007.tar").unlink()
    hint.fit_labels(labels, tmp_path, mano="procedural", overwrite="always")
    assert (tmp_path / "mine.tar").read_bytes() == b"of somebody"
    (tmp_path / "set.json").write_text("{")
    with pytest.raises(InputError, match=r"set\.json is not readable"):
        hint.fit_labels(labels, tmp_path, mano="procedural")


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"overwrite": "sometimes"}, UnknownNameError, "sometimes"),
        ({"min_quality": 2}, InputError, "min_quality is 2; it must lie between 0 and 1"),
        ({"labels": "no/such/labels"}, InputError, "no such file or folder"),
    ],
    ids=["unknown overwrite", "quality of 2", "no labels"],
)
def test_wrong_input_is_named(change, error, message, tmp_path, make) -> None:
    given = {"labels": make(2), "out": tmp_path, "mano": "procedural", **change}
    with pytest.raises(error, match=message):
        hint.fit_labels(**given)


def test_the_command_fits_and_says_what_it_wrote(folder, tmp_path, capsys) -> None:
    arguments = ["fit", str(folder), "--out", str(tmp_path / "fits"), "--mano", "procedural"]
    with pytest.raises(SystemExit) as left:
        main([*arguments, "--json"])
    summary = json.loads(capsys.readouterr().out)
    assert left.value.code == 0
    assert (summary["hands"], summary["usable"]) == (N, N - 1)
    with pytest.raises(SystemExit):
        main([*arguments, "--limit", "2"])
    shown = capsys.readouterr()
    assert "hint: " in shown.err
    with pytest.raises(SystemExit):
        main([*arguments, "--shard", "1/2"])
    shown = capsys.readouterr()
    assert "shard 1/2: 3 hands fitted" in shown.out
    assert "3 hands reused from an earlier run" in shown.err
    with pytest.raises(SystemExit):
        main([*arguments, "--shard", "1/2", "--overwrite", "never"])
    assert "with --shard, remove that first" in capsys.readouterr().err
