"""Load a network and a hand from files, or make random ones that look like a hand."""

from __future__ import annotations

import torch
from torch import Tensor

from hint.errors import MissingRequirementError
from hint.fetch import ASSETS
from hint.mano.model import ManoModel
from hint.mano.read import find_mano, from_embedded, installed_mano, missing_mano
from hint.methods.hamer.config import HamerConfig
from hint.methods.hamer.network import Hamer
from hint.methods.official_weights import fill, refuse_other_methods
from hint.methods.random_weights import draw_weights
from hint.weights import Checkpoint

#: Keys of the released file that are not part of the network.
BESIDE = ("discriminator.", "mano.", "initialized")

RELEASED_SHA256 = next(m.sha256 for m in ASSETS["hamer"].members if m.keep_as == "weights/hamer.ckpt")

#: Metadata of weights that were trained with the licence-free hand: "procedural".
MANO_KEY = "mano"

#: How far random weights move pose, shape and camera.
_GAINS = {"mano_head.decpose.*": 0.1, "mano_head.decshape.*": 0.1, "mano_head.deccam.*": 0.01}


def build(checkpoint: Checkpoint) -> Hamer:
    """Put weights into a network of their size, without room for a second copy of them.

    Raises:
        InputError: If they are not the weights of such a network.
    """
    refuse_other_methods(checkpoint, "hamer")
    shapes = {key: tuple(value.shape) for key, value in checkpoint.state.items()}
    config = HamerConfig.from_weights(shapes, checkpoint.metadata, checkpoint.path)
    return fill(lambda: Hamer(config), checkpoint, method="hamer", ignore=BESIDE).eval().requires_grad_(False)


def choose_mano(option: str | None, checkpoint: Checkpoint) -> ManoModel:
    """Return the requested hand, else the one of training, an installed one, or the one inside the weights file.

    Raises:
        MissingRequirementError: If there is none of them.
    """
    option = option or checkpoint.metadata.get(MANO_KEY)
    if option is not None or installed_mano():
        return find_mano(option)
    embedded = checkpoint.under("mano.")
    if "v_template" not in embedded:
        raise MissingRequirementError(missing_mano())
    return from_embedded({key: value.numpy() for key, value in embedded.items()}, str(checkpoint.path))


def random_network(seed: int, config: HamerConfig) -> Hamer:
    """Make a network with random weights whose output for any crop is roughly an upright hand in its middle."""
    network = Hamer(config)
    draw_weights(network, seed, _GAINS)
    network.mano_head.init_hand_pose, network.mano_head.init_cam = upright_hand()
    return network.eval().requires_grad_(False)


def upright_hand() -> tuple[Tensor, Tensor]:
    """Return the pose (1,96) and the camera (1,3) of an upright hand in the middle of a crop."""
    identity = torch.tensor([1.0, 0, 0, 0, 1, 0])
    # The rest hand points along -x with its palm down; turned like this, it points up and shows its palm.
    upright = torch.tensor([0.0, 1, 0, 0, 0, 1])
    pose = torch.cat([upright, identity.repeat(15)])[None]
    return pose, torch.tensor([[5.0, -0.095, 0.09]])  # a hand of 19 cm over half the crop, its middle in the middle


def is_released(checkpoint: Checkpoint, sha256: str) -> bool:
    """Return whether weights are the released ones, as they are or converted; a file name proves nothing.

    Args:
        checkpoint: Weights read from a file.
        sha256: Of that file.
    """
    return RELEASED_SHA256 in (sha256, checkpoint.metadata.get("source_sha256"))
