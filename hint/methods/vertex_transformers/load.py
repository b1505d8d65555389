"""Load a network and its hand from files, or make random ones that look like a hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from hint.errors import InputError
from hint.files.path import as_path
from hint.mano.read import find_mano
from hint.methods.crop_method import Parts, random_card, sized_card
from hint.methods.official_file import RANDOM, OfficialFile
from hint.methods.official_weights import load_network
from hint.methods.random_weights import draw_weights
from hint.methods.vertex_transformers.card import ADJACENCY, PROJECTION, SAMPLING
from hint.methods.vertex_transformers.decode import HandReader, RestHand
from hint.methods.vertex_transformers.network import VertexTransformer, unused_keys
from hint.methods.vertex_transformers.sizes import N_JOINTS, Sizes, tiny
from hint.methods.vertex_transformers.topology import Topology, farthest_topology, read_adjacency, read_topology
from hint.types import MethodCard, MethodOptions

#: How far random weights move the points of the rest hand, metres, and the camera.
_SPREAD = 0.002
_CAMERA_SPREAD = 0.01

#: How much of the box a random hand fills, in camera units: as large as a hand in the native crop.
_RANDOM_EXTENT = 1.33


@dataclass(frozen=True)
class Release:
    """One of the two methods, as released.

    Attributes:
        card: What a reader must know.
        weights: The file with the weights.
        sizes: Of the network.
    """

    card: MethodCard
    weights: OfficialFile
    sizes: Sizes


def from_files(release: Release, options: MethodOptions) -> Parts:
    """Load the released weights; small files first, so that a missing one is reported at once.

    Raises:
        MissingRequirementError: If weights, MANO or the choice of vertices is missing.
        InputError: If one of them cannot be used.
    """
    name, sizes = release.card.name, release.sizes
    path = release.weights.find(options, name)
    topology = _official_topology(options, name, sizes)
    mano = find_mano(options.mano)
    network, identity = load_network(lambda: VertexTransformer(sizes), path, method=name, ignore=unused_keys(sizes))
    card = sized_card(release.card, network)
    if path.name != release.weights.names[0]:  # no checksum is published, so the name is all there is to go by
        card = replace(
            card, training_data=(), trained_on_hint=None, weights_licence="unknown", note=f"weights {path.name}"
        )
    beside = {"mano_sha256": mano.sha256(), "topology_sha256": topology.sha256()}
    return _parts(network, RestHand.of(mano, topology), card, identity | beside, options)


def random(release: Release, options: MethodOptions) -> Parts:
    """Make a small network whose output for any crop is roughly an upright hand in its middle.

    Any hand works, with any vertices that are far apart; nothing official is needed.
    """
    sizes = tiny(is_graph=release.sizes.is_graph)
    mano = find_mano(options.mano or "procedural")
    topology = farthest_topology(mano)
    rest = RestHand.of(mano, topology if sizes.is_graph else replace(topology, adjacency=None))
    vertices = torch.tensor(mano.v_template).float()
    network = random_network(options.seed, sizes, rest.template, vertices)
    card = random_card(release.card, network)
    identity = {"weights": RANDOM, "seed": options.seed, "mano_sha256": mano.sha256()}
    return _parts(network, rest, card, identity, options)


def random_network(seed: int, sizes: Sizes, template: Tensor, vertices: Tensor) -> VertexTransformer:
    """Draw weights that let the points of the rest hand through, turned upright and slightly moved.

    Args:
        seed: The same seed gives the same network.
        sizes: Of the network.
        template: (216,3) joints and sampled vertices of the rest hand, metres.
        vertices: (778,3) of the hand; each follows the sampled ones around it.
    """
    network = VertexTransformer(sizes)
    gains = {"trans_encoder.*.cls_head.weight": _SPREAD, "cam_param_fc3.weight": _CAMERA_SPREAD}
    draw_weights(network, seed, gains)
    # The rest hand points along -x with its palm down; x becomes y and y becomes z, so that it points up.
    upright = torch.tensor([[0.0, 0, 1], [1, 0, 0], [0, 1, 0]])
    with torch.no_grad():
        for k, block in enumerate(network.trans_encoder):
            passing = block.get_parameter("residual.weight")
            passing[:3] = 0
            passing[:3, :3] = torch.eye(3) if k else upright
        shown = (template @ upright.T)[:, :2]
        low, high = shown.amin(0), shown.amax(0)
        network.cam_param_fc3.bias[0] = _RANDOM_EXTENT / (high - low).max()
        network.cam_param_fc3.bias[1:] = -(low + high) / 2
        network.upsampling.weight.copy_(_nearest(vertices, template[N_JOINTS:]))
    return network


def _nearest(vertices: Tensor, sampled: Tensor) -> Tensor:
    """Return weights (778,195) that mix each vertex from the three nearest sampled ones."""
    # Rest pose and mean pose differ, but only in where they are, so both are centred.
    distance = torch.cdist(vertices - vertices.mean(0), sampled - sampled.mean(0))
    nearest = distance.topk(3, largest=False)
    weights = torch.zeros_like(distance).scatter_(1, nearest.indices, 1 / (nearest.values + 1e-4))
    return weights / weights.sum(1, keepdim=True)


def _official_topology(options: MethodOptions, name: str, sizes: Sizes) -> Topology:
    """Return the vertices of the released weights, and their neighbours where the network uses them."""
    path = SAMPLING.find(options, name)
    topology = read_topology(path)
    if not sizes.is_graph:
        return replace(topology, adjacency=None)
    if ADJACENCY in options.extra:
        return replace(topology, adjacency=read_adjacency(as_path(options.extra[ADJACENCY])))
    if topology.adjacency is None:
        raise InputError(
            f"{path}: has no A, the neighbours of the vertices; name their folder with --set {ADJACENCY}=DIR"
        )
    return topology


def _parts(
    network: nn.Module, rest: RestHand, card: MethodCard, identity: Mapping[str, Any], options: MethodOptions
) -> Parts:
    projection = options.extra.get(PROJECTION, "training")
    return Parts(HandReader(network, rest, projection), card, {**identity, "projection": projection})
