import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from hint.demo import next_frame, render, render_demo_set, sample_scene
from hint.demo.geometry import Mesh, Smoother, World
from hint.demo.labels import box, occluded
from hint.demo.props import hold
from hint.demo.renderer import build
from hint.demo.shapes import KINDS, Prop, plane
from hint.errors import InputError
from hint.files.atomic import PART
from hint.files.claim import claimed
from hint.files.pairs import read_pairs
from hint.mano.layer import ManoLayer
from hint.mano.procedural import procedural_hand
from hint.names import parse_name
from hint.skeleton import FINGERS, MANO_JOINT_NAMES

SEEDS = range(12)


def scene_of(seed):
    return sample_scene(np.random.default_rng([7, seed]))


@pytest.fixture(scope="module")
def stages():
    scenes = [scene_of(seed) for seed in SEEDS]
    return [(scene, build(scene)) for scene in scenes]


@pytest.fixture(scope="module")
def rendered():
    scene = scene_of(3)
    return scene, render(scene)


def small_prop(kind, size=(0.03, 0.03, 0.05)):
    return Prop(kind, np.array(size), np.eye(3), np.array([0.0, 0.0, 0.5]), "plain", np.ones((2, 3)), 0.5)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    base = tmp_path_factory.mktemp("demo")
    done = []
    render_demo_set(base / "one", n=3, seed=11, workers=1)
    render_demo_set(base / "two", n=3, seed=11, workers=2, on_done=done.append)
    assert sum(done) == 3
    return base / "one" / "TEST_demo_img", base / "two" / "TEST_demo_img"


class TestPairs:
    def test_bytes_do_not_depend_on_the_number_of_workers(self, folders):
        one, two = ({p.name: p.read_bytes() for p in folder.iterdir()} for folder in folders)
        assert len(one) == 6
        assert one == two

    def test_an_interrupted_run_continues_with_the_same_bytes(self, folders, tmp_path):
        whole = {p.name: p.read_bytes() for p in folders[0].iterdir()}
        part = tmp_path / "TEST_demo_img"
        shutil.copytree(folders[0], part)
        kept, no_label, no_picture = sorted(part.glob("*.json"))
        no_label.unlink()
        no_picture.with_suffix(".jpg").unlink()
        before, done = kept.stat().st_mtime_ns, []
        render_demo_set(tmp_path, n=3, seed=11, workers=1, on_done=done.append)
        assert (done[0], sum(done)) == (1, 3)
        assert kept.stat().st_mtime_ns == before
        assert {p.name: p.read_bytes() for p in part.iterdir()} == whole

    def test_they_read_back_as_labels(self, folders):
        labels = read_pairs(folders[0])
        assert len(labels) == 3
        for k, stem in enumerate(labels.hand_id.tolist()):
            name = parse_name(stem)
            assert (name.source, name.clip_id, name.is_right) == ("demo", labels.clip_id[k], labels.is_right[k])
            image = cv2.imread(labels.image[k])
            height, width = image.shape[:2]
            assert 320 <= min(height, width) <= max(height, width) <= 640
            inside = ((labels.keypoints_2d[k] >= 0) & (labels.keypoints_2d[k] < (width, height))).all(1)
            np.testing.assert_array_equal(labels.existence[k], inside)

    def test_two_sets_do_not_mix(self, folders):
        before = sorted(p.name for p in folders[0].iterdir())
        with pytest.raises(InputError, match="holds labels of another set: DM_0011_0000"):
            render_demo_set(folders[0].parent, n=3, seed=12)
        assert sorted(p.name for p in folders[0].iterdir()) == before

    def test_what_a_killed_run_left_is_removed(self, folders, tmp_path):
        part = tmp_path / "TEST_demo_img"
        shutil.copytree(folders[0], part)
        (part / f".a.jpg.x{PART}").touch()
        render_demo_set(tmp_path, n=3, seed=11)
        assert {p.name for p in part.iterdir()} == {p.name for p in folders[0].iterdir()}

    def test_two_runs_at_once_are_refused(self, folders):
        with claimed(folders[0]), pytest.raises(InputError, match="another run is writing"):
            render_demo_set(folders[0].parent, n=3, seed=11)

    def test_no_pictures_is_refused(self, tmp_path):
        with pytest.raises(InputError, match="0 pictures"):
            render_demo_set(tmp_path, n=0)


