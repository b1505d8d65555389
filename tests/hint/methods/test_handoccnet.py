"""HandOccNet: its crop, its hand, its two ways to show it, and the file users have."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from hint.crop import Square, crop, crop_unrounded
from hint.errors import InputError, MissingRequirementError, UnknownNameError
from hint.mano.layer import ManoLayer
from hint.mano.model import MANOPTH_TIP_VERTICES
from hint.mano.procedural import procedural_hand
from hint.mano.read import write_mano_npz
from hint.methods.hamer.head import rot6d_to_matrix
from hint.methods.handoccnet.card import NoParam, missing
from hint.methods.handoccnet.crop import demonstration_square
from hint.methods.handoccnet.hand import MeanPoseHand, embedded_mano, lay_onto
from hint.methods.handoccnet.head import HeatMaps
from hint.methods.handoccnet.method import HandOccNetNoParam, HandOccNetParam, random_network
from hint.methods.handoccnet.network import HandOccNet, matrix_to_axis_angle
from hint.methods.handoccnet.transformer import Layer
from hint.types import Hand, Method, MethodOptions

RANDOM = MethodOptions(weights="random", device="cpu")
BOX = (100.0, 90.0, 220.0, 180.0)


@pytest.fixture
def image():
    coarse = np.random.default_rng(0).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    return coarse.repeat(25, 0).repeat(25, 1)


def predict(method, hands, image):
    return method.infer(hands, [method.prepare(hand, image) for hand in hands])


# -- the crop


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        # 101x41 px end at 300 and 140; the longer side is 100.
        ((200, 100, 301, 141), Square(250, 120, 125)),
        # Fractions are kept: 199.5 to 259.5 and 100.25 to 120.25.
        ((199.5, 100.25, 260.5, 121.25), Square(229.5, 110.25, 75)),
        # Begins 10 px outside: moved in with all its 41 px, to 0..40.
        ((-10, 100, 31, 121), Square(20, 110, 50)),
        # Ends outside of 400x300: cut off at 399 and 299.
        ((359, 259, 460, 460), Square(379, 279, 50)),
    ],
)
def test_the_square_is_the_demonstration_s(box, expected):
    assert demonstration_square(box, 400, 300) == expected


@pytest.mark.parametrize("box", [(450, 10, 480, 40), (10, 350, 40, 380), (10, 10, 10.5, 10.5), (50, 10, 20, 5)])
def test_a_box_that_shows_nothing_is_refused(box):
    with pytest.raises(InputError, match=r"shows nothing of the picture, 400x300 px"):
        demonstration_square(box, 400, 300)


def test_pixels_are_not_rounded(image):
    square = demonstration_square(BOX, 400, 300)
    for is_right in (True, False):
        shown = HandOccNetParam.create(RANDOM).prepare(Hand("h", BOX, is_right), image)
        assert shown.square == square
        assert shown.pixels.dtype == np.float32
        assert (shown.pixels == crop_unrounded(image, square, mirror=not is_right)).all()
        assert np.abs(shown.pixels - crop(image, square, mirror=not is_right)).max() <= 0.5
        assert (shown.pixels % 1 != 0).any()


# -- rotations


def random_rotations(n=500):
    return rot6d_to_matrix(torch.randn(n, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64))[:, 0]


def test_axis_and_angle_give_the_rotation_back():
    matrices = random_rotations()
    angles = matrix_to_axis_angle(matrices)
    axes = torch.zeros(len(angles), 3, 3, dtype=torch.float64)
    for k, (i, j) in enumerate(((2, 1), (0, 2), (1, 0))):
        axes[:, i, j], axes[:, j, i] = angles[:, k], -angles[:, k]
    torch.testing.assert_close(torch.matrix_exp(axes), matrices, atol=1e-9, rtol=0)
    assert angles.norm(dim=1).max() <= np.pi + 1e-9


@pytest.mark.parametrize("axis", [(1.0, 0, 0), (0, 1.0, 0), (0, 0, 1.0), (0.6, 0, -0.8)])
@pytest.mark.parametrize("angle", [0.0, 1e-4, 1.0, np.pi - 1e-3])
def test_every_quarter_of_the_turn_is_exact(axis, angle):
    turn = torch.tensor(axis) * angle
    x, y, z = turn.tolist()
    matrix = torch.matrix_exp(torch.tensor([[0, -z, y], [z, 0, -x], [-y, x, 0]]))
    torch.testing.assert_close(matrix_to_axis_angle(matrix), turn, atol=1e-3 if angle > 3 else 2e-6, rtol=0)


def test_what_is_no_number_is_no_rotation():
    assert matrix_to_axis_angle(torch.full((2, 3, 3), torch.nan)).tolist() == [[0, 0, 0], [0, 0, 0]]


# -- the network


def test_attention_weighs_by_how_well_all_fits_together():
    """The published form: a table of all pairs, whose rows are summed."""
    generator = torch.Generator().manual_seed(0)
    layer = Layer(8, injects=True)
    query, key = (torch.randn(2, 8, 32, 32, generator=generator) for _ in range(2))
    with torch.inference_mode():
        for parameter in layer.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) / 8)

        def heads(name, x):
            return getattr(layer, f"encode_{name}")(x).reshape(2, 4, 2, 1024).transpose(2, 3)

        placed = query + layer.q_embedding, key + layer.k_embedding
        pairs = (heads("query", placed[0]) @ heads("key", placed[1]).mT / 2**0.5).softmax(-1)
        fit = (heads("query2", placed[0]) @ heads("key2", placed[1]).mT / 2**0.5).sum(-1).sigmoid()
        seen = (pairs * fit[..., None] @ heads("value", key)).transpose(1, 2).reshape(2, 1024, 8)
        expected = seen + layer.mlp(layer.norm2(seen))
        torch.testing.assert_close(layer(query, key).flatten(2).mT, expected, atol=1e-5, rtol=1e-5)


@torch.inference_mode()
def test_joints_are_the_centres_of_their_heat_maps():
    head = HeatMaps(4).eval()
    head.score[0] = torch.nn.Identity()
    head.hg[0] = head.res[0] = head.fc[0] = torch.nn.Identity()
    latents = torch.zeros(1, 21, 32, 32)
    latents[0, 0, 3, 20] = 100.0
    latents[0, 1, 3, 20] = latents[0, 1, 5, 22] = 100.0
    heat, _, joints = head(latents)
    torch.testing.assert_close(joints[0, 0], torch.tensor([20.5, 3.5]) / 32)
    torch.testing.assert_close(joints[0, 1], torch.tensor([21.5, 4.5]) / 32)
    torch.testing.assert_close(joints[0, 2], torch.tensor([0.5, 0.5]))
    torch.testing.assert_close(heat.sum((2, 3)), torch.ones(1, 21))


# -- the hand


def test_the_pose_counts_from_the_mean_and_tips_are_those_of_manopth():
    model = procedural_hand()
    joints, vertices = MeanPoseHand(model)(torch.zeros(1, 48), torch.zeros(1, 10))
    for place, vertex in zip((4, 8, 12, 16, 20), (745, 317, 444, 556, 673), strict=True):
        torch.testing.assert_close(joints[0, place], vertices[0, vertex])
    bent = torch.tensor(model.hands_mean, dtype=torch.float32).reshape(1, 15, 3)
    skew = torch.zeros(1, 15, 3, 3)
    for k, (i, j) in enumerate(((2, 1), (0, 2), (1, 0))):
        skew[..., i, j], skew[..., j, i] = bent[..., k], -bent[..., k]
    expected = ManoLayer(model, MANOPTH_TIP_VERTICES)(
        torch.eye(3).expand(1, 1, 3, 3), torch.matrix_exp(skew), torch.zeros(1, 10)
    )
    torch.testing.assert_close(joints, expected[0], atol=1e-6, rtol=0)
    assert bent.abs().max() > 0.05


def test_joints_are_laid_where_least_squares_wants_them():
    rng = np.random.default_rng(0)
    joints = rng.normal(0, 0.05, (21, 3))
    points = 4 * joints[:, :2] + (0.1, -0.2) + rng.normal(0, 0.02, (21, 2))
    # Unknowns (scale, x, y): every joint gives two equations.
    system = np.zeros((42, 3))
    system[:, 0], system[::2, 1], system[1::2, 2] = joints[:, :2].ravel(), 1, 1
    scale, x, y = np.linalg.lstsq(system, points.ravel(), rcond=None)[0]
    laid = lay_onto(torch.tensor(joints)[None], torch.tensor(points)[None])[0]
    np.testing.assert_allclose(laid, scale * joints[:, :2] + (x, y), atol=1e-12)


def test_a_hand_is_never_laid_inside_out():
    joints = torch.randn(1, 21, 3, generator=torch.Generator().manual_seed(0))
    laid = lay_onto(joints, -joints[..., :2])
    torch.testing.assert_close(laid, (-joints[..., :2].mean(1, keepdim=True)).expand(1, 21, 2))


# -- the file


def manopth_arrays(model):
    floats = {
        "betas": np.zeros((1, 10)),
        "shapedirs": model.shapedirs,
        "posedirs": model.posedirs,
        "v_template": model.v_template[None],
        "J_regressor": model.j_regressor,
        "weights": model.lbs_weights,
        "hands_mean": model.hands_mean[None],
        "selected_comps": model.hands_components[:6],
    }
    stored = {f"th_{name}": torch.tensor(values, dtype=torch.float32) for name, values in floats.items()}
    return stored | {"th_faces": torch.tensor(model.faces)}


@pytest.fixture(scope="module")
def released(tmp_path_factory):
    """Files built like the released one with drawn numbers: in both formats of PyTorch, with and without MANO."""
    folder = tmp_path_factory.mktemp("handoccnet")
    state = {f"module.{key}": value for key, value in HandOccNet().state_dict().items()}
    prefix = "module.regressor.mano_regHead.mano_layer."
    mano = {prefix + name: values for name, values in manopth_arrays(procedural_hand()).items()}
    later = {"module.fitting_loss.data_weight": torch.tensor(1.0)}
    optimizer = {"state": {0: {"step": 3, "exp_avg": torch.zeros(2)}}, "param_groups": [{"lr": 1e-4, "params": [0]}]}
    for name, network, new in (
        ("legacy.pth.tar", state | mano, False),
        ("zip.pth.tar", state | mano | later, True),
        ("bare.pth.tar", state, True),
    ):
        content = {"epoch": 70, "network": network, "optimizer": optimizer}
        torch.save(content, folder / name, _use_new_zipfile_serialization=new)
    return folder


def options(path, **others):
    return MethodOptions(weights=str(path), device="cpu", **others)


def test_both_formats_are_the_same_network(released, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    one, two = (HandOccNetNoParam.create(options(released / name)) for name in ("legacy.pth.tar", "zip.pth.tar"))
    for (key, a), b in zip(one.network.state_dict().items(), two.network.state_dict().values(), strict=True):
        assert torch.equal(a, b), key
    assert one.fingerprint["mano_sha256"] == two.fingerprint["mano_sha256"]
    assert one.card.parameters == 39_319_352
    assert replace(one.card, parameters=None) == replace(NoParam.CARD, parameters=None)


def test_mano_comes_from_the_file_unless_another_is_named_or_installed(released, tmp_path, monkeypatch, hint_home):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MissingRequirementError, match=r"MANO_RIGHT.pkl not found"):
        HandOccNetParam.create(options(released / "bare.pth.tar"))
    named = HandOccNetParam.create(options(released / "bare.pth.tar", mano="procedural"))
    assert named.fingerprint["mano_sha256"] == procedural_hand().sha256()
    inside = HandOccNetParam.create(options(released / "zip.pth.tar"))
    assert inside.fingerprint["mano_sha256"] != procedural_hand().sha256()  # single precision
    (hint_home / "mano").mkdir()
    write_mano_npz(procedural_hand(), hint_home / "mano" / "MANO_RIGHT.pkl")
    installed = HandOccNetParam.create(options(released / "zip.pth.tar"))
    assert installed.fingerprint["mano_sha256"] == procedural_hand().sha256()


def test_the_hand_inside_is_the_hand():
    model = procedural_hand()
    found = embedded_mano(manopth_arrays(model), "w")
    for name, array in found.arrays().items():
        expected = model.arrays()[name]
        np.testing.assert_allclose(
            array[:6] if name == "hands_components" else array,
            expected[: len(array[:6])] if name == "hands_components" else expected,
            atol=1e-6,
            err_msg=name,
        )
    with pytest.raises(InputError, match=r"MANO arrays have no 'lbs_weights'; name MANO_RIGHT.pkl with --mano"):
        embedded_mano({k: v for k, v in manopth_arrays(model).items() if k != "th_weights"}, "w")
    left = manopth_arrays(model)
    left["th_v_template"] = left["th_v_template"] * torch.tensor([-1.0, 1, 1])
    with pytest.raises(InputError, match="is a left hand"):
        embedded_mano(left, "w")


def test_weights_are_found_where_users_have_them(released, tmp_path, monkeypatch, hint_home):
    monkeypatch.chdir(tmp_path)
    advice = r"needs snapshot_demo.pth.tar: download .* from https://drive.google.com/\S+ and put it into \S+"
    with pytest.raises(MissingRequirementError, match=f"handoccnet-noparam {advice}"):
        HandOccNetNoParam.create(MethodOptions(device="cpu"))
    assert missing(MethodOptions())
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "snapshot_demo.pth.tar").symlink_to(released / "zip.pth.tar")
    assert missing(MethodOptions()) == ""
    assert HandOccNetNoParam.create(MethodOptions(device="cpu")).card.note == ""


class Hostile:
    def __reduce__(self):
        return Path.touch, (Path("broken_out"),)


def test_files_of_something_else_are_one_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "w.pth"
    state = {f"module.{key}": value for key, value in random_network(0).state_dict().items()}
    torch.save({"network": state}, path)
    with pytest.raises(InputError, match=r"weights of another network \(missing: .* in all\); of another shape: "):
        HandOccNetParam.create(options(path))
    torch.save({"feat_encoder.1.weight": torch.ones(2, 2)}, path)
    with pytest.raises(InputError, match=r"weights of frankmocap, not of handoccnet-param; type: --method frankmocap"):
        HandOccNetParam.create(options(path))
    torch.save({"network": state | {"x": Hostile()}}, path)
    with pytest.raises(InputError, match="which weights never need"):
        HandOccNetParam.create(options(path))
    assert not (tmp_path / "broken_out").exists()


# -- the methods


@pytest.mark.parametrize("method", [HandOccNetParam, HandOccNetNoParam])
def test_both_are_methods_and_say_that_their_weights_are_random(method, image):
    made = method.create(RANDOM)
    assert isinstance(made, Method)
    assert made.card.note == "random weights"
    predictions = predict(made, [Hand("r", BOX, True), Hand("l", BOX, False)], image)
    assert predictions.vertices.shape == (2, 778, 3)
    assert np.isfinite(predictions.keypoints_2d).all()


def test_they_share_the_hand_and_differ_in_what_they_show(image):
    hands = [Hand("r", BOX, True), Hand("l", BOX, False)]
    param, own = (predict(method.create(RANDOM), hands, image) for method in (HandOccNetParam, HandOccNetNoParam))
    assert (param.keypoints_3d == own.keypoints_3d).all()
    assert np.abs(param.keypoints_2d - own.keypoints_2d).max() > 1
    square = demonstration_square(BOX, 400, 300)
    # Both crops lie at the same place, so the mean of what was laid is the mean of what it was laid onto.
    np.testing.assert_allclose(param.keypoints_2d.mean(1), own.keypoints_2d.mean(1), atol=1e-3 * square.size)


def test_a_left_hand_is_a_right_hand_in_a_mirror(image):
    """The square is centred half a pixel before the box, on both sides: boxes one pixel apart are mirror images."""
    width, (x1, y1, x2, y2) = image.shape[1], BOX
    turned = Hand("l", (width - x2, y1, width - x1, y2), False)
    method = HandOccNetNoParam.create(RANDOM)
    right = predict(method, [Hand("r", BOX, True)], image)
    left = predict(method, [turned], np.ascontiguousarray(image[:, ::-1]))
    np.testing.assert_allclose(left.keypoints_2d[..., 0], width - 1 - right.keypoints_2d[..., 0], atol=0.02)
    np.testing.assert_allclose(left.keypoints_3d, right.keypoints_3d * (-1, 1, 1), atol=1e-5)


@pytest.mark.parametrize("extra", [{"lift": "perspective"}, {"smplx": "x"}])
def test_settings_that_do_not_exist(extra):
    with pytest.raises(UnknownNameError, match="unknown setting of handoccnet-param"):
        HandOccNetParam.create(replace(RANDOM, extra=extra))
