"""The losses against loops, and their gradients against finite differences."""

import numpy as np
import pytest
import torch

from hint.training.losses import (
    LossWeights,
    discriminator_loss,
    generator_loss,
    keypoints_2d_loss,
    keypoints_3d_loss,
    parameter_loss,
    weighted,
)


def drawn(*shape, seed=0):
    return np.random.default_rng([seed, *shape]).normal(size=shape)


def torched(*arrays):
    return [torch.from_numpy(a) for a in arrays]


def test_2d_is_the_confidence_weighted_sum_of_absolute_differences():
    predicted, target = drawn(3, 21, 2), drawn(3, 21, 3)
    target[..., 2] = [[0, 1, 0.3] * 7] * 3
    expected = 0.0
    for n in range(3):
        for j in range(21):
            for k in range(2):
                expected += target[n, j, 2] * abs(predicted[n, j, k] - target[n, j, k])
    assert keypoints_2d_loss(*torched(predicted, target)).item() == pytest.approx(expected, rel=1e-12)


def test_3d_compares_hands_whose_wrists_are_in_one_place():
    predicted, target = drawn(2, 21, 3), drawn(2, 21, 4)
    target[..., 3] = np.abs(target[..., 3])
    expected = 0.0
    for n in range(2):
        for j in range(21):
            for k in range(3):
                ours = predicted[n, j, k] - predicted[n, 0, k]
                theirs = target[n, j, k] - target[n, 0, k]
                expected += target[n, j, 3] * abs(ours - theirs)
    loss = keypoints_3d_loss(*torched(predicted, target))
    assert loss.item() == pytest.approx(expected, rel=1e-12)
    moved = torch.from_numpy(predicted) + torch.tensor([1.0, -2, 3])
    assert keypoints_3d_loss(moved, torch.from_numpy(target)).item() == pytest.approx(loss.item())


def test_parameters_count_only_where_they_are_supervised():
    predicted, target, known = drawn(3, 15, 3, 3), drawn(3, 15, 3, 3, seed=1), np.array([True, False, True])
    expected = 0.0
    for n in range(3):
        for value, truth in zip(predicted[n].ravel(), target[n].ravel(), strict=True):
            expected += known[n] * (value - truth) ** 2
    assert parameter_loss(*torched(predicted, target, known)).item() == pytest.approx(expected, rel=1e-12)


def test_the_adversaries_pull_in_opposite_directions():
    fake, real = drawn(2, 17), drawn(4, 17)
    generator = sum((v - 1) ** 2 for v in fake.ravel())
    discriminator = sum(v**2 for v in fake.ravel()) + sum((v - 1) ** 2 for v in real.ravel())
    assert generator_loss(torch.from_numpy(fake)).item() == pytest.approx(generator)
    assert discriminator_loss(*torched(fake, real)).item() == pytest.approx(discriminator)


def test_gradients_are_those_of_the_functions():
    def leaf(*shape, seed=0):
        return torch.from_numpy(drawn(*shape, seed=seed)).requires_grad_()

    target_2d, target_3d = torch.from_numpy(drawn(2, 21, 3, seed=1)), torch.from_numpy(drawn(2, 21, 4, seed=1))
    known, other = torch.tensor([True, False]), torch.from_numpy(drawn(2, 10, seed=1))
    assert torch.autograd.gradcheck(lambda p: keypoints_2d_loss(p, target_2d), leaf(2, 21, 2))
    assert torch.autograd.gradcheck(lambda p: keypoints_3d_loss(p, target_3d), leaf(2, 21, 3))
    assert torch.autograd.gradcheck(lambda p: parameter_loss(p, other, known), leaf(2, 10))
    assert torch.autograd.gradcheck(generator_loss, leaf(2, 17))
    assert torch.autograd.gradcheck(discriminator_loss, (leaf(2, 17), leaf(4, 17)))


def test_the_weights_are_the_released_ones():
    assert LossWeights().model_dump() == {
        "keypoints_3d": 0.05,
        "keypoints_2d": 0.01,
        "global_orient": 0.001,
        "hand_pose": 0.001,
        "betas": 0.0005,
        "adversarial": 0.0005,
    }


def test_parts_of_a_batch_add_up_to_the_released_objective():
    """Eight GPUs of 4 hands, gradients averaged over them: sums over 4, the adversarial loss divided by 4."""
    hands = torch.from_numpy(drawn(32, 2)).abs()
    released = torch.stack(
        [0.05 * gpu[:, 0].sum() + 0.0005 * gpu[:, 1].sum() / len(gpu) for gpu in hands.split(4)]
    ).mean()
    for parts in (hands.split(32), hands.split(8), hands.split(5)):
        losses = [{"keypoints_3d": p[:, 0].sum() / 32, "adversarial": p[:, 1].sum() / 32} for p in parts]
        total = sum(weighted(one, LossWeights(), 4) for one in losses)
        torch.testing.assert_close(total, released)
