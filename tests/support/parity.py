"""Every network that reference arrays exist of: one row each, for the tests and for ``perf/gpu.py``.

``tests/golden`` holds the answers of the published code. Networks and their parts run where the images are.
"""

import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import nn

from hint.crop import Square
from hint.mano.model import ManoModel
from hint.mano.read import read_mano
from hint.methods.frankmocap.body import read_right_hand
from hint.methods.frankmocap.hand import HandLayer, stand_in
from hint.methods.frankmocap.network import Encoder, EncoderConfig
from hint.methods.hamer.config import HamerConfig, VitSizes
from hint.methods.hamer.load import BESIDE as BESIDE_HAMER
from hint.methods.hamer.network import Hamer, HandDecoder
from hint.methods.handoccnet.backbone import Config
from hint.methods.handoccnet.hand import MeanPoseHand
from hint.methods.handoccnet.network import BESIDE, HandOccNet
from hint.methods.hawor.crop import Place, place_of
from hint.methods.hawor.network import Hawor, HaworConfig, HaworInCrop, box_info, picture_translation
from hint.methods.hawor.temporal import waves
from hint.methods.vertex_transformers.decode import HandReader, RestHand, project
from hint.methods.vertex_transformers.hrnet import describe
from hint.methods.vertex_transformers.network import VertexTransformer, unused_keys
from hint.methods.vertex_transformers.sizes import MESH_GRAPHORMER, METRO, tiny
from hint.methods.vertex_transformers.topology import Topology, normalised
from hint.methods.wilor.network import Wilor, WilorInCrop
from hint.skeleton import MANO_PARENTS

Answer = dict[str, np.ndarray]

#: What all networks give whose answer is a :class:`hint.methods.hamer.network.HamerOutput`.
OUTPUTS = ("global_orient", "hand_pose", "betas", "keypoints_3d", "vertices", "keypoints_2d")


@dataclass(frozen=True)
class Reference:
    """Where the reference parts of a network come from.

    Attributes:
        synth: The module that draws weights and hands.
        arrays: Folder of the reference arrays.
        scratch: Folder for files of the test.
        adjacency: Returns the official neighbours (195,195), or skips the test.
    """

    synth: ModuleType
    arrays: Path
    scratch: Path
    adjacency: Callable[[], np.ndarray]


@dataclass(frozen=True)
class Case:
    """One network.

    Attributes:
        method: Name in the reference folder.
        full: Makes it at its released size.
        small: Makes it small.
        reference_parts: What it needs beside its weights.
        small_parts: The same for the small one.
        answer: Network, images (N,3,S,S) and these parts to arrays, named as in the reference file.
        tolerance: Array -> largest difference to the reference.
        side: Side of the small network's images, px.
        prefix: Of every key in the official file.
        beside: Beginnings of keys in the file, without prefix, that the network does not have.
        tiny_tolerance: The same as ``tolerance`` for the small network; none where the reference has no answers of it.
        is_large: Whether the released size takes gigabytes; then it is left out of the usual run.
    """

    method: str
    full: Callable[[], nn.Module]
    small: Callable[[], nn.Module]
    reference_parts: Callable[["Reference"], Any]
    small_parts: Callable[[], Any]
    answer: Callable[[Any, torch.Tensor, Any], Answer]
    tolerance: Mapping[str, float]
    side: int = 224
    prefix: str = ""
    beside: tuple[str, ...] = ()
    tiny_tolerance: Mapping[str, float] | None = None
    is_large: bool = False


def as_arrays(tensors: Mapping[str, torch.Tensor]) -> Answer:
    """Return tensors of any device and precision as float32 arrays."""
    return {name: values.float().cpu().numpy() for name, values in tensors.items()}


def start_from(part: Any, means: Mapping[str, Any]) -> None:
    """Set the hand that a network starts from."""
    for ours, theirs in (("hand_pose", "pose"), ("betas", "shape"), ("cam", "cam")):
        getattr(part, f"init_{ours}").copy_(torch.as_tensor(np.asarray(means[theirs], np.float32)))


