"""The network against reference arrays, against a golden of its own, and against its definition."""

import json
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from parity import drawn_hand
from torch import nn

from benchmark.evaluate import evaluate
from hint.errors import InputError
from hint.files import read_labels, read_predictions
from hint.images import read_image, write_image
from hint.methods.hamer.config import HamerConfig
from hint.methods.hamer.convolutional import backbone_width
from hint.methods.hamer.head import rot6d_to_matrix
from hint.methods.hamer.load import BESIDE, build
from hint.methods.hamer.method import HamerMethod
from hint.methods.hamer.network import Hamer, HamerOutput, HandDecoder, camera_translation, project
from hint.types import MethodOptions
from hint.weights import Checkpoint, matching

OUTPUTS = tuple(f.name for f in fields(HamerOutput))

#: Names of the outputs in the reference arrays, where they differ.
REFERENCE_NAMES = {"cam": "pred_cam", "cam_t": "pred_cam_t"}

GOLDEN = Path(__file__).resolve().parents[2] / "fixtures" / "hamer_tiny.npz"


def shapes_of(config):
    with torch.device("meta"):
        return {key: tuple(value.shape) for key, value in Hamer(config).state_dict().items()}


def drawn_checkpoint(config, draw_weights, means):
    """Weights by the rule; the means of pose, shape and camera are given."""
    shapes = shapes_of(config)
    state = draw_weights({k: s for k, s in shapes.items() if not k.startswith("mano_head.init_")})
    for ours, theirs in (("hand_pose", "pose"), ("betas", "shape"), ("cam", "cam")):
        state[f"mano_head.init_{ours}"] = torch.from_numpy(np.asarray(means[theirs], np.float32))[None]
    return Checkpoint(state, {}, Path("drawn.ckpt"))


@torch.inference_mode()
def answer(network, model, images):
    output = HandDecoder(model)(*network(torch.from_numpy(images)))
    return {name: getattr(output, name).numpy() for name in OUTPUTS}


@pytest.fixture(scope="module")
def tiny(draw_weights):
    means = {"pose": np.tile([1, 0, 0, 0, 1, 0], 16), "shape": np.zeros(10), "cam": [4, 0, 0]}
    return build(drawn_checkpoint(HamerConfig.tiny(), draw_weights, means))


# -- against the reference arrays


def _official_keys(golden, *parts):
    keys = json.loads((golden / "keys" / "hamer.json").read_text())
    return {key: tuple(shape) for key, (shape, _) in keys.items() if key.partition(".")[0] in parts}


def test_the_official_file_loads_with_nothing_missing_or_left(golden):
    parts = ("backbone", "mano_head", "discriminator", "mano", "initialized")
    state = {k: torch.empty(s, device="meta") for k, s in _official_keys(golden, *parts).items()}
    assert len(state) == 563
    network = build(Checkpoint(state, {}, Path("hamer.ckpt")))
    assert network.config == HamerConfig()
    assert sum(p.numel() for p in network.parameters()) + 96 + 10 + 3 == 630_912_000 + 39_497_946


@pytest.mark.full_size
def test_the_released_size_looks_at_real_photographs(shared, reference, draw_weights, tmp_path):
    """From a checkpoint file and photographs to a record; a mirrored photograph gives the mirrored hand."""
    reference.write_mano(tmp_path / "MANO_RIGHT.pkl")
    torch.save(
        {"state_dict": drawn_checkpoint(HamerConfig(), draw_weights, reference.mean_params()).state},
        tmp_path / "hamer.ckpt",
    )
    labels = read_labels(shared / "data" / "real_hands")
    seen, turned = labels.select(slice(0, None, 4)), tmp_path / "TEST_real_img"
    widths = np.array([mirror_photograph(Path(image), turned) for image in seen.image.tolist()])
    flipped = replace(
        seen,
        is_right=~seen.is_right,
        box_xyxy=np.stack(
            [
                widths - 1 - seen.box_xyxy[:, 2],
                seen.box_xyxy[:, 1],
                widths - 1 - seen.box_xyxy[:, 0],
                seen.box_xyxy[:, 3],
            ],
            1,
        ),
        image=np.array([str(turned / Path(image).with_suffix(".png").name) for image in seen.image.tolist()]),
    )
    options = MethodOptions(weights=str(tmp_path / "hamer.ckpt"), mano=str(tmp_path / "MANO_RIGHT.pkl"), device="cpu")
    method = HamerMethod.create(options)
    records = [
        evaluate(part, method, out=tmp_path, name=name).record for name, part in (("seen", seen), ("flipped", flipped))
    ]
    assert [record.coverage.complete for record in records] == [True, True]
    straight, mirrored = (read_predictions(tmp_path / name / "predictions.npz") for name in ("seen", "flipped"))
    back = mirrored.keypoints_2d * [-1, 1] + np.stack([widths - 1, 0 * widths], 1)[:, None]
    np.testing.assert_allclose(back, straight.keypoints_2d, atol=0.05)
    assert np.ptp(straight.keypoints_2d, axis=1).min() > 1, "21 different points, not one"


