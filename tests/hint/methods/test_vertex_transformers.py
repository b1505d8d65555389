"""METRO and Mesh Graphormer as methods: from files on disk to predictions."""

import argparse
import io
import zipfile
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.sparse import csc_matrix

from benchmark.evaluate import evaluate
from hint.crop import box_to_square, crop, crop_blurred
from hint.errors import InputError, MissingRequirementError, UnknownNameError
from hint.file_hash import file_sha256
from hint.files import read_labels
from hint.mano.procedural import procedural_hand
from hint.mano.read import write_mano_npz
from hint.methods.selftest import selftest
from hint.methods.table import create
from hint.methods.vertex_transformers.card import MeshGraphormer, Metro
from hint.methods.vertex_transformers.decode import (
    TIP_VERTICES,
    HandReader,
    RestHand,
    joint_regressor,
    project,
    rest_template,
)
from hint.methods.vertex_transformers.load import from_files, random_network
from hint.methods.vertex_transformers.method import MeshGraphormerMethod, MetroMethod
from hint.methods.vertex_transformers.network import unused_keys
from hint.methods.vertex_transformers.sizes import tiny
from hint.methods.vertex_transformers.topology import farthest_topology, normalised, read_adjacency, read_topology
from hint.types import Hand, Method, MethodOptions

BOX = (100.0, 90.0, 220.0, 180.0)
RANDOM = MethodOptions(weights="random", device="cpu")
METHODS = ("metro", "mesh-graphormer")
RELEASES = {"metro": MetroMethod.release, "mesh-graphormer": MeshGraphormerMethod.release}
every_method = pytest.mark.parametrize("name", METHODS)


@pytest.fixture(scope="module")
def topology():
    return farthest_topology(procedural_hand())


@pytest.fixture(scope="module")
def rest(topology):
    return RestHand.of(procedural_hand(), topology)