@pytest.mark.skipif(sys.platform == "win32", reason="process groups")
def test_ctrl_c_twice_ends_rendering_without_half_a_picture(tmp_path):
    command = [
        sys.executable,
        "-c",
        "from hint.cli import main; main()",
        "demo-data",
        "-n",
        "500",
        "--out",
        str(tmp_path),
    ]
    running = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
    while not list(tmp_path.glob("*/*.json")):
        assert running.poll() is None
        time.sleep(0.05)
    for _ in range(2):
        os.killpg(running.pid, signal.SIGINT)  # as a terminal does
    error = running.communicate(timeout=300)[1]
    assert running.returncode == 130, error
    assert "Traceback" not in error
    folder = tmp_path / "TEST_demo_img"
    assert len(read_pairs(folder)) < 500
    labels, pictures = ({path.stem for path in folder.glob(f"*{end}")} for end in (".json", ".jpg"))
    assert labels <= pictures, "a label is written after its picture, and stands for both"
    assert {path.suffix for path in folder.iterdir()} == {".json", ".jpg"}, "no partial file"


class TestTruth:
    def test_keypoints_are_the_projected_joints(self, rendered):
        _, r = rendered
        x, y, z = r.keypoints_3d.T
        expected = np.stack(
            [r.camera.focal * x / z + r.camera.centre[0], r.camera.focal * y / z + r.camera.centre[1]], 1
        )
        np.testing.assert_allclose(r.keypoints_2d, expected, atol=0.01)
        assert r.image.shape == (r.camera.height, r.camera.width, 3)

    def test_parameters_reproduce_the_vertices(self, stages):
        for scene, stage in stages[:6]:
            p = scene.hands[0]
            args = (p.global_orient[None, None], p.hand_pose[None], p.betas[None])
            joints, vertices = ManoLayer(procedural_hand())(*(torch.from_numpy(a).float() for a in args))
            side = np.array([-1.0 if scene.mirrored else 1.0, 1.0, 1.0])
            np.testing.assert_allclose((vertices[0].numpy() + p.transl) * side, stage.hands[0].vertices, atol=1e-5)
            np.testing.assert_allclose((joints[0].numpy() + p.transl) * side, stage.hands[0].joints, atol=1e-5)

    def test_the_rendered_surface_stays_close_to_the_model(self, stages):
        for _, stage in stages[:3]:
            hand = stage.hands[0]
            gaps = [np.linalg.norm(hand.mesh.vertices - v, axis=1).min() for v in hand.vertices[::7]]
            assert max(gaps) < 0.004

    def test_a_mirrored_scene_is_the_other_hand_in_the_mirror(self, rendered):
        scene, r = rendered
        other = render(replace(scene, mirrored=not scene.mirrored))
        width = r.camera.width
        assert other.is_right != r.is_right
        np.testing.assert_allclose(other.keypoints_2d[:, 0], width - 1 - r.keypoints_2d[:, 0], atol=1e-9)
        np.testing.assert_array_equal(other.occlusion, r.occlusion)
        difference = np.abs(other.image[:, ::-1].astype(float) - r.image)
        assert np.median(difference) < 12

    def test_pictures_show_the_hand_where_the_labels_say(self, rendered):
        scene, _ = rendered
        pale = replace(scene.appearances[0], glove=np.array([4.0, 0.0, 0.0]), nails=None)
        plain = replace(scene, appearances=(pale, *scene.appearances[1:]), props=(), ground=None)
        shown = render(plain)
        seen = shown.existence & ~shown.occlusion
        x, y = shown.keypoints_2d[seen].round().astype(int).T
        red, green, _ = shown.image[y.clip(0, shown.camera.height - 1), x.clip(0, shown.camera.width - 1)].T.astype(int)
        assert seen.sum() >= 5
        assert (red > green + 30).mean() > 0.8

    def test_boxes_hold_the_joints_like_hint(self, stages):
        ratios = []
        for scene, stage in stages:
            edges = box(stage.camera, stage.hands[0].vertices, scene.margin)
            flat = stage.camera.project(stage.hands[0].joints)
            if stage.camera.contains(flat).all():
                ratios.append((edges[2:] - edges[:2]).max() / np.ptp(flat, axis=0).max())
        assert len(ratios) > 5
        assert 1.05 < np.median(ratios) < 1.28

    def test_both_sides_and_plausible_shares(self, stages):
        assert {scene.mirrored for scene, _ in stages} == {True, False}
        hidden = [occluded(World(s.meshes), 0, s.hands[0].joints, s.hands[0].vertices).mean() for _, s in stages]
        assert 0.15 < np.mean(hidden) < 0.65
        shown = [s.camera.contains(s.camera.project(s.hands[0].joints)).sum() for _, s in stages]
        assert min(shown) >= 8