def mirror_photograph(image, folder):
    """Write a photograph as its mirror image; return its width."""
    pixels = read_image(image)
    write_image(folder / image.with_suffix(".png").name, np.ascontiguousarray(pixels[:, ::-1]))
    return pixels.shape[1]


# -- against a golden of its own


def test_the_tiny_network_still_gives_its_golden_answers(tiny):
    """Frozen once the network gave the reference answers; delete the file and run again to freeze anew."""
    images = np.random.default_rng(1).standard_normal((2, 3, 256, 256), dtype=np.float32)
    ours = answer(tiny, drawn_hand(0), images)
    if not GOLDEN.exists():
        np.savez_compressed(GOLDEN, **ours)
        pytest.fail(f"{GOLDEN} was absent and has been written; look at it and run again")
    with np.load(GOLDEN) as expected:
        assert sorted(expected) == sorted(OUTPUTS)
        for name in OUTPUTS:
            np.testing.assert_allclose(ours[name], expected[name], atol=5e-6, rtol=0, err_msg=name)


# -- against its definition


def noise(n=1, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).standard_normal((n, 3, 256, 256), dtype=np.float32))


def test_only_columns_32_to_224_are_looked_at(tiny):
    images = noise()
    before = tiny(images)[0]
    sides, edge = images.clone(), images.clone()
    sides[..., :32] = 0
    sides[..., 224:] = 0
    edge[..., 32] = 0
    assert torch.equal(tiny(sides)[0], before)
    assert not torch.equal(tiny(edge)[0], before)


def test_patches_are_padded_by_two(tiny):
    """The top left token sees 14 rows and columns of the picture behind two of nothing."""
    images = noise()[..., 32:224].contiguous()
    tokens = tiny.backbone.patch_embed(images)
    assert tokens.shape == (1, 16 * 12, 64)
    proj = tiny.backbone.patch_embed.proj
    corner = torch.zeros(3, 16, 16)
    corner[:, 2:, 2:] = images[0, :, :14, :14]
    torch.testing.assert_close(tokens[0, 0], (proj.weight * corner).sum((1, 2, 3)) + proj.bias, atol=1e-5, rtol=0)
    second = images[0, :, :14, 14:30]
    expected = (proj.weight[:, :, 2:] * second).sum((1, 2, 3)) + proj.bias
    torch.testing.assert_close(tokens[0, 1], expected, atol=1e-5, rtol=0)


def test_the_position_of_the_absent_class_token_is_added_to_every_token(tiny):
    seen = []
    hook = tiny.backbone.blocks[0].register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    images = noise()[..., 32:224]
    tiny.backbone(images)
    hook.remove()
    pos = tiny.backbone.pos_embed
    expected = tiny.backbone.patch_embed(images) + (pos[:, 1:] + pos[:, :1])
    torch.testing.assert_close(seen[0], expected, atol=1e-6, rtol=0)
    assert pos[:, :1].abs().max() > 0.01


def test_a_block_is_the_textbook_block(tiny):
    block, x = tiny.backbone.blocks[0], torch.randn(2, 5, 64, generator=torch.Generator().manual_seed(0))

    def norm(layer, y):
        variance = y.var(-1, unbiased=False, keepdim=True)
        return (y - y.mean(-1, keepdim=True)) / (variance + 1e-6).sqrt() * layer.weight + layer.bias

    q, k, v = block.attn.qkv(norm(block.norm1, x)).reshape(2, 5, 3, 4, 16).unbind(2)
    weight = (torch.einsum("nqhc,nkhc->nhqk", q, k) / 4).softmax(-1)
    y = x + block.attn.proj(torch.einsum("nhqk,nkhc->nqhc", weight, v).reshape(2, 5, 64))
    hidden = block.mlp.fc1(norm(block.norm2, y))
    gelu = hidden * 0.5 * (1 + torch.erf(hidden / 2**0.5))
    torch.testing.assert_close(block(x), y + block.mlp.fc2(gelu), atol=1e-5, rtol=0)


def test_norms_have_the_epsilon_they_were_trained_with(tiny):
    eps = {name: m.eps for name, m in tiny.named_modules() if isinstance(m, nn.LayerNorm)}
    assert {e for name, e in eps.items() if name.startswith("backbone")} == {1e-6}
    assert {e for name, e in eps.items() if name.startswith("mano_head")} == {1e-5}


def test_rotations_keep_their_columns():
    numbers = torch.randn(7, 96, generator=torch.Generator().manual_seed(0))
    matrices = rot6d_to_matrix(numbers)
    torch.testing.assert_close(matrices @ matrices.mT, torch.eye(3).expand(7, 16, 3, 3), atol=1e-5, rtol=0)
    torch.testing.assert_close(torch.linalg.det(matrices), torch.ones(7, 16), atol=1e-5, rtol=0)
    first = numbers[:, :3] / numbers[:, :3].norm(dim=1, keepdim=True)
    torch.testing.assert_close(matrices[:, 0, :, 0], first)
    assert ((matrices[:, 0, :, 1] * numbers[:, 3:6]).sum(1) > 0).all()


