"""A drawn picture with two hands, and what tests of networks that pose MANO do with it."""

import numpy as np
import torch

from hint.types import Hand

IMAGE = np.random.default_rng(0).integers(0, 256, (12, 16, 3), dtype=np.uint8).repeat(25, 0).repeat(25, 1)
HANDS = [Hand("a_r", (100.0, 90.0, 220.0, 180.0), True), Hand("b_r", (30.0, 60.0, 90.0, 160.0), True)]


def predict(method, hands, image=IMAGE):
    """Return predictions and MANO parameters of hands."""
    return method.infer_hands(hands, [method.prepare(hand, image) for hand in hands])


def write_checkpoint(path, network, **more):
    """Write weights as Lightning does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"state_dict": network.state_dict() | more, "epoch": 1}, path)
    return path
