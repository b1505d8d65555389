"""The baselines against reference arrays, and against what they said when they agreed with them.

One row per network. The reference arrays lie beside the checkout and hold the answers of the published code; what every
checkout holds are the answers of the same network at a small size, ``tests/fixtures/tiny_<method>.npz``, frozen once
the full size gave the reference answers. To freeze a row anew, delete its file and run this test twice.
"""

import json
import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from hint.mano.model import ManoModel
from hint.mano.read import read_mano
from hint.methods.frankmocap.body import read_right_hand
from hint.methods.frankmocap.hand import HandLayer, stand_in
from hint.methods.frankmocap.network import Encoder, EncoderConfig
from hint.methods.handoccnet.backbone import Config
from hint.methods.handoccnet.hand import MeanPoseHand
from hint.methods.handoccnet.network import BESIDE, HandOccNet
from hint.skeleton import MANO_PARENTS

Answer = dict[str, np.ndarray]
FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"


@dataclass(frozen=True)
class Case:
    """One network.

    Attributes:
        method: Name in the reference folder.
        full: Makes it at its released size.
        small: Makes it small.
        reference_parts: What it needs beside its weights, from the reference program and a scratch folder.
        small_parts: The same for the small one.
        answer: Network, images (N,3,S,S) and these parts to arrays, named as in the reference file.
        tolerance: Array -> largest difference to the reference.
        side: Side of the small network's images, px.
        prefix: Of every key in the official file.
        beside: Beginnings of keys in the file, without prefix, that the network does not have.
    """

    method: str
    full: Callable[[], nn.Module]
    small: Callable[[], nn.Module]
    reference_parts: Callable[[ModuleType, Path], Any]
    small_parts: Callable[[], Any]
    answer: Callable[[Any, torch.Tensor, Any], Answer]
    tolerance: Mapping[str, float]
    side: int = 224
    prefix: str = ""
    beside: tuple[str, ...] = ()


def drawn_hand() -> ManoModel:
    """A right hand as far as its arrays go, otherwise noise."""
    rng = np.random.default_rng(3)
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


def frankmocap_reference(reference, folder):
    """The hand of the reference body, and where the regression starts."""
    reference.write_smplx(folder / "SMPLX_NEUTRAL.pkl")
    (folder / "info.pkl").write_bytes(pickle.dumps({"right_hand_verts_idx": reference.smplx_hand_verts_idx()}))
    hand = read_right_hand(folder / "SMPLX_NEUTRAL.pkl", folder / "info.pkl")
    return hand, torch.from_numpy(reference.frankmocap_mean_params())


def frankmocap_answer(network, images, parts):
    hand, start = parts
    params = network(images, start)
    posed = HandLayer(hand)(params[:, 3:51], params[:, 51:])
    arrays = {"params": params, "joints": posed.joints, "vertices": posed.vertices, "index_mcp": posed.index_mcp}
    return {name: values.numpy() for name, values in arrays.items()}


# -- HandOccNet


def handoccnet_reference(reference, folder):
    reference.write_mano(folder / "MANO_RIGHT.pkl")
    return read_mano(folder / "MANO_RIGHT.pkl")


def handoccnet_answer(network, images, model):
    seen = network(images)
    joints, vertices = MeanPoseHand(model)(seen.pose, seen.betas)
    return {
        "joints_img": seen.joints_2d.numpy(),
        "pose_axis_angle": seen.pose.numpy(),
        "betas": seen.betas.numpy(),
        "joints": joints.numpy(),
        "vertices": vertices.numpy(),
    }


CASES = (
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
        reference_parts=handoccnet_reference,
        small_parts=drawn_hand,
        answer=handoccnet_answer,
        tolerance={"joints_img": 2e-5, "pose_axis_angle": 3e-5, "betas": 3e-5, "joints": 1e-6, "vertices": 1e-6},
        side=256,
        prefix="module.",
        beside=BESIDE,
    ),
)
every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.method)


@every_case
def test_the_keys_are_the_official_ones(case, shared):
    listed = json.loads((shared / "golden" / "keys" / f"{case.method}.json").read_text())
    official = {key.removeprefix(case.prefix): tuple(shape) for key, (shape, _) in listed.items()}
    assert all(key.startswith(case.prefix) for key in listed)
    with torch.device("meta"):
        ours = {key: tuple(value.shape) for key, value in case.full().state_dict().items()}
    assert ours == {key: shape for key, shape in official.items() if not key.startswith(case.beside or ("\0",))}


@every_case
@torch.inference_mode()
def test_the_network_gives_the_reference_answers(case, shared, reference, tmp_path):
    network = case.full().eval()
    reference.fill_state_dict(case.method, network.state_dict(), prefix=case.prefix)
    images = torch.from_numpy(reference.network_input(case.method))
    ours = case.answer(network, images, case.reference_parts(reference, tmp_path))
    with np.load(shared / "golden" / f"{case.method}_forward.npz") as expected:
        for name, atol in case.tolerance.items():
            np.testing.assert_allclose(ours[name], expected[name], atol=atol, rtol=0, err_msg=name)


@every_case
@torch.inference_mode()
def test_the_small_network_still_gives_its_golden_answers(case, draw_weights):
    network = case.small().eval()
    drawn = draw_weights({name: tuple(values.shape) for name, values in network.named_parameters()})
    network.load_state_dict(drawn, strict=False)
    size = (2, 3, case.side, case.side)
    images = torch.from_numpy(np.random.default_rng(1).standard_normal(size, dtype=np.float32))
    ours = case.answer(network, images, case.small_parts())
    thinned = {name: values[:, ::16] if values.shape[1] == 778 else values for name, values in ours.items()}
    golden = FIXTURES / f"tiny_{case.method}.npz"
    if not golden.exists():
        np.savez_compressed(golden, **thinned)
        pytest.fail(f"{golden} was absent and has been written; look at it and run again")
    with np.load(golden) as expected:
        assert sorted(expected) == sorted(thinned)
        for name, values in thinned.items():
            np.testing.assert_allclose(values, expected[name], atol=2e-5, rtol=1e-5, err_msg=name)
