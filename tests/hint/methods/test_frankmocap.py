"""FrankMocap: its crop, its hand, and the files users have."""

import pickle
from dataclasses import fields, replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from hint.crop import Square, to_image
from hint.errors import InputError, MissingRequirementError, UnknownNameError
from hint.mano.procedural import procedural_hand
from hint.methods.crop_method import CropMethod
from hint.methods.frankmocap.body import read_mean_pose, read_right_hand
from hint.methods.frankmocap.card import missing
from hint.methods.frankmocap.crop import Window, cut, window
from hint.methods.frankmocap.hand import HandLayer, stand_in
from hint.methods.frankmocap.method import FrankMocapMethod, project, start_params
from hint.methods.frankmocap.network import Encoder, EncoderConfig, normalise
from hint.types import Hand, Method, MethodOptions

RANDOM = MethodOptions(weights="random", device="cpu")


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
        # 100x40 at (200,100): 30 above and below make 100x100, then 30 px on every side.
        ((200, 100, 300, 140), Window(170, 40, 330, 200)),
        # Fractions go: 60.2x40.7 at (200.9,100.6) is 60x40 at (200,100); 10 and then int(18.0) px.
        ((200.9, 100.6, 261.1, 141.3), Window(182, 72, 278, 168)),
        # An odd difference leaves 62x61; the margin is three tenths of the height, int(18.3).
        ((200, 100, 262, 139), Window(182, 71, 280, 168)),
        # Tall: 40x61 grows by int(21/2) on the left and right.
        ((200, 100, 240, 161), Window(172, 82, 268, 179)),
        # At the left edge: 20x40 grows by 10 to the left but has only 4, then nothing is left for the margin of 12.
        ((4, 100, 24, 140), Window(0, 88, 46, 152)),
        # At the lower edge: 100x40 would need 30 below, there are 10; the height is 80, the margin 24.
        ((200, 250, 300, 290), Window(176, 196, 324, 300)),
        # Begins outside: -10.7 becomes -10, and the edge of the picture cuts off the rest.
        ((-10.7, 100, 29.3, 140), Window(0, 88, 42, 152)),
    ],
)
def test_the_window_is_grown_in_whole_pixels_and_cut_off_by_the_picture(box, expected):
    assert window(box, 400, 300) == expected


@pytest.mark.parametrize("box", [(-50, 10, -20, 40), (450, 10, 480, 40), (10, 10, 10.5, 10.5)])
def test_a_box_that_shows_nothing_is_refused(box):
    with pytest.raises(InputError, match=r"shows nothing of the picture, 400x300 px"):
        window(box, 400, 300)


def test_what_is_too_short_lies_at_the_top_left(image):
    """A window of 112x224 fills the left half; a square of 224 px is not interpolated at all."""
    pixels, square = cut(image, Window(20, 30, 132, 254))
    assert (pixels[:, :112] == image[30:254, 20:132]).all()
    assert not pixels[:, 112:].any()
    assert square == Square(132, 142, 224)


def test_the_crop_is_resized_as_opencv_does(image):
    pixels, square = cut(image, Window(20, 30, 100, 70))
    padded = np.zeros((80, 80, 3), np.uint8)
    padded[:40] = image[30:70, 20:100]
    assert (pixels == cv2.resize(padded, (224, 224))).all()
    assert square == Square(60, 70, 80)


def test_a_left_hand_is_the_crop_turned_over_and_its_points_come_back(image):
    part = Window(20, 30, 132, 254)
    right, square = cut(image, part)
    left, same = cut(image, part, mirror=True)
    assert (left == right[:, ::-1]).all()
    assert same == square
    # The left edge of the mirrored crop shows the right edge of the square, which is padding here.
    assert not left[:, :112].any()
    np.testing.assert_allclose(to_image(np.array([[-0.5, -0.5]]), square, is_right=False), [[244, 30]])
    np.testing.assert_allclose(to_image(np.array([[-0.5, -0.5]]), square, is_right=True), [[20, 30]])


def test_the_network_is_shown_blue_first_from_minus_one_to_one():
    crops = torch.tensor([255.0, 127.5, 0]).expand(1, 2, 2, 3)
    seen = normalise(crops)
    assert seen.shape == (1, 3, 2, 2)
    assert seen[0, :, 0, 0].tolist() == [-1, 0, 1]


