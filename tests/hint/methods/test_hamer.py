"""HaMeR as a method: from files on disk to predictions."""

import numpy as np
import pytest
import torch

from hint.crop import box_to_square, crop
from hint.errors import InputError, MissingRequirementError, UnknownNameError
from hint.file_hash import file_sha256
from hint.mano.procedural import procedural_hand
from hint.mano.read import write_mano_npz
from hint.methods.device import float32_math
from hint.methods.hamer.card import missing
from hint.methods.hamer.config import HamerConfig
from hint.methods.hamer.load import random_network
from hint.methods.hamer.method import HamerMethod
from hint.types import Hand, Method, MethodOptions
from hint.weights import convert, save

BOX = (100.0, 90.0, 220.0, 180.0)
TINY = MethodOptions(weights="tiny-random", device="cpu")


@pytest.fixture
def image():
    coarse = np.random.default_rng(0).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    return coarse.repeat(25, 0).repeat(25, 1)


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    """A working folder without weights or MANO."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def predict(method, hands, image):
    return method.infer(hands, [method.prepare(hand, image) for hand in hands])


def embedded_mano():
    hand = procedural_hand()
    arrays = {
        "v_template": hand.v_template,
        "shapedirs": hand.shapedirs,
        "posedirs": hand.posedirs.reshape(-1, 135).T,
        "J_regressor": hand.j_regressor,
        "lbs_weights": hand.lbs_weights,
    }
    floats = {f"mano.{k}": torch.tensor(np.ascontiguousarray(v), dtype=torch.float32) for k, v in arrays.items()}
    return floats | {"mano.faces_tensor": torch.tensor(hand.faces), "mano.parents": torch.tensor(hand.parents)}


def released_file(path, with_mano=True):
    """Write a file built like the released one, at tiny size."""
    extra = {"initialized": torch.tensor(True), "discriminator.betas_out.bias": torch.zeros(1)}
    state = random_network(0, HamerConfig.tiny()).state_dict() | extra | (embedded_mano() if with_mano else {})
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"state_dict": state, "epoch": 1}, path)
    return path


def test_it_is_a_method_and_says_that_its_weights_are_random():
    method = HamerMethod.create(TINY)
    assert isinstance(method, Method)
    assert method.card.note == "random weights"
    assert method.card.parameters < 1_000_000
    assert not method.card.training_data


def test_the_answer_is_roughly_a_hand_in_the_box(image):
    hands = [Hand("r", BOX, True), Hand("l", BOX, False)]
    predictions = predict(HamerMethod.create(TINY), hands, image)
    assert predictions.hand_id.tolist() == ["r", "l"]
    x1, y1, x2, y2 = BOX
    for points in predictions.keypoints_2d:
        assert (points.mean(0) > (x1, y1)).all()
        assert (points.mean(0) < (x2, y2)).all()
        assert 0.4 < np.ptp(points, axis=0).max() / (x2 - x1) < 1.6
    assert predictions.vertices.shape == (2, 778, 3)
    assert np.isfinite(predictions.keypoints_3d).all()


def test_the_same_seed_gives_the_same_answer(image):
    hands = [Hand("r", BOX, True)]
    one, two = (predict(HamerMethod.create(TINY), hands, image) for _ in range(2))
    other = predict(HamerMethod.create(MethodOptions(weights="tiny-random", device="cpu", seed=1)), hands, image)
    assert (one.keypoints_2d == two.keypoints_2d).all()
    assert not np.allclose(one.keypoints_2d, other.keypoints_2d)


def test_the_picture_matters(image):
    hands = [Hand("r", BOX, True)]
    method = HamerMethod.create(TINY)
    assert (
        np.abs(predict(method, hands, image).keypoints_3d - predict(method, hands, 255 - image).keypoints_3d).max()
        > 1e-4
    )


def test_a_left_hand_is_a_right_hand_in_a_mirror(image):
    """Flip the picture, the box and the side: the answer must be the same hand, flipped."""
    width = image.shape[1]
    x1, y1, x2, y2 = BOX
    mirrored = Hand("m", (width - 1 - x2, y1, width - 1 - x1, y2), False)
    method = HamerMethod.create(TINY)
    right = predict(method, [Hand("r", BOX, True)], image)
    left = predict(method, [mirrored], np.ascontiguousarray(image[:, ::-1]))
    np.testing.assert_allclose(left.keypoints_2d[..., 0], width - 1 - right.keypoints_2d[..., 0], atol=1e-3)
    np.testing.assert_allclose(left.keypoints_2d[..., 1], right.keypoints_2d[..., 1], atol=1e-3)
    np.testing.assert_allclose(left.keypoints_3d, right.keypoints_3d * (-1, 1, 1), atol=1e-6)
    np.testing.assert_allclose(left.vertices, right.vertices * (-1, 1, 1), atol=1e-6)


def test_hands_of_a_batch_do_not_mix(image):
    hands = [Hand("a", BOX, True), Hand("b", (10, 10, 90, 70), False), Hand("c", (200, 150, 390, 290), True)]
    method = HamerMethod.create(TINY)
    together = predict(method, hands, image)
    for k, hand in enumerate(hands):
        alone = predict(method, [hand], image)
        np.testing.assert_allclose(together.keypoints_2d[k], alone.keypoints_2d[0], atol=1e-2)


def test_one_hand_keeps_its_axis(image):
    assert predict(HamerMethod.create(TINY), [Hand("a", BOX, True)], image).keypoints_3d.shape == (1, 21, 3)


def test_prepare_cuts_twice_the_longest_side(image):
    hand = Hand("a", BOX, False)
    cut = HamerMethod.create(TINY).prepare(hand, image)
    assert cut.pixels.dtype == np.uint8
    assert (cut.pixels == crop(image, box_to_square(BOX, 2), mirror=True)).all()


def test_the_demonstration_crop_is_another_and_in_the_fingerprint(image):
    hand = Hand("a", BOX, True)
    demo = HamerMethod.create(MethodOptions(weights="tiny-random", device="cpu", extra={"crop": "demo"}))
    plain = HamerMethod.create(TINY)
    assert not np.array_equal(demo.prepare(hand, image).pixels, plain.prepare(hand, image).pixels)
    assert demo.fingerprint["crop"] == "demo"
    assert demo.fingerprint != plain.fingerprint
    assert not np.allclose(predict(demo, [hand], image).keypoints_2d, predict(plain, [hand], image).keypoints_2d)


@pytest.mark.parametrize("precision", ["bf16", "bf16-autocast"])
def test_fewer_bits_move_keypoints_little(image, precision):
    hands = [Hand("a", BOX, True), Hand("b", BOX, False)]
    full = predict(HamerMethod.create(TINY), hands, image).keypoints_2d
    method = HamerMethod.create(MethodOptions(weights="tiny-random", device="cpu", precision=precision))
    fewer = predict(method, hands, image).keypoints_2d
    assert 0 < np.abs(fewer - full).max() < 3
    assert method.fingerprint["precision"] == precision


def float32_settings():
    return torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32


def test_the_precision_of_the_rest_of_the_program_is_left_alone():
    before = float32_settings()
    with float32_math("tf32"):
        assert float32_settings() == ("high", True)
        with float32_math("fp32"):
            assert float32_settings() == ("highest", False)
        assert float32_settings() == ("high", True)
    assert float32_settings() == before


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"precision": "int4"}, UnknownNameError, "unknown precision 'int4'"),
        ({"precision": "fp16"}, InputError, "fp16 needs a GPU.*fp32, bf16, bf16-autocast"),
        ({"device": "tpu"}, UnknownNameError, "unknown device 'tpu'"),
        ({"extra": {"crop": "nativ"}}, UnknownNameError, "did you mean native"),
        ({"extra": {"factor": "2"}}, UnknownNameError, "unknown setting of hamer 'factor'"),
        ({"mano": "nowhere.pkl"}, InputError, "no such file"),
        ({"weights": "nowhere.ckpt"}, InputError, "No such file"),
    ],
)
def test_settings_that_do_not_exist(options, error, message):
    with pytest.raises(error, match=message):
        HamerMethod.create(MethodOptions(**({"weights": "tiny-random", "device": "cpu"} | options)))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there():
    with pytest.raises(MissingRequirementError, match="no CUDA device"):
        HamerMethod.create(MethodOptions(weights="tiny-random", device="cuda"))


def test_a_hand_without_picture_is_refused():
    with pytest.raises(InputError, match="abc: HaMeR needs a picture"):
        HamerMethod.create(TINY).prepare(Hand("abc", BOX, True), None)


# -- files


def test_without_weights_it_says_what_to_type(nowhere):
    with pytest.raises(MissingRequirementError, match="hint fetch hamer"):
        HamerMethod.create(MethodOptions())
    assert "hint fetch hamer" in missing(MethodOptions())


@pytest.mark.parametrize("place", ["home", "_DATA/hamer_ckpts/checkpoints/hamer.ckpt"])
def test_released_weights_are_found_and_bring_their_hand(nowhere, hint_home, image, place):
    released_file(hint_home / "weights/hamer.ckpt" if place == "home" else nowhere / place)
    assert missing(MethodOptions()) == ""
    method = HamerMethod.create(MethodOptions(device="cpu"))
    assert len(method.fingerprint["weights_sha256"]) == 64
    hands = [Hand("a", BOX, True)]
    expected = predict(HamerMethod.create(TINY), hands, image)
    np.testing.assert_allclose(predict(method, hands, image).keypoints_2d, expected.keypoints_2d, atol=1e-2)


def test_without_any_hand_it_says_where_to_register(nowhere):
    path = released_file(nowhere / "hamer.ckpt", with_mano=False)
    with pytest.raises(MissingRequirementError, match=r"https://mano\.is\.tue\.mpg\.de"):
        HamerMethod.create(MethodOptions(weights=str(path), device="cpu"))
    assert HamerMethod.create(MethodOptions(weights=str(path), device="cpu", mano="procedural"))


def test_an_installed_hand_comes_before_the_embedded_one(nowhere, hint_home):
    weights = released_file(nowhere / "hamer.ckpt")
    options = MethodOptions(weights=str(weights), device="cpu")
    embedded = HamerMethod.create(options).fingerprint["mano_sha256"]
    (hint_home / "mano").mkdir()
    write_mano_npz(procedural_hand(), hint_home / "mano" / "MANO_RIGHT.pkl")
    installed = HamerMethod.create(options).fingerprint["mano_sha256"]
    asked = HamerMethod.create(MethodOptions(weights=str(weights), device="cpu", mano="procedural"))
    assert installed != embedded
    assert installed == asked.fingerprint["mano_sha256"]


def test_other_weights_do_not_claim_the_released_training_data(nowhere):
    """Whatever the file is called."""
    path = released_file(nowhere / "hamer.ckpt")
    card = HamerMethod.create(MethodOptions(weights=str(path), device="cpu")).card
    assert card.note == "weights hamer.ckpt"
    assert card.training_data == ()


def test_released_weights_are_known_by_their_digest_and_stay_so_when_converted(nowhere, monkeypatch):
    path = released_file(nowhere / "mine.ckpt")
    monkeypatch.setattr("hint.methods.hamer.load.RELEASED_SHA256", file_sha256(path))
    convert(path, nowhere / "mine.safetensors")
    for name in ("mine.ckpt", "mine.safetensors"):
        card = HamerMethod.create(MethodOptions(weights=str(nowhere / name), device="cpu")).card
        assert card.note == ""
        assert "FreiHAND" in card.training_data


def test_converted_and_reduced_files_give_the_same(nowhere, image):
    path = released_file(nowhere / "hamer.ckpt")
    convert(path, nowhere / "hamer.safetensors")
    network = random_network(0, HamerConfig.tiny())
    bare = {k: v.to(torch.float64) for k, v in network.state_dict().items()}
    save(bare | embedded_mano(), nowhere / "bare.safetensors", network.config.metadata())
    hands = [Hand("a", BOX, True)]
    answers = [
        predict(HamerMethod.create(MethodOptions(weights=str(nowhere / name), device="cpu")), hands, image)
        for name in ("hamer.ckpt", "hamer.safetensors", "bare.safetensors")
    ]
    # Where weights lie in memory decides in which order they are summed, so bits may differ.
    np.testing.assert_allclose(answers[1].keypoints_2d, answers[0].keypoints_2d, atol=1e-3)
    np.testing.assert_allclose(answers[2].keypoints_2d, answers[0].keypoints_2d, atol=1e-3)


def test_weights_with_holes_are_listed(nowhere):
    state = {k: v for k, v in random_network(0, HamerConfig.tiny()).state_dict().items() if "decpose" not in k}
    torch.save(state, nowhere / "w.ckpt")
    with pytest.raises(InputError, match=r"missing: mano_head\.decpose\.weight, mano_head\.decpose\.bias\)"):
        HamerMethod.create(MethodOptions(weights=str(nowhere / "w.ckpt"), device="cpu"))
