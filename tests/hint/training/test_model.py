"""First weights: where they come from, and the layout checkpoints have."""

import json
from dataclasses import replace

import numpy as np
import pytest
import safetensors.torch
import timm
import torch

from hint.errors import InputError, MissingRequirementError
from hint.mano.procedural import procedural_hand
from hint.methods.hamer.config import HamerConfig
from hint.methods.hamer.convolutional import backbone_width
from hint.training.initial import read_backbone, read_mean_parameters, read_network
from hint.training.learner import Learner, make_accelerator
from hint.training.mocap import drawn_mocap
from hint.training.model import TrainingModel
from hint.training.preset import load_preset
from hint.training.timing import drawn_batch


def made(seed=0, **changes):
    torch.manual_seed(seed)
    return TrainingModel(replace(HamerConfig.tiny(), **changes), 0.5)


def test_a_checkpoint_has_the_released_keys(golden):
    keys = json.loads((golden / "keys" / "hamer.json").read_text())
    with torch.device("meta"):
        ours = TrainingModel(HamerConfig(), 0.55).official_state()
    assert {key for key in keys if not key.startswith("mano.")} == ours.keys()


def test_a_backbone_starts_from_its_own_weights(tmp_path):
    source, target = made(1), made(2)
    state = source.network.backbone.state_dict()
    torch.save({"state_dict": state | {"keypoint_head.x": torch.ones(1)}}, tmp_path / "vitpose.pth")
    read_backbone(target.network, tmp_path / "vitpose.pth")
    assert all(torch.equal(value, state[key]) for key, value in target.network.backbone.state_dict().items())
    with pytest.raises(InputError, match="weights of another network"):
        read_backbone(made(width=32).network, tmp_path / "vitpose.pth")


def test_a_convolutional_backbone_starts_from_a_classifier(tmp_path):
    """As timm and torchvision publish them: with the last layer, with or without counters of batch norms."""
    torch.manual_seed(1)
    classifier = timm.create_model("resnet18", pretrained=False).state_dict()
    target = TrainingModel(HamerConfig(backbone_width("resnet18"), 0, 0, 0, 48, 1, 2, 16, 40, 64, "resnet18")).network
    place = target.backbone.pos_embed.clone()
    bare = {key: value for key, value in classifier.items() if "num_batches_tracked" not in key}
    safetensors.torch.save_file(classifier, tmp_path / "model.safetensors")
    torch.save(bare, tmp_path / "resnet18.pth")
    for name in ("model.safetensors", "resnet18.pth"):
        torch.nn.init.zeros_(target.backbone.features.conv1.weight)
        read_backbone(target, tmp_path / name)
        assert torch.equal(target.backbone.features.conv1.weight, classifier["conv1.weight"])
        assert torch.equal(target.backbone.features.layer4[1].bn2.running_var, classifier["layer4.1.bn2.running_var"])
    assert torch.equal(target.backbone.pos_embed, place), "the classifier has none"
    torch.save(bare | {"stranger": torch.ones(1)}, tmp_path / "odd.pth")
    with pytest.raises(InputError, match="unknown: stranger"):
        read_backbone(target, tmp_path / "odd.pth")
    with pytest.raises(InputError, match=r"the backbone is resnet18; timm names its weights resnet18\.TAG"):
        read_backbone(target, "timm:resnet50.a1_in1k")
    with pytest.raises(InputError, match=r"no weights resnet18\.none; of resnet18 it has .*resnet18\.tv_in1k"):
        read_backbone(target, "timm:resnet18.none")