def first_hits(mesh, directions):
    """Distances at which rays from the origin meet a mesh, by Cramer's rule on every triangle; inf for none."""
    a, b, c = mesh.vertices[mesh.faces].transpose(1, 0, 2)
    best = np.full(len(directions), np.inf)
    for k, d in enumerate(directions):
        determinant = np.einsum("fi,fi->f", np.cross(b - a, c - a), np.broadcast_to(-d, a.shape))
        with np.errstate(all="ignore"):
            t = np.einsum("fi,fi->f", np.cross(b - a, c - a), -a) / determinant
            u = np.einsum("fi,fi->f", np.cross(-a, c - a), np.broadcast_to(-d, a.shape)) / determinant
            v = np.einsum("fi,fi->f", np.cross(b - a, -a), np.broadcast_to(-d, a.shape)) / determinant
            inside = (u >= 0) & (v >= 0) & (u + v <= 1) & (t > 0)
        best[k] = t[inside].min() if inside.any() else np.inf
    return best


class TestOcclusion:
    def test_it_agrees_with_intersecting_every_triangle(self, stages):
        weights = procedural_hand().lbs_weights
        digit_of = [-1] + [FINGERS.index(name[:-1]) for name in MANO_JOINT_NAMES[1:]]
        checked = {"foreign": 0, "deep": 0, "near": 0}
        for _, stage in stages[:5]:
            hand = stage.hands[0]
            reach = np.linalg.norm(hand.joints, axis=1)
            directions = hand.joints / reach[:, None]
            hidden = occluded(World(stage.meshes), 0, hand.joints, hand.vertices)
            own = first_hits(stage.meshes[0], directions)
            foreign = np.min([first_hits(m, directions) for m in stage.meshes[1:]] or [np.full(21, np.inf)], axis=0)
            for j in range(21):
                point = directions[j] * own[j] if np.isfinite(own[j]) else hand.joints[j]
                nearest = np.linalg.norm(hand.vertices - point, axis=1).argmin()
                same = digit_of[weights[nearest].argmax()] == (j - 1) // 4 and weights[nearest].max() > 0.8
                if foreign[j] < min(own[j], reach[j]) - 1e-4:
                    checked["foreign"] += 1
                    assert hidden[j]
                elif own[j] < reach[j] - 0.045 and own[j] < foreign[j]:
                    checked["deep"] += 1
                    assert hidden[j]
                elif same and reach[j] - 0.010 < own[j] < foreign[j]:
                    checked["near"] += 1
                    assert not hidden[j]
        assert min(checked.values()) >= 5, checked

    def test_a_board_in_front_hides_every_joint(self, stages):
        stage = stages[0][1]
        hand = stage.hands[0]
        board = plane(np.array([0.0, 0.0, 0.1]), np.array([0.0, 0.0, -1.0]), np.array([0.0, 1.0, 0.0]))
        assert occluded(World([stage.meshes[0], board]), 0, hand.joints, hand.vertices).all()

    def test_a_board_behind_hides_none(self, stages):
        stage = stages[0][1]
        hand = stage.hands[0]
        board = plane(np.array([0.0, 0.0, 5.0]), np.array([0.0, 0.0, -1.0]), np.array([0.0, 1.0, 0.0]))
        alone = occluded(World([stage.meshes[0]]), 0, hand.joints, hand.vertices)
        np.testing.assert_array_equal(occluded(World([stage.meshes[0], board]), 0, hand.joints, hand.vertices), alone)
        assert not alone.all()


