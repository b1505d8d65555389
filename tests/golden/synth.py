"""The inputs, weights and hand models the reference arrays were computed with.

Everything is drawn from seeds: no trained weights, no geometry of a licensed hand. Only the order and kind of the draws
matter; change nothing here, or the arrays no longer fit.
"""

import pickle
from collections.abc import Mapping
from fnmatch import fnmatchcase
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse
import torch
from numpy.typing import NDArray

Arrays = dict[str, Any]
Float = NDArray[np.float32]
Double = NDArray[np.float64]

# -- weights

#: Beginnings of keys that keep the value the network was built with, by method.
SKIPPED = {
    "hamer": ("mano.", "mano_head.init_"),
    "handoccnet": (
        "module.regressor.mano_regHead.mano_layer.",
        "module.regressor.hand_regHead.uu",
        "module.regressor.hand_regHead.vv",
        "module.fitting_loss.",
    ),
    "wilor": ("mano.", "backbone.init_"),
    "hawor": ("mano.", "mano_head.init_", "st_module.pos_embedding.", "motion_module.pos_embedding."),
}

_VERTEX_TRANSFORMER = {
    "backbone.stage[234].*.branches.*.conv2.weight": 0.5,
    "backbone.stage[234].*.fuse_layers.*": 0.3,
    "backbone.incre_modules.*.conv3.weight": 0.5,
    "backbone.downsamp_modules.*": 0.5,
    "backbone.final_layer.*": 0.5,
    "trans_encoder.0.bert.position_embeddings.weight": 32.0,
    "trans_encoder.1.bert.position_embeddings.weight": 16.0,
    "trans_encoder.2.bert.position_embeddings.weight": 8.0,
}

#: Patterns of keys -> how much larger than usual their weights are, by method; the first that fits counts.
GAINS: dict[str, dict[str, float]] = {
    "hamer": {"mano_head.decpose*": 0.1, "mano_head.decshape*": 0.1, "mano_head.deccam*": 0.02},
    "metro": _VERTEX_TRANSFORMER,
    "graphormer": _VERTEX_TRANSFORMER,
    "handoccnet": {
        "*.q_embedding": 256.0,
        "*.k_embedding": 256.0,
        "*.encode_query2.weight": 0.1,
        "*.encode_key2.weight": 0.1,
        "module.regressor.mano_regHead.pose_reg.weight": 0.1,
        "module.regressor.mano_regHead.shape_reg.weight": 0.03,
    },
    "frankmocap": {"regressor.0.weight": 0.1},
    "wilor": {
        "backbone.decpose*": 0.1,
        "backbone.decshape*": 0.1,
        "backbone.deccam*": 0.02,
        "refine_net.dec_pose*": 0.1,
        "refine_net.dec_shape*": 0.1,
        "refine_net.dec_cam*": 0.02,
    },
    "hawor": {
        "mano_head.decpose*": 0.1,
        "mano_head.decshape*": 0.1,
        "mano_head.deccam*": 0.02,
        "motion_module.l2*": 0.5,
    },
}


def draw_tensor(key: str, shape: tuple[int, ...], gain: float = 1.0) -> Float:
    """Draw the tensor of one key; the key alone decides the numbers.

    Args:
        key: Of the state dict.
        shape: Of the tensor.
        gain: How much larger than usual weights of two and more dimensions are.
    """
    rng = np.random.default_rng(int.from_bytes(sha256(key.encode()).digest()[:8], "little"))
    last = key.rpartition(".")[2]
    if last == "running_var":
        return np.float32(0.5) + rng.random(shape, dtype=np.float32)
    numbers = np.asarray(rng.standard_normal(shape, dtype=np.float32))
    if last == "running_mean":
        return np.float32(0.1) * numbers
    if len(shape) > 1:
        return np.float32(gain / np.sqrt(np.prod(shape[1:]))) * numbers
    return 1 + np.float32(0.1) * numbers if last == "weight" else np.float32(0.02) * numbers


def draw_state(method: str, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, torch.Tensor]:
    """Draw a tensor for every key of a network, with the gains of a method."""
    return {
        key: torch.from_numpy(np.array(draw_tensor(key, shape, _gain(method, key)))) for key, shape in shapes.items()
    }