def drawn_hand(seed: int = 3) -> ManoModel:
    """A right hand as far as its arrays go, otherwise noise."""
    rng = np.random.default_rng(seed)
    regressor, weights = rng.random((16, 778)) ** 8, rng.random((778, 16)) ** 8
    return ManoModel(
        v_template=rng.normal(0, 0.05, (778, 3)),
        faces=rng.integers(0, 778, (1538, 3)),
        shapedirs=rng.normal(0, 1e-3, (778, 3, 10)),
        posedirs=rng.normal(0, 1e-3, (778, 3, 135)),
        j_regressor=regressor / regressor.sum(1, keepdims=True),
        lbs_weights=weights / weights.sum(1, keepdims=True),
        parents=np.array(MANO_PARENTS),
        hands_mean=rng.normal(0, 0.2, 45),
        hands_components=np.eye(45),
        source="drawn",
    )


# -- FrankMocap


def frankmocap_reference(reference):
    """The hand of the reference body, and where the regression starts."""
    body, info = reference.scratch / "SMPLX_NEUTRAL.pkl", reference.scratch / "info.pkl"
    reference.synth.write_smplx(body)
    info.write_bytes(pickle.dumps({"right_hand_verts_idx": reference.synth.smplx_hand_vertices()}))
    return read_right_hand(body, info), torch.from_numpy(reference.synth.frankmocap_mean_params())


def frankmocap_answer(network, images, parts):
    hand, start = parts
    params = network(images, start.to(images.device))
    posed = HandLayer(hand).to(images.device)(params[:, 3:51], params[:, 51:])
    arrays = {"params": params, "joints": posed.joints, "vertices": posed.vertices, "index_mcp": posed.index_mcp}
    return as_arrays(arrays)


# -- HandOccNet


def mano_reference(reference):
    reference.synth.write_mano(reference.scratch / "MANO_RIGHT.pkl")
    return read_mano(reference.scratch / "MANO_RIGHT.pkl")


def handoccnet_answer(network, images, model):
    seen = network(images)
    joints, vertices = MeanPoseHand(model).to(images.device)(seen.pose, seen.betas)
    return as_arrays(
        {
            "joints_img": seen.joints_2d,
            "pose_axis_angle": seen.pose,
            "betas": seen.betas,
            "joints": joints,
            "vertices": vertices,
        }
    )


# -- METRO and Mesh Graphormer


def metro_reference(reference):
    """The rest hand with the sampled vertices of the reference arrays."""
    return RestHand.of(mano_reference(reference), Topology(sampling(reference.arrays)))


def graphormer_reference(reference):
    """The same with the official neighbours."""
    topology = Topology(sampling(reference.arrays), reference.adjacency())
    return RestHand.of(mano_reference(reference), topology)


def read_adjacency(shared: Path) -> np.ndarray:
    """Return the official neighbours (195,195), which are not ours to pass on, from the folder beside the checkout."""
    with np.load(shared / "golden" / "graphormer_forward.npz") as arrays:
        matrix = np.zeros(arrays["adj_shape"], np.float32)
        rows = np.repeat(np.arange(len(matrix)), np.diff(arrays["adj_indptr"]))
        matrix[rows, arrays["adj_indices"]] = arrays["adj_data"]
    return matrix


def sampling(folder):
    """Return the matrix (195,778) that picks the sampled vertices of the reference template."""
    with np.load(folder / "metro_forward.npz") as arrays:
        vertices, sampled = arrays["template_vertices_778"], arrays["template_vertices_195"]
    distance = np.linalg.norm(vertices - sampled[:, None], axis=2)
    assert distance.min(1).max() < 1e-6
    return np.eye(len(vertices), dtype=np.float32)[distance.argmin(1)]


def vertex_transformer_small_parts():
    rng = np.random.default_rng(4)
    down = np.eye(778, dtype=np.float32)[np.sort(rng.choice(778, 195, replace=False))]
    return RestHand.of(drawn_hand(), Topology(down, normalised(rng.random((195, 195)) < 0.03)))


