"""HaWoR as a method for single pictures; the network itself is compared in test_baseline_parity."""

import numpy as np
import pytest
import torch
from drawn_hands import HANDS, IMAGE, predict, write_checkpoint

from hint.crop import box_to_square
from hint.errors import InputError, MissingRequirementError, UnknownNameError
from hint.fetch import ASSETS
from hint.methods.hamer.config import HamerConfig
from hint.methods.hamer.load import random_network as random_hamer
from hint.methods.hamer.method import HamerMethod
from hint.methods.hawor.card import WEIGHTS
from hint.methods.hawor.crop import FACTOR, cut, place_of
from hint.methods.hawor.load import random_network
from hint.methods.hawor.method import HaworMethod
from hint.methods.official_weights import describe_weights
from hint.prediction.camera import picture_camera
from hint.prediction.mano_file import translations
from hint.types import Hand, MethodOptions


def options(weights=None, **extra):
    settings = {key.replace("_", "-"): value for key, value in extra.items()}
    return MethodOptions(weights=weights, device="cpu", mano="procedural", extra=settings)


@pytest.fixture(scope="module")
def method():
    return HaworMethod.create(options("random"))


def test_a_mirrored_picture_gives_the_mirrored_hand(method):
    predicted, _ = predict(method, HANDS)
    mirrored = [
        Hand(h.hand_id, (399 - h.box_xyxy[2], h.box_xyxy[1], 399 - h.box_xyxy[0], h.box_xyxy[3]), False) for h in HANDS
    ]
    turned, _ = predict(method, mirrored, np.ascontiguousarray(IMAGE[:, ::-1]))
    np.testing.assert_allclose(turned.keypoints_2d * [-1, 1] + [399, 0], predicted.keypoints_2d, atol=1e-3)
    np.testing.assert_allclose(turned.keypoints_3d * [-1, 1, 1], predicted.keypoints_3d, atol=1e-6)


def test_the_crops_are_those_of_the_demonstration(golden):
    with np.load(golden / "hamer_crops.npz") as arrays:
        image = np.ascontiguousarray(arrays["image_bgr"][..., ::-1])
    with np.load(golden / "hawor_forward.npz") as arrays:
        for box, is_right, expected in zip(
            arrays["crop_boxes"], arrays["crop_right"], arrays["crop_pixels"], strict=True
        ):
            ours = cut(image, box_to_square(tuple(box), FACTOR), mirror=not is_right)[::5, ::5]
            # The outermost pixels are interpolated with what lies beyond the crop, which the two do differently.
            apart = np.abs(ours.astype(int) - expected)[1:-1, 1:-1]
            assert apart.max() <= 1
            assert apart.mean() < 0.05


def test_the_hand_lies_where_the_camera_of_the_picture_sees_it(method):
    """Its translation, as for HaMeR, and its own focal length project the joints to the keypoints."""
    hands = [*HANDS, Hand("c_l", (250.0, 10.0, 390.0, 120.0), False)]
    predicted, mano = predict(method, hands)
    camera = picture_camera((400, 300), method.focal_length)
    where = translations(mano, np.array([hand.is_right for hand in hands]), [camera] * 3)
    seen = camera.project(predicted.keypoints_3d + where[:, None])
    np.testing.assert_allclose(seen, predicted.keypoints_2d, atol=0.3)  # left hands: half a pixel of the mirror


def test_what_the_network_is_told_matters(method):
    near = predict(method, HANDS)[0].keypoints_2d
    long = predict(HaworMethod.create(options("random", focal_length="2000")), HANDS)[0].keypoints_2d
    assert np.abs(near - long).max() > 1
    hamers = HaworMethod.create(options("random", crop="hamer"))
    assert hamers.prepare(HANDS[0], IMAGE).square.size == 2 * 120
    assert method.prepare(HANDS[0], IMAGE).square.size == 1.2 * 120
    assert method.prepare(HANDS[0], IMAGE).beside.tolist() == [-40, -15, 144, 600]
    assert method.fingerprint["focal_length"] == 600


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        ({"focal_length": "0"}, "hawor: focal-length=0: must be above 0 px"),
        ({"focal_length": "far"}, "hawor: focal_length=far is not a number"),
        ({"focal": "500"}, "unknown setting of hawor 'focal'; did you mean focal-length"),
    ],
)
def test_settings_it_cannot_follow_are_refused(extra, words):
    with pytest.raises((InputError, UnknownNameError), match=words):
        HaworMethod.create(options("random", **extra))


def test_a_box_that_shows_next_to_nothing_of_the_picture_is_refused(method):
    with pytest.raises(InputError, match=r"shows next to nothing of a picture of 400x300 px"):
        method.prepare(Hand("a_r", (0.0, 0.0, 1e6, 1e6), True), IMAGE)


def test_the_published_file_loads_and_is_described(tmp_path, method):
    whole = write_checkpoint(tmp_path / "whole.ckpt", random_network(0), initialized=torch.tensor(True))
    expected = predict(method, HANDS)[0].keypoints_2d
    assert np.array_equal(predict(HaworMethod.create(options(str(whole))), HANDS)[0].keypoints_2d, expected)
    assert describe_weights(whole)["weights of"] == "hawor"


def test_lower_precision_moves_the_hand_little(method):
    low = HaworMethod.create(MethodOptions(weights="random", device="cpu", mano="procedural", precision="bf16"))
    assert next(low.network.network.backbone.parameters()).dtype == torch.bfloat16
    assert low.network.network.st_module.l1.weight.dtype == torch.float32
    shift = predict(low, HANDS)[0].keypoints_2d - predict(method, HANDS)[0].keypoints_2d
    assert 0 < np.abs(shift).max() < 1


@pytest.mark.parametrize(
    ("other", "network", "named"),
    [
        (HamerMethod, random_network(0), "weights of hawor, not of hamer; type: --method hawor"),
        (HaworMethod, random_hamer(0, HamerConfig.tiny()), "weights of hamer, not of hawor; type: --method hamer"),
    ],
)
def test_weights_of_the_other_network_are_named(tmp_path, other, network, named):
    with pytest.raises(InputError, match=named):
        other.create(options(str(write_checkpoint(tmp_path / "w.ckpt", network))))


def test_other_files_are_refused(tmp_path):
    torch.save({"conv.weight": torch.zeros(3)}, tmp_path / "w.pth")
    with pytest.raises(InputError, match=r"w\.pth: not HaWoR's weights, 'st_module\.l1\.weight' is absent"):
        HaworMethod.create(options(str(tmp_path / "w.pth")))


def test_the_file_is_found_where_fetch_and_the_official_repository_put_it(tmp_path, monkeypatch, hint_home):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MissingRequirementError, match=r"hint fetch hawor"):
        HaworMethod.create(options())
    official = write_checkpoint(tmp_path / "weights" / "hawor" / "checkpoints" / "hawor.ckpt", random_network(1))
    assert WEIGHTS.installed().resolve() == official
    fetched = write_checkpoint(hint_home / ASSETS["hawor"].single.keep_as, random_network(0))
    assert WEIGHTS.installed() == fetched
    assert HaworMethod.create(options()).card.training_data[0] == "HOT3D"


def test_a_place_is_mirrored_with_the_picture():
    square = box_to_square((100, 90, 220, 180), 1)
    right, left = (place_of(square, 400, 300, 600, mirror=mirror) for mirror in (False, True))
    assert (right.x, left.x) == (-40, 39)
    assert right[1:] == left[1:]