@torch.no_grad()
def fill_state(method: str, state: Mapping[str, torch.Tensor], prefix: str = "") -> None:
    """Fill a state dict in place, except for what :data:`SKIPPED` and integers leave alone.

    Args:
        method: Whose gains count.
        state: Key -> tensor.
        prefix: What the keys of the official file begin with.
    """
    for name, tensor in state.items():
        key = prefix + name
        if tensor.is_floating_point() and not key.startswith(SKIPPED.get(method, ("\0",))):
            tensor.copy_(torch.from_numpy(np.array(draw_tensor(key, tuple(tensor.shape), _gain(method, key)))))


def _gain(method: str, key: str) -> float:
    return next((gain for pattern, gain in GAINS[method].items() if fnmatchcase(key, pattern)), 1.0)


# -- inputs


def network_input(method: str) -> Float:
    """Return the images (2,3,S,S) a network was given: normal numbers, for HandOccNet uniform in [0, 1)."""
    rng = np.random.default_rng(0)
    side = 256 if method in ("hamer", "handoccnet", "wilor", "hawor") else 224
    if method == "handoccnet":
        return rng.random((2, 3, side, side), dtype=np.float32)
    return rng.standard_normal((2, 3, side, side), dtype=np.float32)


def mean_params() -> dict[str, Float]:
    """Return where HaMeR's head starts: 6D pose (96,), shape (10,), camera (3,)."""
    rng = np.random.default_rng(7)
    pose = np.tile([1.0, 0, 0, 0, 1, 0], 16) + 0.15 * rng.standard_normal(96)
    shape = 0.1 * rng.standard_normal(10)
    return {
        "pose": pose.astype(np.float32),
        "shape": shape.astype(np.float32),
        "cam": np.array([4, 0, 0], np.float32),
    }


def hawor_places() -> Float:
    """Return where HaWoR's images come from (2,6): centre and side of the crop, focal length, picture size; px."""
    return np.array([[400, 260, 210, 600, 640, 480], [1500, 300, 333, 900, 1920, 1080]], np.float32)


def frankmocap_mean_params() -> Float:
    """Return where FrankMocap's regression starts (61,): camera, no rotation, the mean pose, the mean shape."""
    start = np.concatenate([[5, 0, 0], np.zeros(3), mano_arrays()["hands_mean"], np.zeros(10)])
    return start.astype(np.float32)


# -- hand models

PARENTS = [-1, 0, 1, 2, 0, 4, 5, 0, 7, 8, 0, 10, 11, 0, 13, 14]

#: First joint of each digit -> where it is, metres, and the step to the next one.
_DIGITS = {
    1: ([0.007, 0.001, 0.027], [-0.031, 0.0, 0.004]),
    4: ([0.001, 0.004, 0.002], [-0.033, 0.001, 0.0]),
    7: ([0.026, -0.002, -0.038], [-0.020, 0.0, -0.006]),
    10: ([0.013, 0.001, -0.019], [-0.030, 0.0, -0.004]),
    13: ([0.071, -0.009, 0.035], [-0.024, -0.006, 0.024]),
}


def mano_arrays() -> Arrays:
    """Return a hand with the names, shapes and types of MANO_RIGHT.pkl; points around bones, otherwise noise."""
    rng = np.random.default_rng(20240501)
    joints, bones = _skeleton()
    vertices = np.array([_point_around(rng, bones) for _ in range(778)])
    squared = ((vertices[:, None] - joints[None]) ** 2).sum(-1)
    weights = np.exp(-squared / (2 * 0.012**2)) + 1e-9
    regressor = np.zeros((16, 778))
    for joint in range(16):
        share = rng.random(24) + 0.1
        regressor[joint, np.argsort(squared[:, joint])[:24]] = share / share.sum()
    components = np.linalg.qr(rng.standard_normal((45, 45)))[0]
    faces = np.array([rng.choice(778, 3, replace=False) for _ in range(1538)], np.uint32)
    coefficients = rng.standard_normal((1554, 45))
    posedirs = rng.standard_normal((778, 3, 135)) * 4e-4
    hands_mean = rng.standard_normal(45) * 0.25
    return {
        "hands_components": components,
        "f": faces,
        "J_regressor": regressor,
        "kintree_table": np.array([[2**32 - 1, *PARENTS[1:]], range(16)], np.uint32),
        "J": regressor @ vertices,
        "hands_coeffs": coefficients,
        "weights": weights / weights.sum(1, keepdims=True),
        "posedirs": posedirs,
        "hands_mean": hands_mean,
        "v_template": vertices,
        "shapedirs": rng.standard_normal((778, 3, 10)) * 1.2e-3,
        "bs_type": "lrotmin",
        "bs_style": "lbs",
    }