def vertex_transformer_answer(network, images, rest):
    reader = HandReader(network, rest).to(images.device)
    tokens = network.tokens(images, reader.template)
    answer = network(images, reader.template, reader.adjacency)
    joints = reader.regressor @ answer.vertices
    arrays = {
        "cam": answer.cam,
        "joints": answer.joints,
        "vertices_195": answer.sampled,
        "vertices": answer.vertices,
        "joints_from_vertices": joints,
        "joints2d": 2 * project(joints, answer.cam),
        "chk_tokens_in_xyz": reader.template[None],
        "chk_image_feat": describe(network.backbone, images)[0],
        "chk_tokens_in": tokens[:, ::8, ::64],
    }
    return as_arrays(arrays)


def vertex_transformer_tolerance(outputs, joints2d):
    names = ("cam", "joints", "vertices_195", "vertices", "joints_from_vertices")
    checks = {"chk_tokens_in_xyz": 3e-7, "chk_image_feat": 2e-4, "chk_tokens_in": 2e-4}
    return dict.fromkeys(names, outputs) | {"joints2d": joints2d} | checks


# -- HaMeR


def mano_tolerance(numbers, metres, points, *others):
    """Return the tolerances of what all networks give that were made after HaMeR, and of their other numbers."""
    names = ("pred_cam", "global_orient", "hand_pose", "betas", *others)
    return dict.fromkeys(names, numbers) | {"keypoints_3d": metres, "vertices": metres, "keypoints_2d": points}


def hamer_answer(network, images, parts):
    model, means = parts
    start_from(network.mano_head, means)
    hand = HandDecoder(model).to(images.device)(*network(images))
    arrays = {"pred_cam": hand.cam, "pred_cam_t": hand.cam_t, "focal_length": hand.focal_length}
    return as_arrays(arrays | {name: getattr(hand, name) for name in OUTPUTS})


# -- WiLoR


def wilor_reference(reference):
    """The reference hand, and the mean hand its network starts from."""
    return mano_reference(reference), reference.synth.mean_params()


def wilor_small_parts():
    return drawn_hand(), {"pose": np.tile([1, 0, 0, 0, 1, 0], 16), "shape": np.zeros(10), "cam": [4, 0, 0]}


def wilor_answer(network, images, parts):
    model, means = parts
    start_from(network.backbone, means)
    in_crop = WilorInCrop(network, model).to(images.device)
    first, features = network.read(images)
    coarse = in_crop.decode(first)
    hand = in_crop.decode(network.refine_net(features, first, coarse.vertices))
    arrays = {
        "pred_cam": hand.cam,
        "pred_cam_t": hand.cam_t,
        "focal_length": hand.focal_length,
        "temp_pose6d": first.pose,
        "temp_betas": first.betas,
        "temp_cam": first.cam,
        "temp_vertices": coarse.vertices,
        "temp_global_orient": coarse.global_orient,
        "temp_hand_pose": coarse.hand_pose,
        "chk_refine_feat": network.refine_net.look(features, first, coarse.vertices),
    }
    return as_arrays(arrays | {name: getattr(hand, name) for name in OUTPUTS})


def wilor_tolerance(numbers, metres, points, feature):
    common = mano_tolerance(numbers, metres, points, "temp_pose6d", "temp_betas", "temp_cam")
    return common | {"temp_vertices": metres, "chk_refine_feat": feature, "focal_length": 0}


# -- HaWoR


def hawor_reference(reference):
    """The reference hand, the mean hand its network starts from, and where the images lie."""
    places = [
        place_of(Square(x, y, side), width, height, focal, mirror=False)
        for x, y, side, focal, width, height in reference.synth.hawor_places().tolist()
    ]
    return *wilor_reference(reference), places


def hawor_small_parts():
    return *wilor_small_parts(), [Place(80, -20, 200, 600), Place(-300, 50, 150, 900)]


