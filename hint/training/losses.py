"""The losses of HaMeR, summed over the hands of a batch.

Source: Pavlakos et al. 2024 (HaMeR), section 3.4; weights and reductions of the released training code.
"""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from hint.methods.hamer.network import HamerOutput
from hint.training.batch import Batch

_Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class LossWeights(BaseModel):
    """Factors of the losses, by default the released ones."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    keypoints_3d: _Weight = 0.05
    keypoints_2d: _Weight = 0.01
    global_orient: _Weight = 0.001
    hand_pose: _Weight = 0.001
    betas: _Weight = 0.0005
    adversarial: _Weight = 0.0005


def keypoints_2d_loss(predicted: Tensor, target: Tensor) -> Tensor:
    """Sum |difference| times confidence.

    Args:
        predicted: (N,21,2) crop units.
        target: (N,21,3) crop units and confidence.
    """
    return (target[..., 2:] * (predicted - target[..., :2]).abs()).sum()


def keypoints_3d_loss(predicted: Tensor, target: Tensor) -> Tensor:
    """Sum |difference| times confidence, with both wrists at the origin.

    Args:
        predicted: (N,21,3) metres.
        target: (N,21,4) metres and confidence.
    """
    difference = predicted - target[..., :3]
    return (target[..., 3:] * (difference - difference[:, :1]).abs()).sum()


def parameter_loss(predicted: Tensor, target: Tensor, supervised: Tensor) -> Tensor:
    """Sum the squared differences of supervised hands.

    Args:
        predicted: (N,...) rotation matrices or shape.
        target: The same shape.
        supervised: (N,) bool or weight.
    """
    return (supervised * (predicted - target).square().flatten(1).sum(1)).sum()


def generator_loss(scores: Tensor) -> Tensor:
    """Sum (D - 1)^2 over scores (N,17) of predictions: zero if the discriminator takes them for real."""
    return (scores - 1).square().sum()


def discriminator_loss(fake: Tensor, real: Tensor) -> Tensor:
    """Sum D^2 over scores (N,17) of predictions and (D - 1)^2 over scores (M,17) of real hands."""
    return fake.square().sum() + (real - 1).square().sum()


def supervised_losses(output: HamerOutput, batch: Batch) -> dict[str, Tensor]:
    """Return every loss but the adversarial one, unweighted sums over the hands, named like the weights."""
    pose, betas = batch.has_hand_pose, batch.has_betas
    return {
        "keypoints_3d": keypoints_3d_loss(output.keypoints_3d, batch.keypoints_3d),
        "keypoints_2d": keypoints_2d_loss(output.keypoints_2d, batch.keypoints_2d),
        "global_orient": parameter_loss(output.global_orient, batch.global_orient, pose),
        "hand_pose": parameter_loss(output.hand_pose, batch.hand_pose, pose),
        "betas": parameter_loss(output.betas, batch.betas, betas),
    }


def weighted(losses: dict[str, Tensor], weights: LossWeights, sum_over: int) -> Tensor:
    """Combine the losses of a part of a batch so that the parts add up to the released objective.

    The released code sums supervised losses over the batch of one GPU but divides the adversarial one by it, so their
    ratio depends on that batch; ``sum_over`` fixes it, however the global batch is spread over GPUs and steps.

    Args:
        losses: Sums over the part, divided by the size of the whole batch.
        weights: Factors of the losses.
        sum_over: Number of hands the released losses are summed over: the batch of one GPU.
    """
    factors = {name: getattr(weights, name) * (1 if name == "adversarial" else sum_over) for name in losses}
    return torch.stack([factors[name] * loss for name, loss in losses.items()]).sum()