# -- the way to the picture


def test_points_are_moved_then_scaled_to_half_the_crop():
    """A crop of 448 px at (100,50): u = (X + t) s 112, then px = u/ratio + top left + 112/ratio with ratio 1/2."""
    cam, points = torch.tensor([[5.0, 0.02, -0.04]]), torch.tensor([[[0.1, 0.06, 9.0]]])
    u = np.array([(0.1 + 0.02) * 5 * 112, (0.06 - 0.04) * 5 * 112])
    expected = u / 0.5 + (100, 50) + 112 / 0.5
    shown = to_image(project(points, cam).numpy(), Square(100 + 224, 50 + 224, 448), is_right=True)
    np.testing.assert_allclose(shown[0, 0], expected, atol=1e-4)


def test_the_regression_starts_where_it_is_told():
    assert start_params(np.arange(45)).tolist() == [5, 0, 0, 0, 0, 0, *range(45), *([0] * 10)]


@torch.inference_mode()
def test_the_answer_is_improved_three_times(draw_weights):
    encoder = Encoder(EncoderConfig((1, 1, 1, 1), (4, 4, 4, 4), 8)).eval()
    encoder.load_state_dict(draw_weights({k: tuple(p.shape) for k, p in encoder.named_parameters()}), strict=False)
    crops, start = torch.rand(2, 3, 64, 64), torch.linspace(-1, 1, 61)
    main = encoder.main_encoder(crops)
    assert (main >= 0).all()
    features = torch.relu(encoder.feat_encoder[1](main))
    weight, bias = encoder.regressor[0].weight, encoder.regressor[0].bias
    answer = start.repeat(2, 1)
    for _ in range(3):
        answer = answer + torch.cat([features, answer], 1) @ weight.T + bias
    torch.testing.assert_close(encoder(crops, start), answer, atol=1e-5, rtol=1e-5)


# -- the hand


def rest_hand():
    return stand_in(procedural_hand())


def test_the_index_finger_begins_at_the_origin():
    posed = HandLayer(rest_hand())(torch.randn(2, 48, generator=torch.Generator().manual_seed(0)), torch.zeros(2, 10))
    assert posed.joints.shape == (2, 21, 3)
    assert posed.vertices.shape == (2, 778, 3)
    assert posed.joints[:, 5].abs().max() < 1e-7
    assert (posed.joints[:, 0] - posed.joints[:, 5]).norm(dim=1).min() > 0.05


def test_the_mean_pose_is_added():
    hand = rest_hand()
    bent = HandLayer(hand)(torch.zeros(1, 48), torch.zeros(1, 10))
    straight = HandLayer(replace(hand, rest_pose=np.zeros((16, 3))))(
        torch.tensor(hand.rest_pose, dtype=torch.float32).reshape(1, 48), torch.zeros(1, 10)
    )
    torch.testing.assert_close(bent.joints, straight.joints, atol=1e-6, rtol=0)
    flat = HandLayer(replace(hand, rest_pose=np.zeros((16, 3))))(torch.zeros(1, 48), torch.zeros(1, 10))
    assert (bent.joints - flat.joints).abs().max() > 1e-3