def hawor_answer(network, images, parts):
    model, means, where = parts
    start_from(network.mano_head, means)
    for attention in (network.st_module, network.motion_module):
        attention.pos_embedding.pe.copy_(waves(attention.l1.out_features)[:, None])
    places = torch.tensor(where, device=images.device)
    hand = network(images, places)
    posed = HaworInCrop(network, model).to(images.device).pose(hand, places)
    arrays = {
        "pred_cam": hand.cam,
        "pose6d": hand.pose,
        "trans_full": picture_translation(hand.cam, places),
        "chk_box_info": box_info(places),
    }
    return as_arrays(arrays | {name: getattr(posed, name) for name in OUTPUTS})


def hawor_tolerance(*tolerances):
    return mano_tolerance(*tolerances, "pose6d", "trans_full", "chk_box_info")


def vertex_transformer_case(method, sizes, reference_parts):
    return Case(
        method,
        full=lambda: VertexTransformer(sizes),
        small=lambda: VertexTransformer(tiny(is_graph=sizes.is_graph)),
        reference_parts=reference_parts,
        small_parts=vertex_transformer_small_parts,
        answer=vertex_transformer_answer,
        tolerance=vertex_transformer_tolerance(5e-5, 2e-4),
        beside=unused_keys(sizes),
        tiny_tolerance=vertex_transformer_tolerance(3e-5, 6e-5),
        is_large=True,
    )


HAMER = Case(
    "hamer",
    full=lambda: Hamer(HamerConfig()),
    small=lambda: Hamer(HamerConfig.tiny()),
    reference_parts=wilor_reference,
    small_parts=wilor_small_parts,
    answer=hamer_answer,
    tolerance=mano_tolerance(5e-5, 1e-6, 2e-6, "pred_cam_t", "focal_length"),
    side=256,
    beside=BESIDE_HAMER,
    tiny_tolerance=mano_tolerance(2e-6, 2e-6, 2e-6, "pred_cam_t", "focal_length"),
    is_large=True,
)

CASES = (
    HAMER,
    Case(
        "frankmocap",
        full=Encoder,
        small=lambda: Encoder(EncoderConfig((1, 1, 1, 1), (4, 8, 8, 16), 16)),
        reference_parts=frankmocap_reference,
        small_parts=lambda: (stand_in(drawn_hand()), torch.linspace(-0.3, 0.3, 61)),
        answer=frankmocap_answer,
        tolerance={"params": 5e-6, "joints": 2e-6, "vertices": 2e-6, "index_mcp": 2e-6},
        side=64,
    ),
    Case(
        "handoccnet",
        full=HandOccNet,
        small=lambda: HandOccNet(Config((1, 1, 1, 1), (4, 8, 8, 16), 16, (32, 16))),
        reference_parts=mano_reference,
        small_parts=drawn_hand,
        answer=handoccnet_answer,
        tolerance={"joints_img": 2e-5, "pose_axis_angle": 3e-5, "betas": 3e-5, "joints": 1e-6, "vertices": 1e-6},
        side=256,
        prefix="module.",
        beside=BESIDE,
    ),
    Case(
        "wilor",
        full=lambda: Wilor(VitSizes()),
        small=lambda: Wilor(VitSizes.tiny()),
        reference_parts=wilor_reference,
        small_parts=wilor_small_parts,
        answer=wilor_answer,
        tolerance=wilor_tolerance(1e-5, 5e-7, 1e-6, 5e-5),
        side=256,
        beside=BESIDE_HAMER,
        tiny_tolerance=wilor_tolerance(5e-6, 5e-7, 5e-7, 2e-5),
        is_large=True,
    ),
    Case(
        "hawor",
        full=lambda: Hawor(HaworConfig()),
        small=lambda: Hawor(HaworConfig.tiny()),
        reference_parts=hawor_reference,
        small_parts=hawor_small_parts,
        answer=hawor_answer,
        tolerance=hawor_tolerance(1e-5, 5e-7, 2e-6),
        side=256,
        beside=BESIDE_HAMER,
        tiny_tolerance=hawor_tolerance(5e-6, 5e-7, 1e-6),
        is_large=True,
    ),
    vertex_transformer_case("metro", METRO, metro_reference),
    vertex_transformer_case("graphormer", MESH_GRAPHORMER, graphormer_reference),
)