class TestScenes:
    def test_same_seed_same_picture(self, rendered):
        np.testing.assert_array_equal(render(scene_of(3)).image, rendered[1].image)

    def test_nothing_runs_through_the_target(self, stages):
        for scene, _ in stages:
            vertices = build(replace(scene, mirrored=False)).hands[0].vertices
            for prop in scene.props:
                assert prop.depth_inside(vertices).max() < 0.03
            if scene.ground is not None:
                assert ((vertices - scene.ground.centre) @ scene.ground.normal).min() > -1e-6

    def test_the_next_frame_is_a_small_step_and_takes_the_held_prop_along(self, stages):
        scene = next(s for s, _ in stages if s.held)
        later = next_frame(scene, np.random.default_rng(0))
        hands = [build(replace(s, mirrored=False)).hands[0].joints for s in (scene, later)]
        step = np.linalg.norm(hands[1] - hands[0], axis=1)
        assert 0 < step.max() < 0.05
        gaps = [np.linalg.norm(h - s.props[0].centre, axis=1) for h, s in zip(hands, (scene, later), strict=True)]
        np.testing.assert_allclose(gaps[0], gaps[1], atol=1e-5)

    def test_a_held_prop_touches_the_hand(self):
        rng = np.random.default_rng(2)
        held = [(s, s.props[0]) for s in (scene_of(k) for k in range(24)) if s.held]
        assert len(held) > 3
        for scene, prop in held:
            vertices = build(replace(scene, mirrored=False)).hands[0].vertices
            assert prop.depth_inside(vertices).max() > -0.6
        flat = np.zeros((21, 3)) + rng.normal(size=(21, 3)) * 0.01
        crowded = rng.uniform(-0.05, 0.05, (20000, 3))
        assert hold(rng, "can", flat, crowded) is None


class TestGeometry:
    @pytest.mark.parametrize("kind", KINDS)
    def test_solids_face_outwards(self, kind):
        mesh = small_prop(kind).mesh()
        a, b, c = (mesh.vertices - mesh.vertices.mean(0))[mesh.faces].transpose(1, 0, 2)
        assert np.einsum("ij,ij->", a, np.cross(b, c)) / 6 > 1e-6

    def test_depth_inside_is_zero_on_a_box(self):
        prop = small_prop("box")
        corner, centre = prop.centre + prop.size, prop.centre
        np.testing.assert_allclose(prop.depth_inside(np.stack([corner, centre])), [0, 1], atol=1e-12)

    def test_rays_meet_the_nearer_sphere_where_they_should(self):
        near, far = small_prop("sphere", (0.1,) * 3).mesh(), small_prop("sphere", (0.1,) * 3).mesh()
        far = Mesh(far.vertices + np.array([0.0, 0, 1]), far.faces, far.coords, far.coord_normals)
        directions = np.array([[0.02, 0.01, 1.0], [0, 1.0, 0]])
        hits = World([far, near]).hit(np.zeros((2, 3)), directions)
        assert hits.found.tolist() == [True, False]
        assert hits.part.tolist() == [1]
        assert hits.distance[0] == pytest.approx(0.4, abs=2e-3)

    def test_subdivision_keeps_a_plane_and_its_border_order(self):
        corners = np.array([[0.0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [0.5, 0.5, 0]])
        faces = np.array([[0, 1, 4], [1, 2, 4], [2, 3, 4], [3, 0, 4]])
        smoother = Smoother.of(faces, 5)
        fine = smoother(corners)
        assert len(smoother.faces) == 16 * len(faces)
        np.testing.assert_allclose(smoother(np.ones((5, 1))), 1)
        np.testing.assert_allclose(fine[:, 2], 0)
        a, b, c = fine[smoother.faces].transpose(1, 0, 2)
        assert (np.cross(b - a, c - a)[:, 2] > 0).all()