def test_rotations_are_the_reference_ones(golden):
    with np.load(golden / "hamer_crops.npz") as arrays:
        ours = rot6d_to_matrix(torch.from_numpy(arrays["rot6d_in"]).float())[:, 0]
        np.testing.assert_allclose(ours, arrays["rot6d_out"], atol=1e-6)


def test_the_camera_shows_a_metre_as_half_its_scale():
    translation = camera_translation(torch.tensor([[4.0, 0.1, -0.2]]))
    points = torch.tensor([[[0.0, 0, 0], [0.05, 0, 0]]]) + translation[:, None]
    torch.testing.assert_close(project(points), torch.tensor([[[0.2, -0.4], [0.3, -0.4]]]), atol=1e-6, rtol=0)


# -- sizes


@pytest.mark.parametrize(
    "config", [HamerConfig(), HamerConfig.tiny(), HamerConfig(width=768, depth=12, heads=12, mlp_width=3072)]
)
def test_sizes_are_read_off_the_weights(config):
    assert HamerConfig.from_weights(shapes_of(config), {}, Path("w")) == config


def test_heads_come_from_the_metadata_where_shapes_do_not_tell():
    odd = HamerConfig(96, 1, 3, 100, 40, 1, 5, 8, 24)
    assert HamerConfig.from_weights(shapes_of(odd), odd.metadata(), Path("w")) == odd
    with pytest.raises(InputError, match="how many heads"):
        HamerConfig.from_weights(shapes_of(odd), {}, Path("w"))


# -- other backbones


@pytest.mark.parametrize(("name", "size", "cells"), [("mobilenetv3_small_100", 128, 12), ("resnet18", 192, 30)])
def test_a_convolutional_backbone_gives_one_token_per_cell(name, size, cells):
    config = HamerConfig(backbone_width(name), 0, 0, 0, 48, 1, 2, 16, 40, size, name)
    network = Hamer(config).eval()
    images = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(0))
    tokens = network.backbone(images[..., size // 8 : size * 7 // 8])
    assert tokens.shape == (2, cells, config.width)
    sides = images.clone()
    sides[..., : size // 8] = sides[..., size * 7 // 8 :] = 0
    assert torch.equal(network(images)[0], network(sides)[0])
    checkpoint = Checkpoint(network.state_dict(), config.metadata(), Path("w"))
    again = build(checkpoint)
    assert again.config == config
    assert torch.equal(again(images)[0], network(images)[0])


def test_the_vit_takes_other_crops():
    config = replace(HamerConfig.tiny(), crop_size=128)
    network = Hamer(config)
    assert network.backbone.pos_embed.shape == (1, 1 + 8 * 6, 64)
    assert network(torch.zeros(1, 3, 128, 128))[0].shape == (1, 16, 3, 3)
    assert HamerConfig.from_weights(shapes_of(config), config.metadata(), Path("w")) == config


def test_a_smaller_crop_is_a_smaller_picture_of_the_same_camera():
    numbers = torch.eye(3).expand(1, 16, 3, 3), torch.zeros(1, 10), torch.tensor([[4.0, 0.1, -0.2]])
    large, small = (HandDecoder(drawn_hand(0), size)(*numbers) for size in (256, 128))
    assert torch.equal(large.keypoints_2d, small.keypoints_2d)
    assert torch.equal(large.focal_length, 2 * small.focal_length)
    # In px of the small crop, too, the camera's focal length and translation give the projection.
    points = small.keypoints_3d + small.cam_t[:, None]
    px = small.focal_length[:, None] * points[..., :2] / points[..., 2:]
    torch.testing.assert_close(px / 128, small.keypoints_2d)


@pytest.mark.parametrize(
    ("name", "message"), [("resnet5", "did you mean resnet"), ("vit_tiny_patch16_224", "resnet50")]
)
def test_networks_without_feature_maps_are_refused(name, message):
    with pytest.raises(InputError, match=message):
        backbone_width(name)


def test_weights_of_something_else_are_refused():
    with pytest.raises(InputError, match=r"w: not HaMeR's weights, '\S+' is absent"):
        HamerConfig.from_weights({"conv.weight": (3, 3)}, {}, Path("w"))


def test_beside_the_network_nothing_else_is_accepted(tiny):
    state = dict(tiny.state_dict()) | {"discriminator.x": torch.ones(1), "stranger": torch.ones(1)}
    expected = {key: value.shape for key, value in tiny.state_dict().items()}
    with pytest.raises(InputError, match=r"unknown: stranger\)"):
        matching(Checkpoint(state, {}, Path("w")), expected, BESIDE)
