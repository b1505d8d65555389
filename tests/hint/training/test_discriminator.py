"""The discriminator: its keys, its first weights, and its scores worked out by hand."""

import json

import numpy as np
import torch
from torch.nn.init import calculate_gain

from hint.training.discriminator import Discriminator


def made(seed=0):
    torch.manual_seed(seed)
    return Discriminator()


def test_the_keys_are_the_official_ones(golden):
    keys = json.loads((golden / "keys" / "hamer.json").read_text())
    official = {k: tuple(s) for k, (s, _) in keys.items() if k.startswith("discriminator.")}
    ours = {f"discriminator.{k}": tuple(v.shape) for k, v in made().state_dict().items()}
    assert ours == official
    assert len(ours) > 40


def test_it_begins_with_uniform_weights_and_no_biases():
    for name, value in made().named_parameters():
        if name.endswith("bias"):
            assert not value.any()
        else:
            bound = calculate_gain("linear") * (6 / (value.shape[0] + value.shape[1])) ** 0.5
            assert value.abs().max() <= bound
            assert value.abs().max() > 0.5 * bound


def test_scores_are_those_of_loops_over_joints():
    network = made()
    with torch.no_grad():
        for value in network.parameters():  # biases, too, shall matter
            value.add_(0.05 * torch.randn(value.shape))
    w = {k: v.numpy().astype(np.float64) for k, v in network.state_dict().items()}
    rng = np.random.default_rng(0)
    poses, betas = rng.normal(size=(2, 15, 3, 3)), rng.normal(size=(2, 10))

    def layer(name, x):
        return w[f"{name}.weight"].reshape(len(w[f"{name}.bias"]), -1) @ x + w[f"{name}.bias"]

    def relu(x):
        return np.maximum(x, 0)

    expected = np.empty((2, 17))
    for n in range(2):
        features = [relu(layer("D_conv2", relu(layer("D_conv1", poses[n, j].reshape(9))))) for j in range(15)]
        expected[n, :15] = [layer(f"pose_out.{j}", features[j])[0] for j in range(15)]
        shape = relu(layer("betas_fc2", relu(layer("betas_fc1", betas[n]))))
        expected[n, 15] = layer("betas_out", shape)[0]
        # All joints side by side, channel by channel: 32 channels of 15 joints.
        together = relu(layer("D_alljoints_fc1", np.stack(features, 1).reshape(-1)))
        expected[n, 16] = layer("D_alljoints_out", relu(layer("D_alljoints_fc2", together)))[0]
    ours = network.double()(torch.from_numpy(poses), torch.from_numpy(betas))
    np.testing.assert_allclose(ours.detach().numpy(), expected, rtol=1e-10)
