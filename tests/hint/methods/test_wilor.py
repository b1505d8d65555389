"""WiLoR and AnyHand as methods: files, crops, sides; the network itself is compared in test_baseline_parity."""

import numpy as np
import pytest
import torch
from drawn_hands import HANDS, IMAGE, predict, write_checkpoint

from hint.errors import InputError, MissingRequirementError
from hint.fetch import ASSETS
from hint.methods.anyhand.method import AnyHandHamer, AnyHandWilor
from hint.methods.hamer.config import HamerConfig
from hint.methods.hamer.load import random_network as random_hamer
from hint.methods.hamer.method import HamerMethod
from hint.methods.wilor.card import WEIGHTS
from hint.methods.wilor.load import random_network
from hint.methods.wilor.method import WilorMethod
from hint.types import Hand, MethodOptions


def options(weights=None, **extra):
    return MethodOptions(weights=weights, device="cpu", mano="procedural", extra=extra)


@pytest.fixture(scope="module")
def method():
    return WilorMethod.create(options("random"))


def test_a_mirrored_picture_gives_the_mirrored_hand(method):
    predicted, mano = predict(method, HANDS)
    mirrored = [
        Hand(h.hand_id, (399 - h.box_xyxy[2], h.box_xyxy[1], 399 - h.box_xyxy[0], h.box_xyxy[3]), False) for h in HANDS
    ]
    turned, _ = predict(method, mirrored, np.ascontiguousarray(IMAGE[:, ::-1]))
    # Interpolation in the blurred crop is not symmetric to the last bit.
    np.testing.assert_allclose(turned.keypoints_2d * [-1, 1] + [399, 0], predicted.keypoints_2d, atol=0.5)
    np.testing.assert_allclose(turned.keypoints_3d * [-1, 1, 1], predicted.keypoints_3d, atol=2e-3)
    joints, vertices = method.pose(mano)
    np.testing.assert_allclose(joints, predicted.keypoints_3d, atol=1e-6)
    np.testing.assert_allclose(vertices, predicted.vertices, atol=1e-6)


def test_its_crop_is_that_of_the_demonstration_and_hamers_can_be_asked_for(method):
    wide = Hand("a_r", (100.0, 90.0, 220.0, 180.0), True)
    assert method.prepare(wide, IMAGE).square.size == 2 * 120 * 256 / 192
    hamers = WilorMethod.create(options("random", crop="hamer"))
    assert hamers.prepare(wide, IMAGE).square.size == 2 * 120
    assert "HaMeR's crop" in hamers.card.note


def test_the_published_file_loads_with_and_without_what_is_beside_the_network(tmp_path, method):
    network = random_network(0)
    beside = {"initialized": torch.tensor(True), "discriminator.x": torch.zeros(1)}
    whole = write_checkpoint(tmp_path / "whole.ckpt", network, **beside)
    bare = {k: v for k, v in network.state_dict().items() if not k.endswith("num_batches_tracked")}
    torch.save(bare, tmp_path / "bare.pth")
    expected = predict(method, HANDS)[0].keypoints_2d
    for path in (whole, tmp_path / "bare.pth"):
        assert np.array_equal(predict(WilorMethod.create(options(str(path))), HANDS)[0].keypoints_2d, expected)


def test_lower_precision_moves_the_hand_little(method):
    low = WilorMethod.create(MethodOptions(weights="random", device="cpu", mano="procedural", precision="bf16"))
    assert next(low.network.network.backbone.blocks.parameters()).dtype == torch.bfloat16
    assert low.network.network.backbone.decpose.weight.dtype == torch.float32
    shift = predict(low, HANDS)[0].keypoints_2d - predict(method, HANDS)[0].keypoints_2d
    assert 0 < np.abs(shift).max() < 1


@pytest.mark.parametrize(
    ("method", "network", "named"),
    [
        (HamerMethod, random_network(0), "weights of wilor, not of hamer; type: --method wilor"),
        (WilorMethod, random_hamer(0, HamerConfig.tiny()), "weights of hamer, not of wilor; type: --method hamer"),
    ],
)
def test_weights_of_the_other_network_are_named(tmp_path, method, network, named):
    path = write_checkpoint(tmp_path / "w.ckpt", network)
    with pytest.raises(InputError, match=named):
        method.create(options(str(path)))


def test_other_files_are_refused(tmp_path):
    torch.save({"conv.weight": torch.zeros(3)}, tmp_path / "w.pth")
    with pytest.raises(InputError, match=r"w\.pth: not WiLoR's weights, 'backbone\.pos_embed' is absent"):
        WilorMethod.create(options(str(tmp_path / "w.pth")))
    with pytest.raises(InputError, match="no such file"):
        WilorMethod.create(options(str(tmp_path / "absent.ckpt")))


def test_the_file_is_found_where_fetch_and_the_official_repository_put_it(tmp_path, monkeypatch, hint_home):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MissingRequirementError, match=r"hint fetch wilor"):
        WilorMethod.create(options())
    official = write_checkpoint(tmp_path / "pretrained_models" / "wilor_final.ckpt", random_network(1))
    assert WEIGHTS.installed().resolve() == official
    fetched = write_checkpoint(hint_home / ASSETS["wilor"].single.keep_as, random_network(0))
    assert WEIGHTS.installed() == fetched
    assert WilorMethod.create(options()).card.training_data[-1] == "ARCTIC"


@pytest.mark.parametrize(
    ("method", "name", "network"),
    [
        (AnyHandHamer, "anyhand-hamer", random_hamer(0, HamerConfig.tiny())),
        (AnyHandWilor, "anyhand-wilor", random_network(0)),
    ],
)
def test_anyhand_is_the_same_network_with_a_card_of_its_own(tmp_path, monkeypatch, hint_home, method, name, network):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MissingRequirementError, match=f"hint fetch {name}"):
        method.create(options())
    write_checkpoint(hint_home / ASSETS[name].single.keep_as, network)
    made = method.create(options())
    assert made.card.name == name
    assert made.card.training_data[-1] == "AnyHand (synthetic)"
    assert np.isfinite(predict(made, HANDS)[0].keypoints_2d).all()