def test_turning_the_wrist_turns_the_whole_hand():
    layer = HandLayer(rest_hand())
    pose = torch.zeros(1, 48)
    before = layer(pose, torch.zeros(1, 10)).joints
    pose[0, 2] = np.pi / 2
    after = layer(pose, torch.zeros(1, 10)).joints
    quarter = torch.tensor([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    torch.testing.assert_close(after, before @ quarter.T, atol=1e-6, rtol=0)


# -- files


def body_arrays(seed=0):
    """Arrays of SMPL-X at its size, as few distinct numbers as a reader needs."""
    rng = np.random.default_rng(seed)
    regressor = np.zeros((55, 10475))
    regressor[np.arange(55), np.arange(55)] = 1
    weights = np.zeros((10475, 55))
    weights[np.arange(10475), np.arange(10475) % 55] = 1
    parents = np.maximum(np.arange(55) - 1, 0)
    return {
        "v_template": rng.normal(0, 0.1, (10475, 3)),
        "shapedirs": np.zeros((10475, 3, 20), np.float32),
        "posedirs": np.zeros((10475, 3, 486), np.float32),
        "J_regressor": regressor,
        "weights": weights,
        "kintree_table": np.stack([[2**32 - 1, *parents[1:]], np.arange(55)]).astype(np.int64),
        "hands_meanl": rng.normal(0, 0.2, 45),
        "hands_meanr": rng.normal(0, 0.2, 45),
    }


@pytest.fixture(scope="module")
def body(tmp_path_factory):
    """A folder with the three files beside the weights."""
    folder = tmp_path_factory.mktemp("body")
    (folder / "SMPLX_NEUTRAL.pkl").write_bytes(pickle.dumps(body_arrays(), protocol=2))
    info = {"right_hand_verts_idx": np.arange(1000, 1778), "right_hand_faces_local": [[0, 1, 2]]}
    (folder / "SMPLX_HAND_INFO.pkl").write_bytes(pickle.dumps(info, protocol=2))
    mean = {"mean_pose": np.arange(48, dtype=np.float32)}
    (folder / "mean_mano_params.pkl").write_bytes(pickle.dumps(mean, protocol=2))
    return folder


def test_pickle_and_npz_give_the_same_hand_whatever_objects_lie_beside(body, tmp_path):
    """SMPL-X 1.1 keeps objects in its npz; they are pickles, and are not opened."""
    objects = np.array([{"a": 1}], dtype=object)
    np.savez(tmp_path / "SMPLX_NEUTRAL.npz", joint2num=objects, **body_arrays())
    info = body / "SMPLX_HAND_INFO.pkl"
    one, two = (read_right_hand(p, info) for p in (body / "SMPLX_NEUTRAL.pkl", tmp_path / "SMPLX_NEUTRAL.npz"))
    for field in fields(one):
        np.testing.assert_array_equal(getattr(one, field.name), getattr(two, field.name), err_msg=field.name)
    assert one.sha256() == two.sha256()
    assert one.v_template.shape == (783, 3)
    assert one.moving.tolist() == [21, *range(40, 55)]
    assert one.parents[:3].tolist() == [-1, 0, 1]


def test_objects_in_place_of_numbers_are_refused(body, tmp_path):
    arrays = body_arrays() | {"weights": np.array([{"a": 1}], dtype=object)}
    np.savez(tmp_path / "SMPLX_NEUTRAL.npz", **arrays)
    with pytest.raises(InputError, match="something else than plain arrays"):
        read_right_hand(tmp_path / "SMPLX_NEUTRAL.npz", body / "SMPLX_HAND_INFO.pkl")


def test_what_never_moves_is_in_the_template(body, tmp_path):
    """The left hand is bent by its mean pose, and that moves vertices of the right one by their correctives."""
    arrays = body_arrays()
    arrays["posedirs"][1000, 0, 9 * 24] = 1.0  # first entry of (R - I) of the first finger joint of the left hand
    (tmp_path / "body.pkl").write_bytes(pickle.dumps(arrays, protocol=2))
    hand = read_right_hand(tmp_path / "body.pkl", body / "SMPLX_HAND_INFO.pkl")
    rotation = cv2.Rodrigues(arrays["hands_meanl"][:3])[0]
    moved = hand.v_template[0] - arrays["v_template"][1000]
    np.testing.assert_allclose(moved, [rotation[0, 0] - 1, 0, 0], atol=1e-7)


def test_the_mean_pose_begins_after_the_wrist(body):
    assert read_mean_pose(body / "mean_mano_params.pkl").tolist() == list(range(3, 48))


class Hostile:
    def __reduce__(self):
        return Path.touch, (Path("broken_out"),)


def test_files_of_something_else_are_one_line(body, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    smplx, info = body / "SMPLX_NEUTRAL.pkl", body / "SMPLX_HAND_INFO.pkl"
    with pytest.raises(InputError, match=r"is not the arrays of SMPL-X: v_template, .* absent"):
        read_right_hand(info, info)
    (tmp_path / "half.pkl").write_bytes(smplx.read_bytes()[:100_000])
    with pytest.raises(InputError, match="not a whole pickle"):
        read_right_hand(tmp_path / "half.pkl", info)
    (tmp_path / "hostile.pkl").write_bytes(pickle.dumps({"mean_pose": Hostile()}))
    with pytest.raises(InputError, match="never needs; not opened"):
        read_mean_pose(tmp_path / "hostile.pkl")
    assert not (tmp_path / "broken_out").exists()
    (tmp_path / "short.pkl").write_bytes(pickle.dumps({"mean_pose": np.zeros(45)}))
    with pytest.raises(InputError, match=r"mean_pose has shape \(45,\), not \(48\)"):
        read_mean_pose(tmp_path / "short.pkl")
    (tmp_path / "far.pkl").write_bytes(pickle.dumps({"right_hand_verts_idx": np.arange(778) + 10_000}))
    with pytest.raises(InputError, match="names vertices SMPL-X does not have"):
        read_right_hand(smplx, tmp_path / "far.pkl")


@pytest.fixture(scope="module")
def weights(body):
    """Official weights with drawn numbers, in PyTorch's format of when they were published, and in the one since."""
    encoder = Encoder()
    with torch.no_grad():
        encoder.regressor[0].weight.mul_(0.05)
    for name, new in (("legacy.pth", False), ("zip.pth", True)):
        torch.save(encoder.state_dict(), body / name, _use_new_zipfile_serialization=new)
    parallel = {f"module.{key}": value for key, value in encoder.state_dict().items()}
    torch.save(parallel, body / "parallel.pth")
    return body


def named(folder, weights="zip.pth", **extra):
    files = {"smplx": "SMPLX_NEUTRAL.pkl", "hand-info": "SMPLX_HAND_INFO.pkl", "mean": "mean_mano_params.pkl"}
    places = {setting: str(folder / name) for setting, name in files.items()}
    return MethodOptions(weights=str(folder / weights), device="cpu", extra=places | extra)


@pytest.mark.parametrize("name", ["legacy.pth", "parallel.pth"])
def test_old_and_new_files_with_and_without_prefix_are_the_same_network(weights, name):
    one, two = (FrankMocapMethod.create(named(weights, file)) for file in ("zip.pth", name))
    for (key, a), b in zip(one.network.state_dict().items(), two.network.state_dict().values(), strict=True):
        assert torch.equal(a, b), key
    assert one.fingerprint["hand_sha256"] == two.fingerprint["hand_sha256"]
    assert one.fingerprint["weights_sha256"] != two.fingerprint["weights_sha256"]
    assert one.card.parameters == 26_722_054
    assert one.card.training_data


def test_files_are_found_where_users_have_them(weights, tmp_path, monkeypatch, hint_home, image):
    """Some in the home folder, the others as the official repository keeps them."""
    monkeypatch.chdir(tmp_path)
    module = tmp_path / "extra_data" / "hand_module"
    (module / "pretrained_weights").mkdir(parents=True)
    (hint_home / "frankmocap").mkdir()
    (tmp_path / "extra_data" / "smpl").mkdir()
    for source, target in (
        ("zip.pth", module / "pretrained_weights" / "pose_shape_best.pth"),
        ("SMPLX_HAND_INFO.pkl", module / "SMPLX_HAND_INFO.pkl"),
        ("mean_mano_params.pkl", hint_home / "frankmocap" / "mean_mano_params.pkl"),
    ):
        target.symlink_to(weights / source)
    assert missing(MethodOptions()).startswith("needs SMPLX_NEUTRAL.pkl: register at https://smpl-x.is.tue.mpg.de")
    with pytest.raises(MissingRequirementError, match=r"put SMPLX_NEUTRAL.pkl .* into .*/frankmocap/ \(or name it"):
        FrankMocapMethod.create(MethodOptions(device="cpu"))
    (tmp_path / "extra_data" / "smpl" / "SMPLX_NEUTRAL.pkl").symlink_to(weights / "SMPLX_NEUTRAL.pkl")
    assert missing(MethodOptions()) == ""
    predictions = predict(
        FrankMocapMethod.create(MethodOptions(device="cpu")), [Hand("a", (9, 9, 90, 80), True)], image
    )
    assert np.isfinite(predictions.keypoints_2d).all()


def test_without_any_file_all_are_named_with_what_to_type(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MissingRequirementError, match=r"needs pose_shape_best.pth: hint fetch frankmocap"):
        FrankMocapMethod.create(MethodOptions(device="cpu"))
    lacking = missing(MethodOptions())
    assert all(name in lacking for name in ("SMPLX_HAND_INFO.pkl", "mean_mano_params.pkl", "SMPLX_NEUTRAL.pkl"))
    assert missing(MethodOptions(weights="random")) == ""


def test_weights_that_do_not_fit_say_what_does_not(weights, tmp_path):
    state = torch.load(weights / "zip.pth", weights_only=True)
    state["regressor.0.weight"] = torch.zeros(61, 100)
    del state["feat_encoder.1.bias"]
    torch.save(state, tmp_path / "other.pth")
    with pytest.raises(InputError) as caught:
        FrankMocapMethod.create(replace(named(weights), weights=str(tmp_path / "other.pth")))
    assert "missing: feat_encoder.1.bias" in str(caught.value)
    assert "regressor.0.weight (61, 100) for (61, 1085)" in str(caught.value)
    (tmp_path / "half.pth").write_bytes((weights / "zip.pth").read_bytes()[:1_000_000])
    with pytest.raises(InputError, match="truncated at 1000000 bytes; download or copy it again"):
        FrankMocapMethod.create(replace(named(weights), weights=str(tmp_path / "half.pth")))
    torch.save({"module.regressor.hand_regHead.betas": torch.ones(21, 1)}, tmp_path / "handoccnet.pth")
    with pytest.raises(InputError, match=r"weights of handoccnet-param or .*, not of frankmocap; type: --method"):
        FrankMocapMethod.create(replace(named(weights), weights=str(tmp_path / "handoccnet.pth")))


# -- the method


def test_it_is_a_method_and_says_that_its_weights_are_random(image):
    method = FrankMocapMethod.create(RANDOM)
    assert isinstance(method, Method)
    assert isinstance(method, CropMethod)
    assert method.card.note == "random weights"
    x1, y1, x2, y2 = box = (100.0, 90.0, 220.0, 180.0)
    predictions = predict(method, [Hand("r", box, True), Hand("l", box, False)], image)
    for points in predictions.keypoints_2d:
        assert (points.mean(0) > (x1, y1)).all()
        assert (points.mean(0) < (x2, y2)).all()
        assert 0.4 < np.ptp(points, axis=0).max() / (x2 - x1) < 1.6


def test_a_left_hand_is_a_right_hand_in_a_mirror(image):
    """Far from the edges and in whole pixels, the native crop has a mirror image too."""
    width, (x1, y1, x2, y2) = image.shape[1], (100.0, 90.0, 200.0, 160.0)
    method = FrankMocapMethod.create(RANDOM)
    right = predict(method, [Hand("r", (x1, y1, x2, y2), True)], image)
    turned = Hand("l", (width - x2, y1, width - x1, y2), False)
    left = predict(method, [turned], np.ascontiguousarray(image[:, ::-1]))
    np.testing.assert_allclose(left.keypoints_2d[..., 0], width - right.keypoints_2d[..., 0], atol=0.05)
    np.testing.assert_allclose(left.vertices, right.vertices * (-1, 1, 1), atol=1e-4)


@pytest.mark.parametrize(
    ("extra", "error", "message"),
    [
        ({"crop": "haMer"}, UnknownNameError, "unknown crop of frankmocap 'haMer'; did you mean hamer"),
        ({"smplex": "x"}, UnknownNameError, "unknown setting of frankmocap 'smplex'; did you mean smplx"),
    ],
)
def test_settings_that_do_not_exist(extra, error, message):
    with pytest.raises(error, match=message):
        FrankMocapMethod.create(replace(RANDOM, extra=extra))


def test_a_named_file_that_is_not_there(weights):
    with pytest.raises(InputError, match=r"nowhere.pkl: no such file; --set mean=FILE is mean_mano_params.pkl"):
        FrankMocapMethod.create(named(weights, mean="nowhere.pkl"))