@pytest.fixture
def image():
    coarse = np.random.default_rng(0).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    return coarse.repeat(25, 0).repeat(25, 1)


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    """A working folder without weights or MANO."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def network(rest, name="metro"):
    vertices = torch.tensor(procedural_hand().v_template).float()
    return random_network(0, tiny(is_graph=name != "metro"), rest.template, vertices)


def official_npz(path, topology):
    """Write the vertices as the official repositories do: pickled arrays of scipy matrices, several levels each."""
    coarser = csc_matrix(np.zeros((2, 2)))
    levels = {
        "A": [coarser, csc_matrix((topology.adjacency > 0) & ~np.eye(195, dtype=bool), dtype=float)],
        "D": [csc_matrix(topology.down.astype(float)), coarser],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, **{name: np.array([*matrices, None], object)[:-1] for name, matrices in levels.items()})
    return path


def official_adjacency(folder, adjacency):
    sparse = torch.tensor(adjacency).to_sparse()
    folder.mkdir(parents=True, exist_ok=True)
    torch.save(sparse.indices(), folder / "mano_195_adjmat_indices.pt")
    torch.save(sparse.values(), folder / "mano_195_adjmat_values.pt")
    return folder


def released_file(path, rest, name="metro", with_unused=True):
    """Write a file built like the released one, at tiny size."""
    state = network(rest, name).state_dict()
    unused = {f"{key}weight": torch.zeros(3) for key in unused_keys(tiny(is_graph=name != "metro"))}
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(state | (unused if with_unused else {}), path)
    return path


def load(name, path=None, **extra):
    """Load files of tiny size as the method would those of the released size."""
    release = replace(RELEASES[name], sizes=tiny(is_graph=name != "metro"))
    weights = None if path is None else str(path)
    return from_files(release, MethodOptions(weights=weights, mano="procedural", device="cpu", extra=extra))


def predict(method, hands, image):
    return method.infer(hands, [method.prepare(hand, image) for hand in hands])


# -- random weights


@every_method
def test_it_passes_the_selftest_and_says_that_its_weights_are_random(name):
    method = create(name, RANDOM)
    assert isinstance(method, Method)
    assert (method.card.name, method.card.note, method.card.training_data) == (name, "random weights", ())
    report = selftest(method)
    assert report.passed, report.checks


@every_method
def test_the_answer_is_roughly_a_hand_in_the_box_and_depends_on_the_picture(name, image):
    hands = [Hand("r", BOX, True), Hand("l", BOX, False)]
    method = create(name, RANDOM)
    predictions = predict(method, hands, image)
    x1, y1, x2, y2 = BOX
    for points in predictions.keypoints_2d:
        assert (points.mean(0) > (x1, y1)).all()
        assert (points.mean(0) < (x2, y2)).all()
        assert 0.4 < np.ptp(points, axis=0).max() / (x2 - x1) < 1.6
        assert points[12, 1] < points[0, 1], "fingers up"
    assert predictions.vertices.shape == (2, 778, 3)
    other = predict(method, hands, image[::-1].copy())
    assert np.abs(other.keypoints_2d - predictions.keypoints_2d).max() > 1e-3


def test_the_left_hand_is_the_right_one_in_a_mirror(image):
    method = create("metro", RANDOM)
    x1, y1, x2, y2 = BOX
    last = image.shape[1] - 1
    right = predict(method, [Hand("a", BOX, True)], image)
    left = predict(method, [Hand("a", (last - x2, y1, last - x1, y2), False)], image[:, ::-1].copy())
    mirrored = left.keypoints_2d * (-1, 1) + (last, 0)
    np.testing.assert_allclose(mirrored, right.keypoints_2d, atol=1e-3)
    np.testing.assert_allclose(left.vertices * (-1, 1, 1), right.vertices, atol=1e-6)


@every_method
@pytest.mark.parametrize("kind", ["native", "hamer"])
def test_pairs_on_disk_become_a_record(name, kind, hint_root, tmp_path):
    labels = read_labels(hint_root).select(slice(0, 4))
    method = create(name, replace(RANDOM, extra={"crop": kind}))
    record = evaluate(labels, method, out=tmp_path / "out").record
    assert record.coverage.complete
    assert method.fingerprint["crop"] == kind


@pytest.mark.parametrize(
    ("extra", "message"), [({"projetion": "demo"}, "did you mean projection"), ({"projection": "x"}, "demo")]
)
def test_unknown_settings_are_refused(extra, message):
    with pytest.raises(UnknownNameError, match=message):
        MetroMethod.create(replace(RANDOM, extra=extra))


def test_only_mesh_graphormer_looks_at_neighbours():
    with pytest.raises(UnknownNameError, match="unknown setting of metro 'adjacency'"):
        MetroMethod.create(replace(RANDOM, extra={"adjacency": "x"}))


# -- crops


def test_the_native_crop_is_half_again_as_large_as_the_box(image):
    cut = create("metro", RANDOM).prepare(Hand("r", BOX, True), image)
    assert cut.square == box_to_square(BOX, 1.5) == (160, 135, 180)
    assert cut.pixels.shape == (224, 224, 3)
    assert np.array_equal(cut.pixels, crop(image, cut.square, crop_size=224)), "nothing shrinks, nothing is blurred"


def test_pictures_that_shrink_are_blurred_in_the_native_crop_only():
    big = np.random.default_rng(0).integers(0, 256, (900, 900, 3), dtype=np.uint8)
    hand = Hand("l", (100, 100, 700, 600), False)
    native, hamer = (
        create("metro", replace(RANDOM, extra={"crop": k})).prepare(hand, big) for k in ("native", "hamer")
    )
    assert np.array_equal(native.pixels, crop_blurred(big, native.square, mirror=True, crop_size=224))
    assert not np.array_equal(native.pixels, crop(big, native.square, mirror=True, crop_size=224))
    assert np.array_equal(hamer.pixels, crop(big, hamer.square, mirror=True, crop_size=224))
    assert hamer.square == box_to_square(hand.box_xyxy, 2)


# -- decoding


def test_the_camera_shifts_then_scales_to_a_crop_from_minus_one_to_one():
    cam = torch.tensor([[2.0, 0.1, -0.2], [10, 0, 0]])
    points = torch.tensor([[[0.05, 0, 7], [0, 0.3, -7]], [[0.1, -0.1, 0], [0, 0, 0]]])
    expected = torch.tensor([[[0.15, -0.2], [0.1, 0.1]], [[0.5, -0.5], [0, 0]]])
    torch.testing.assert_close(project(points, cam), expected)


def test_joints_are_read_off_the_mesh_with_tips_of_their_own():
    regressor = joint_regressor(procedural_hand())
    assert regressor[4::4].argmax(1).tolist() == list(TIP_VERTICES) == [745, 317, 445, 556, 673]
    assert torch.equal(regressor[4::4].sum(1), torch.ones(5))
    torch.testing.assert_close(regressor[0], torch.tensor(procedural_hand().j_regressor[0]).float())
    index_knuckle = torch.tensor(procedural_hand().j_regressor[1]).float()
    torch.testing.assert_close(regressor[5], index_knuckle)


def test_the_demonstrations_move_the_wrist_to_the_origin_first(rest):
    net, crops = network(rest), torch.full((2, 224, 224, 3), 90.0)
    training, demo = (HandReader(net, rest, kind).eval()(crops) for kind in ("training", "demo"))
    cam = net.eval()(torch.zeros(2, 3, 224, 224), rest.template).cam
    assert torch.equal(training.keypoints_3d, demo.keypoints_3d)
    moved = training.keypoints_2d - demo.keypoints_2d
    torch.testing.assert_close(moved, moved[:, :1].expand_as(moved))
    # The camera is nearly the same for any picture.
    torch.testing.assert_close(moved[:, 0], cam[:, :1] * training.keypoints_3d[:, 0, :2] / 2, rtol=0.1, atol=1e-3)


def test_the_rest_hand_is_in_its_mean_pose_with_the_wrist_at_the_origin(rest, topology):
    hand = procedural_hand()
    flat = rest_template(replace(hand, hands_mean=np.zeros(45)), torch.tensor(topology.down))
    expected = topology.down @ hand.v_template - (hand.j_regressor @ hand.v_template)[0]
    np.testing.assert_allclose(flat[21:], expected, atol=1e-6)
    assert rest.template[0].tolist() == [0, 0, 0]
    assert (rest.template - flat).abs().max() > 0.01, "the mean pose is not flat"


@every_method
def test_one_picture_gives_what_it_gives_among_others(name, rest):
    net = network(rest, name).eval()
    images = torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    one, both = (net(x, rest.template, rest.adjacency) for x in (images[:1], images))
    assert [tuple(part.shape) for part in one] == [(1, 3), (1, 21, 3), (1, 195, 3), (1, 778, 3)]
    for alone, among in zip(one, both, strict=True):
        torch.testing.assert_close(alone[0], among[0], atol=1e-5, rtol=1e-5)


# -- the choice of vertices


def test_the_farthest_vertices_are_spread_and_connected(topology):
    kept = topology.down.argmax(1)
    assert len(set(kept.tolist())) == 195
    points = procedural_hand().v_template
    distance = np.linalg.norm(points[:, None] - points[kept], axis=2).min(1)
    apart = np.linalg.norm(points[kept][:, None] - points[kept], axis=2)[~np.eye(195, dtype=bool)].min()
    assert distance.max() <= apart, "no vertex is farther from the chosen ones than these are from each other"
    assert np.allclose(topology.adjacency.sum(1), 1)
    assert np.array_equal(topology.adjacency > 0, topology.adjacency.T > 0)
    assert np.linalg.matrix_power(topology.adjacency.astype(float), 60).min() > 0, "one piece"


def test_neighbours_become_means():
    chain = np.array([[0, 2, 0], [2, 0, 5], [0, 5, 1]])
    assert np.array_equal(normalised(chain), np.float32([[1 / 2, 1 / 2, 0], [1 / 3] * 3, [0, 1 / 2, 1 / 2]]))


def test_the_official_adjacency_follows_from_who_is_whose_neighbour(official_adjacency):
    neighbours = (official_adjacency > 0) & ~np.eye(195, dtype=bool)
    assert np.array_equal(normalised(neighbours), official_adjacency)


def test_the_official_files_are_read(tmp_path, topology):
    read = read_topology(official_npz(tmp_path / "mano_downsampling.npz", topology))
    assert np.array_equal(read.down, topology.down)
    assert np.array_equal(read.adjacency, topology.adjacency)
    assert np.array_equal(read_adjacency(official_adjacency(tmp_path / "data", topology.adjacency)), topology.adjacency)


def test_plain_arrays_are_read(tmp_path, topology):
    np.savez(tmp_path / "plain.npz", D=topology.down, A=np.asfortranarray(topology.adjacency > 0))
    read = read_topology(tmp_path / "plain.npz")
    assert read.sha256() == topology.sha256()
    np.savez(tmp_path / "half.npz", D=topology.down)
    assert read_topology(tmp_path / "half.npz").adjacency is None


class Evil:
    def __reduce__(self):
        return print, ("run",)


def test_nothing_in_the_file_is_run(tmp_path, topology, capsys):
    path = tmp_path / "evil.npz"
    np.savez(path, D=np.array([Evil(), None], object), A=topology.adjacency)
    with pytest.raises(InputError, match=r"evil\.npz: D: asks for builtins\.print"):
        read_topology(path)
    assert capsys.readouterr().out == ""


def broken(kind, path, topology):
    if kind == "half":
        path.write_bytes(official_npz(path, topology).read_bytes()[:3000])
    elif kind == "text":
        path.write_text("404: Not Found")
    elif kind == "lacks":
        np.savez(path, A=topology.adjacency)
    elif kind == "shape":
        np.savez(path, D=topology.down[:, :431])
    elif kind == "member":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("D.npy", b"\x93NUMPY\x01\x00garbage")
    elif kind == "values":
        stream = io.BytesIO()
        np.save(stream, topology.down)
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("D.npy", stream.getvalue()[:-40])
    return path


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("half", "not a whole mano_downsampling.npz"),
        ("text", "not a whole mano_downsampling.npz"),
        ("lacks", "has no D; the file is called mano_downsampling.npz"),
        ("shape", r"D has shape \(195, 431\), that of a hand \(195, 778\)"),
        ("member", "not a whole mano_downsampling.npz"),
        ("values", "not a whole mano_downsampling.npz"),
    ],
)
def test_damaged_choices_of_vertices_are_refused(kind, message, tmp_path, topology):
    with pytest.raises(InputError, match=message):
        read_topology(broken(kind, tmp_path / "mano_downsampling.npz", topology))


def test_damaged_adjacencies_are_refused(tmp_path, topology):
    with pytest.raises(InputError, match=r"mano_195_adjmat_indices\.pt: no such file; adjacency is the folder with"):
        read_adjacency(tmp_path)
    folder = official_adjacency(tmp_path / "double", 2 * topology.adjacency)
    with pytest.raises(InputError, match="its rows do not sum to 1"):
        read_adjacency(folder)
    torch.save(torch.full((2, 7), 431), folder / "mano_195_adjmat_indices.pt")
    with pytest.raises(InputError, match="not the adjacency of 195 vertices"):
        read_adjacency(folder)
    (folder / "mano_195_adjmat_values.pt").write_bytes(b"PK\x03\x04half")
    with pytest.raises(InputError, match="damaged or not a tensor"):
        read_adjacency(folder)


# -- files


@every_method
@pytest.mark.parametrize("with_unused", [True, False])
def test_released_files_load_with_or_without_what_is_not_used(name, with_unused, nowhere, rest, topology):
    path = released_file(nowhere / "w.bin", rest, name, with_unused)
    parts = load(name, path, downsampling=str(official_npz(nowhere / "d.npz", topology)))
    assert parts.identity["weights_sha256"] == file_sha256(path)
    assert (parts.card.note, parts.card.training_data) == ("weights w.bin", ())
    crops = torch.randint(0, 256, (1, 224, 224, 3), generator=torch.Generator().manual_seed(0)).float()
    ours = parts.network.eval()(crops)
    expected = HandReader(network(rest, name), rest).eval()(crops)
    assert torch.equal(ours.keypoints_2d, expected.keypoints_2d)
    assert not any("embeddings.word" in key or "classifier" in key for key, _ in parts.network.named_parameters())


@pytest.mark.parametrize("place", ["home", "repository"])
def test_files_are_found_where_users_have_them(place, nowhere, hint_home, rest, topology):
    name, home = "mesh-graphormer", place == "home"
    file = "graphormer_hand_state_dict.bin"
    released_file(hint_home / name / file if home else nowhere / "models/graphormer_release" / file, rest, name)
    data = hint_home / "metro" if home else nowhere / "src/modeling/data"
    official_npz(data / "mano_downsampling.npz", topology)
    card = load(name).card
    assert (card.note, card.training_data) == ("", ("FreiHAND",))


def test_neighbours_come_from_their_folder_where_the_file_lacks_them(nowhere, rest, topology):
    path = released_file(nowhere / "w.bin", rest, "mesh-graphormer")
    np.savez(nowhere / "d.npz", D=topology.down)
    with pytest.raises(InputError, match="name their folder with --set adjacency=DIR"):
        load("mesh-graphormer", path, downsampling="d.npz")
    official_adjacency(nowhere / "data", topology.adjacency)
    parts = load("mesh-graphormer", path, downsampling="d.npz", adjacency="data")
    assert torch.equal(parts.network.adjacency, torch.tensor(topology.adjacency))


@every_method
def test_what_is_missing_is_named_until_nothing_is(name, nowhere, hint_home, rest, topology):
    options, about = MethodOptions(device="cpu"), Metro if name == "metro" else MeshGraphormer
    with pytest.raises(MissingRequirementError, match=f"hint fetch {name}, or put https://datarelease"):
        create(name, options)
    assert "mano.is.tue.mpg.de" in about.missing(MethodOptions())
    released_file(hint_home / name / about.FILES[0].names[0], rest, name)
    with pytest.raises(MissingRequirementError, match=r"mano_downsampling\.npz: hint fetch metro-downsampling"):
        create(name, options)
    official_npz(hint_home / "metro/mano_downsampling.npz", topology)
    with pytest.raises(MissingRequirementError, match=r"MANO_RIGHT\.pkl not found"):
        create(name, options)
    (hint_home / "mano").mkdir()
    write_mano_npz(procedural_hand(), hint_home / "mano" / "MANO_RIGHT.pkl")
    assert about.missing(MethodOptions()) == ""


def refused(nowhere, topology, name, path):
    options = MethodOptions(
        weights=str(path),
        mano="procedural",
        device="cpu",
        extra={"downsampling": str(official_npz(nowhere / "d.npz", topology))},
    )
    with pytest.raises(InputError) as caught:
        create(name, options)
    return str(caught.value)


def test_weights_of_another_method_or_size_are_refused(nowhere, rest, topology):
    graph = released_file(nowhere / "g.bin", rest, "mesh-graphormer")
    plain = released_file(nowhere / "m.bin", rest, "metro")
    assert "weights of mesh-graphormer, not of metro; type: --method mesh-graphormer" in refused(
        nowhere, topology, "metro", graph
    )
    assert "weights of metro, not of mesh-graphormer" in refused(nowhere, topology, "mesh-graphormer", plain)
    message = refused(nowhere, topology, "metro", plain)
    assert "of another shape: backbone.layer1.0.conv1.weight (16, 64, 1, 1) for (64, 64, 1, 1)" in message
    assert "in all" in message


def test_other_files_of_the_training_are_refused(nowhere, rest, topology):
    torch.save(network(rest), nowhere / "model.bin")
    torch.save(argparse.Namespace(lr=1e-4), nowhere / "training_args.bin")
    assert "a whole pickled model" in refused(nowhere, topology, "metro", nowhere / "model.bin")
    message = refused(nowhere, topology, "metro", nowhere / "training_args.bin")
    assert "holds settings of a training program, not weights" in message


def test_half_a_download_is_refused(nowhere, rest, topology):
    whole = released_file(nowhere / "whole.bin", rest).read_bytes()
    (nowhere / "half.bin").write_bytes(whole[: len(whole) // 2])
    message = refused(nowhere, topology, "metro", nowhere / "half.bin")
    assert "truncated at" in message
    assert "download or copy it again" in message
    assert "no such file" in refused(nowhere, topology, "metro", nowhere / "absent.bin")
