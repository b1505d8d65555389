"""Rendered training tars: exact truth in the official layout, the same bytes from any number of workers."""

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from hint.cli import main
from hint.demo.closeup import FACTOR, SIZE, close_up
from hint.demo.dataset import clip_scenes
from hint.errors import InputError
from hint.files.atomic import PART
from hint.files.claim import claimed
from hint.mano.layer import ManoLayer
from hint.mano.procedural import procedural_hand
from hint.training.rendered import render_training_tars, training_scene, truth
from hint.training.tars import TarSource, find_tars

SEED = 5


@pytest.fixture(scope="module")
def views():
    return [close_up(training_scene(SEED, k)) for k in range(8)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("tars")
    done = []
    render_training_tars(out, 4, SEED, workers=1, on_done=done.append)
    assert sum(done) == 4
    return out


def test_stored_parameters_pose_the_hand_that_is_seen(views):
    layer = ManoLayer(procedural_hand())
    assert {view.is_right for view in views} == {True, False}
    for view in views:
        hand = truth(view)
        # what a reader does to a left hand: it looks in a mirror
        mirror = np.array([1.0, 1.0, 1.0] if view.is_right else [1.0, -1.0, -1.0])
        rotations = Rotation.from_rotvec(hand["hand_pose"].reshape(16, 3).astype(float) * mirror).as_matrix()
        matrices = torch.from_numpy(rotations[None].astype(np.float32))
        joints, _ = layer(matrices[:, :1], matrices[:, 1:], torch.from_numpy(hand["betas"][None]))
        posed = joints[0].double().numpy() * ((1, 1, 1) if view.is_right else (-1, 1, 1))
        seen = view.camera.project(posed + hand["keypoints_3d"][0, :3] - posed[0])
        assert np.abs(seen - hand["keypoints_2d"][:, :2]).max() < 0.01


def test_a_picture_is_a_window_around_the_box(views):
    for view in views:
        assert view.image.shape == (SIZE, SIZE, 3)
        x1, y1, x2, y2 = view.box_xyxy
        assert max(x2 - x1, y2 - y1) == pytest.approx(SIZE / FACTOR)
        assert ((x1 + x2) / 2, (y1 + y2) / 2) == pytest.approx((SIZE / 2, SIZE / 2))


def test_the_hand_is_where_its_joints_are(views):
    """Around visible joints a picture is not black, as it is beyond the scene's own picture."""
    for view in views:
        where = np.rint(view.keypoints_2d[view.existence & ~view.occlusion]).astype(int)
        x, y = where[((where >= 0) & (where < SIZE)).all(1)].T
        assert view.image[y, x].max(1).min() > 0


def test_readers_find_every_hand_with_its_side(folder, views):
    source = TarSource("rendered", find_tars(str(folder)))
    assert len(source) == 4
    for k in range(4):
        sample = source.read(k)
        assert sample.is_right == views[k].is_right
        assert sample.has_hand_pose
        assert sample.has_betas
        assert sample.image.shape == (SIZE, SIZE, 3)


@pytest.mark.slow
def test_bytes_do_not_depend_on_workers_and_an_interrupted_run_goes_on(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    render_training_tars(one, 3, SEED, workers=1, per_shard=2)
    first = {p.name: p.read_bytes() for p in one.glob("*.tar")}
    assert set(first) == {"000000.tar", "000001.tar"}
    render_training_tars(two, 3, SEED, workers=2, per_shard=2)
    assert {p.name: p.read_bytes() for p in two.glob("*.tar")} == first
    (two / "000001.tar").unlink()
    kept, done = (two / "000000.tar").stat().st_mtime_ns, []
    render_training_tars(two, 3, SEED, workers=1, on_done=done.append, per_shard=2)
    assert done == [2, 1]
    assert (two / "000000.tar").stat().st_mtime_ns == kept
    assert {p.name: p.read_bytes() for p in two.glob("*.tar")} == first


def test_another_set_is_not_mixed_in(folder):
    with pytest.raises(InputError, match="choose another --out"):
        render_training_tars(folder, 4, SEED + 1)
    with pytest.raises(InputError, match="choose another --out"):
        render_training_tars(folder, 5, SEED)


def test_what_a_killed_run_left_is_removed_and_two_runs_at_once_are_refused(folder):
    (folder / f".000000.tar.x{PART}").touch()
    with claimed(folder), pytest.raises(InputError, match="another run is writing"):
        render_training_tars(folder, 4, SEED)
    render_training_tars(folder, 4, SEED)
    assert not list(folder.glob(".*"))


def test_tars_of_others_are_left_alone(tmp_path: Path):
    (tmp_path / "000000.tar").touch()
    with pytest.raises(InputError, match="tars of another set"):
        render_training_tars(tmp_path, 1, SEED)


def test_no_training_scene_is_a_test_scene():
    for seed in (0, 1):
        shown = next(iter(clip_scenes(seed, 0)))
        assert not np.allclose(training_scene(seed, 0).hands[0].betas, shown.hands[0].betas)


def test_the_command_writes_tars(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["hint", "demo-data", "--format", "tars", "-n", "1", "--out", str(tmp_path / "t")])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code in (None, 0)
    assert (tmp_path / "t" / "000000.tar").is_file()
    assert str(tmp_path / "t") in capsys.readouterr().out