def test_weights_that_cannot_be_downloaded_say_what_to_type(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setenv("HF_HOME", "/nowhere")
    target = TrainingModel(HamerConfig(512, 0, 0, 0, 48, 1, 2, 16, 40, 64, "resnet18")).network
    with pytest.raises(MissingRequirementError, match=r"could not be downloaded \(.*--backbone-weights FILE"):
        read_backbone(target, "timm:resnet18.tv_in1k")


def test_a_whole_network_starts_from_a_released_file(tmp_path):
    source, target = made(1), made(2)
    torch.save({"state_dict": source.official_state() | {"mano.x": torch.ones(1)}}, tmp_path / "hamer.ckpt")
    read_network(target, tmp_path / "hamer.ckpt")
    assert all(torch.equal(value, source.official_state()[key]) for key, value in target.official_state().items())


def test_means_are_read(tmp_path):
    pose = np.arange(96.0)
    np.savez(tmp_path / "means.npz", pose=pose, shape=np.ones(10), cam=[4, 0, 0])
    network = made().network
    read_mean_parameters(network, tmp_path / "means.npz")
    assert network.mano_head.init_hand_pose[0].tolist() == pose.tolist()
    assert network.mano_head.init_cam.tolist() == [[4, 0, 0]]
    np.savez(tmp_path / "short.npz", pose=pose[:48], shape=np.ones(10), cam=[4, 0, 0])
    with pytest.raises(InputError, match="pose has 48 numbers, not 96"):
        read_mean_parameters(network, tmp_path / "short.npz")


def test_paths_are_dropped_more_and_more_and_only_in_training():
    network = made().network
    assert [block.drop_path1.drop_prob for block in network.backbone.blocks] == [0, 0.5]
    images = torch.randn(64, 3, 256, 256, generator=torch.Generator().manual_seed(0))
    network.eval()
    assert torch.equal(network(images[:2])[1], network(images[:2])[1])
    network.train()
    assert not torch.equal(network(images[:2])[1], network(images[:2])[1])


def test_the_generator_leaves_the_discriminator_alone():
    """Its gradients come from its own loss, twice as many real hands as predictions, and from nothing else."""
    changes = [("batch_size", 4), ("sum_over", 4), ("crop_size", 64), ("losses.adversarial", 0.0005)]
    preset = load_preset("hamer-tiny", changes)
    learner = Learner(
        preset, TrainingModel(preset.config), procedural_hand(), make_accelerator(preset, torch.device("cpu"))
    )
    batch, real = drawn_batch(4, 64), drawn_mocap().batch(0, 8)
    losses = learner.compute(0, batch, real)
    judge, output = learner.plain_discriminator, learner.output
    fake = judge(output.hand_pose.detach(), output.betas.detach())
    loss = 0.0005 * ((fake**2).sum() / 4 + ((judge(*real) - 1) ** 2).sum() / 4)
    expected = torch.autograd.grad(loss, list(judge.parameters()))
    for parameter, gradient in zip(judge.parameters(), expected, strict=True):
        torch.testing.assert_close(parameter.grad, gradient)
    assert losses["adversarial"].item() == pytest.approx(((fake - 1) ** 2).sum().item() / 4, rel=1e-5)
    assert all(p.grad is not None and p.grad.isfinite().all() for p in learner.network.parameters())


def test_without_an_adversary_the_discriminator_does_not_move():
    changes = [("batch_size", 4), ("sum_over", 4), ("crop_size", 64), ("losses.adversarial", 0)]
    preset = load_preset("hamer-tiny", changes)
    learner = Learner(
        preset, TrainingModel(preset.config), procedural_hand(), make_accelerator(preset, torch.device("cpu"))
    )
    before = {key: value.clone() for key, value in learner.plain_discriminator.state_dict().items()}
    losses = learner.compute(0, drawn_batch(4, 64), drawn_mocap().batch(0, 8))
    learner.apply(0)
    assert "adversarial" not in losses
    assert all(torch.equal(value, before[key]) for key, value in learner.plain_discriminator.state_dict().items())


def test_bf16_is_close_to_fp32():
    losses = {}
    for precision in ("fp32", "bf16"):
        changes = [("batch_size", 4), ("sum_over", 4), ("crop_size", 64), ("precision", precision)]
        preset = load_preset("hamer-tiny", changes)
        torch.manual_seed(0)
        model, accelerator = TrainingModel(preset.config), make_accelerator(preset, torch.device("cpu"))
        learner = Learner(preset, model, procedural_hand(), accelerator)
        losses[precision] = learner.compute(0, drawn_batch(4, 64), drawn_mocap().batch(0, 8))["total"].item()
    assert losses["bf16"] != losses["fp32"]
    assert losses["bf16"] == pytest.approx(losses["fp32"], rel=0.05)


def stepped(scaler):
    """Take a step with losses scaled by a scaler of PyTorch's, as fp16 needs them; return weights and starts."""
    changes = [("batch_size", 4), ("sum_over", 4), ("crop_size", 64), ("losses.adversarial", 0.0005)]
    preset = load_preset("hamer-tiny", [*changes, ("optimiser.clip", 0), ("precision", "fp32")])
    torch.manual_seed(0)
    model, accelerator = TrainingModel(preset.config), make_accelerator(preset, torch.device("cpu"))
    before = {key: value.clone() for key, value in model.official_state().items()}
    learner = Learner(preset, model, procedural_hand(), accelerator)
    accelerator.scaler = scaler
    learner.compute(0, drawn_batch(4, 64), drawn_mocap().batch(0, 8))
    learner.apply(0)
    return learner.official_state(), before


def test_scaled_losses_change_weights_as_plain_ones_do():
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0, growth_interval=1)
    (plain, _), (scaled, before) = stepped(None), stepped(scaler)
    moved = [key for key in plain if not torch.equal(plain[key], before[key])]
    assert any(key.startswith("discriminator.") for key in moved)
    for key in moved:
        torch.testing.assert_close(scaled[key], plain[key], rtol=1e-3, atol=1e-5, msg=key)
    assert scaler.get_scale() == 2048, "the scale grows once a step, not once an optimiser"


def test_gradients_beyond_all_numbers_are_left_out():
    scaler = torch.amp.GradScaler("cpu", init_scale=1e38)
    after, before = stepped(scaler)
    parameters = [key for key in after if key.endswith(("weight", "bias")) and ".bn" not in key]
    assert all(torch.equal(after[key], before[key]) for key in parameters if key.startswith("mano_head."))
    assert scaler.get_scale() < 1e38
