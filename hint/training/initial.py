"""Weights a training starts from: of the backbone, of a whole network, and the mean pose."""

from __future__ import annotations

from pathlib import Path

import timm
import torch

from hint.errors import InputError, MissingRequirementError, first_line
from hint.files import read_npz
from hint.methods.hamer import small_resnet
from hint.methods.hamer.convolutional import ConvolutionalBackbone
from hint.methods.hamer.load import BESIDE
from hint.methods.hamer.network import Hamer
from hint.training.model import DISCRIMINATOR, TrainingModel
from hint.weights import Checkpoint, load_into, read_checkpoint

#: Before the name of weights that timm downloads, as in ``timm:resnet50.a1_in1k``.
TIMM = "timm:"


def read_mean_parameters(network: Hamer, path: Path) -> None:
    """Start from the mean pose, shape and camera of ``mano_mean_params.npz``.

    Raises:
        InputError: If the file holds something else.
    """
    arrays = read_npz(path, ("pose", "shape", "cam"))
    for key, name in (("pose", "init_hand_pose"), ("shape", "init_betas"), ("cam", "init_cam")):
        buffer, value = getattr(network.mano_head, name), torch.from_numpy(arrays[key]).float().reshape(1, -1)
        if value.shape != buffer.shape:
            raise InputError(f"{path}: {key} has {value.shape[1]} numbers, not {buffer.shape[1]}")
        setattr(network.mano_head, name, value)


def read_backbone(network: Hamer, source: Path | str) -> None:
    """Start the backbone from weights of its own: ViTPose's for the ViT, timm's for the others.

    Weights of timm are those of a whole classifier; what a backbone does not have of it, such as its last layer, is
    left out. Where the tokens are (``pos_embed``) is learned from the start then.

    Args:
        network: Its backbone is changed.
        source: A file, or "timm:" and a name of timm's weights, which are downloaded.

    Raises:
        InputError: If they belong to another backbone.
        MissingRequirementError: If they cannot be downloaded.
    """
    name = network.config.backbone
    checkpoint = _from_timm(str(source), name) if str(source).startswith(TIMM) else read_checkpoint(Path(source))
    state = checkpoint.under("backbone.") or checkpoint.state
    given = Checkpoint(state, {}, checkpoint.path)
    if isinstance(network.backbone, ConvolutionalBackbone) and "pos_embed" not in state:
        load_into(network.backbone.features, given, _classifier_keys(name))
    else:
        load_into(network.backbone, given, ("keypoint_head.",))


def _from_timm(source: str, backbone: str) -> Checkpoint:
    name = source.removeprefix(TIMM)
    if name.partition(".")[0] != backbone:
        raise InputError(
            f"--backbone-weights {source}: the backbone is {backbone}; timm names its weights {backbone}.TAG"
        )
    if name not in timm.list_pretrained():
        known = timm.list_pretrained(f"{backbone}.*")
        raise InputError(f"timm has no weights {name}; of {backbone} it has {', '.join(known) or 'none'}")
    try:
        state = timm.create_model(name, pretrained=True).state_dict()
    except Exception as error:  # whatever the hub, the network or the file system raises
        raise MissingRequirementError(
            f"{source} could not be downloaded ({first_line(error)}); give a file: --backbone-weights FILE, or where "
            f"there is a network: python -c \"import timm; timm.create_model('{name}', pretrained=True)\""
        ) from error
    return Checkpoint(state, {}, Path(name))


def _classifier_keys(backbone: str) -> tuple[str, ...]:
    """Return the keys of timm's classifier on a backbone, which weights may hold beside the backbone's."""
    if backbone in small_resnet.SIZES:
        return ()
    with torch.device("meta"):
        return tuple(timm.create_model(backbone, pretrained=False).state_dict())


def read_network(model: TrainingModel, path: Path) -> None:
    """Start from the weights of a whole HaMeR, such as the released ones, and of its discriminator if included.

    Raises:
        InputError: If they belong to another network.
    """
    checkpoint = read_checkpoint(path)
    load_into(model.network, checkpoint, BESIDE)
    if scores := checkpoint.under(DISCRIMINATOR):
        load_into(model.discriminator, Checkpoint(scores, {}, path))