def _skeleton() -> tuple[Double, list[tuple[Double, Double]]]:
    """Return the joints (16,3), and the bones: to the digits, within them, to their tips."""
    joints = np.zeros((16, 3))
    joints[0] = [0.095, 0.006, 0.006]
    for first, (place, step) in _DIGITS.items():
        for k in range(3):
            joints[first + k] = np.array(place) + k * np.array(step)
    ends = [(0, first) for first in _DIGITS] + [(first + k, first + k + 1) for first in _DIGITS for k in range(2)]
    tips = [(joints[first + 2], joints[first + 2] + np.array(step)) for first, (_, step) in _DIGITS.items()]
    return joints, [(joints[a], joints[b]) for a, b in ends] + tips


def _point_around(rng: np.random.Generator, bones: list[tuple[Double, Double]]) -> Double:
    start, end = bones[rng.integers(0, len(bones))]
    share, direction = rng.random(), rng.standard_normal(3)
    point: Double = start + share * (end - start) + 0.008 * (direction / np.linalg.norm(direction))
    return point


def write_mano(path: Path) -> None:
    """Write the hand as a plain pickle with a sparse regressor, as MANO_RIGHT.pkl has it."""
    arrays = mano_arrays()
    _write(path, arrays | {"J_regressor": scipy.sparse.csc_matrix(arrays["J_regressor"])})


_BODY_PARENTS = [-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 15, 15, 15]
_LEFT_HAND = [20, 25, 26, 20, 28, 29, 20, 31, 32, 20, 34, 35, 20, 37, 38]
_RIGHT_HAND = [21, 40, 41, 21, 43, 44, 21, 46, 47, 21, 49, 50, 21, 52, 53]
SMPLX_PARENTS = [*_BODY_PARENTS, *_LEFT_HAND, *_RIGHT_HAND]
SMPLX_RIGHT_TIPS = [8079, 7669, 7794, 7905, 8022]


def smplx_arrays() -> Arrays:
    """Return a body with the names and shapes of SMPLX_NEUTRAL.pkl, 10 directions of shape and 10 of expression."""
    rng = np.random.default_rng(20240502)
    n, joints = 10475, np.zeros((55, 3))
    for joint in range(1, 55):
        step = (0.03 if joint >= 25 else 0.15) * rng.standard_normal(3)
        joints[joint] = joints[SMPLX_PARENTS[joint]] + step
    owner = rng.integers(0, 55, n)
    vertices = joints[owner] + 0.012 * rng.standard_normal((n, 3))
    share, weights = 0.6 + 0.4 * rng.random(n), np.zeros((n, 55))
    weights[np.arange(n), owner] += share
    weights[np.arange(n), np.maximum(SMPLX_PARENTS, 0)[owner]] += 1 - share
    regressor = np.zeros((55, n))
    for joint in range(55):
        places, numbers = rng.choice(n, 24, replace=False), rng.random(24) + 0.1
        regressor[joint, places] = numbers / numbers.sum()
    return {
        "v_template": vertices,
        "weights": weights,
        "J_regressor": regressor,
        "kintree_table": np.array([[2**32 - 1, *SMPLX_PARENTS[1:]], range(55)], np.int64),
        "f": rng.integers(0, n, (20908, 3)).astype(np.uint32),
        "shapedirs": 2e-3 * rng.standard_normal((n, 3, 20)),
        "posedirs": 4e-4 * rng.standard_normal((n, 3, 9 * 54), dtype=np.float32),
        "hands_componentsl": np.eye(45),
        "hands_componentsr": np.eye(45),
        "hands_meanl": 0.25 * rng.standard_normal(45),
        "hands_meanr": 0.25 * rng.standard_normal(45),
        "lmk_faces_idx": rng.integers(0, 20908, 51),
        "lmk_bary_coords": np.full((51, 3), 1 / 3),
    }


def write_smplx(path: Path) -> None:
    """Write the body as a plain pickle."""
    _write(path, smplx_arrays())


def smplx_hand_vertices() -> NDArray[np.int64]:
    """Return which 778 vertices of the body are the right hand, its fingertips among them, in order."""
    rng = np.random.default_rng(20240503)
    others = np.setdiff1d(np.arange(10475), SMPLX_RIGHT_TIPS)
    return np.sort(np.concatenate([SMPLX_RIGHT_TIPS, rng.choice(others, 773, replace=False)]))


def _write(path: Path, arrays: Arrays) -> None:
    with path.open("wb") as file:
        pickle.dump(arrays, file, protocol=2)
