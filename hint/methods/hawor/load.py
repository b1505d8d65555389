"""Load the network from a file, or make a random one that looks like a hand."""

from __future__ import annotations

from hint.errors import InputError
from hint.methods.hamer.config import HamerConfig, Shapes, count_layers
from hint.methods.hamer.load import BESIDE, upright_hand
from hint.methods.hawor.network import Hawor, HaworConfig
from hint.methods.official_weights import fill, refuse_other_methods
from hint.methods.random_weights import draw_weights
from hint.weights import Checkpoint

#: How far random weights move features, pose, shape and camera.
_GAINS = {
    "*.decpose.*": 0.1,
    "*.decshape.*": 0.1,
    "*.deccam.*": 0.01,
    "st_module.l2.*": 0.1,
    "motion_module.l2.*": 0.05,
}


def build(checkpoint: Checkpoint) -> Hawor:
    """Put weights into a network of their size, without room for a second copy of them.

    Raises:
        InputError: If they are not the weights of such a network.
    """
    refuse_other_methods(checkpoint, "hawor")
    config = _config(checkpoint)
    return fill(lambda: Hawor(config), checkpoint, method="hawor", ignore=BESIDE).eval().requires_grad_(False)


def random_network(seed: int) -> Hawor:
    """Make a small network with random weights whose output for any crop is roughly an upright hand in its middle."""
    network = Hawor(HaworConfig.tiny())
    draw_weights(network, seed, _GAINS)
    pose, network.mano_head.init_cam = upright_hand()
    network.mano_head.init_hand_pose = pose
    network.motion_module.l2.bias.data = pose[0]
    return network.eval().requires_grad_(False)


def _config(checkpoint: Checkpoint) -> HaworConfig:
    shapes = {key: tuple(value.shape) for key, value in checkpoint.state.items()}
    try:
        features, motion = (_attention(shapes, name) for name in ("st_module", "motion_module"))
    except (KeyError, IndexError) as error:
        raise InputError(f"{checkpoint.path}: not HaWoR's weights, {error} is absent") from error
    return HaworConfig(HamerConfig.from_weights(shapes, checkpoint.metadata, checkpoint.path), features, motion)


def _attention(shapes: Shapes, name: str) -> tuple[int, int]:
    """Return width and layers of the attention of a name."""
    return shapes[f"{name}.l1.weight"][0], count_layers(shapes, rf"{name}\.trans\.layers\.(\d+)\.")
