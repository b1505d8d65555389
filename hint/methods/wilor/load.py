"""Load the network from a file, or make a random one that looks like a hand."""

from __future__ import annotations

from hint.methods.hamer.config import VitSizes
from hint.methods.hamer.load import BESIDE, upright_hand
from hint.methods.official_weights import fill, refuse_other_methods
from hint.methods.random_weights import draw_weights
from hint.methods.wilor.network import Wilor
from hint.weights import Checkpoint

#: How far random weights move pose, shape and camera.
_GAINS = {"*.decpose.*": 0.05, "*.decshape.*": 0.05, "*.deccam.*": 0.01, "*.dec_*": 0.01}


def build(checkpoint: Checkpoint) -> Wilor:
    """Put weights into a network of their size, without room for a second copy of them.

    Raises:
        InputError: If they are not the weights of such a network.
    """
    refuse_other_methods(checkpoint, "wilor")
    shapes = {key: tuple(value.shape) for key, value in checkpoint.state.items()}
    sizes = VitSizes.from_weights(shapes, checkpoint.path, "WiLoR")
    return fill(lambda: Wilor(sizes), checkpoint, method="wilor", ignore=BESIDE).eval().requires_grad_(False)


def random_network(seed: int) -> Wilor:
    """Make a small network with random weights whose output for any crop is roughly an upright hand in its middle."""
    network = Wilor(VitSizes.tiny())
    draw_weights(network, seed, _GAINS)
    network.backbone.init_hand_pose, network.backbone.init_cam = upright_hand()
    return network.eval().requires_grad_(False)
