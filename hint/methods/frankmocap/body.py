"""Read the three files FrankMocap needs besides its weights, without running what is in them.

SMPL-X comes as a pickle or as npz, both of which may hold objects besides the numbers; objects are ignored.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from smplx.lbs import batch_rodrigues

from hint import safepickle
from hint.errors import InputError
from hint.files.bounded_npz import is_zip
from hint.files.npz import read_npz
from hint.mano.read import ALLOWED, dense
from hint.methods.frankmocap.hand import N_VERTICES, RightHand

Array = NDArray[np.float64]

N_BODY_VERTICES, N_BODY_JOINTS = 10475, 55

#: Joints of the body: where each hand begins, and its fingers (index, middle, little, ring, thumb).
WRIST, LEFT_FINGERS, RIGHT_FINGERS = 21, range(25, 40), range(40, 55)

#: Vertices of the body that stand for the right fingertips, thumb to little (smplx ``VERTEX_IDS['smplx']``).
TIPS = (8079, 7669, 7794, 7905, 8022)

#: Arrays of SMPL-X -> shape; None where versions differ.
_BODY: dict[str, tuple[int | None, ...]] = {
    "v_template": (N_BODY_VERTICES, 3),
    "shapedirs": (N_BODY_VERTICES, 3, None),
    "posedirs": (N_BODY_VERTICES, 3, 9 * (N_BODY_JOINTS - 1)),
    "J_regressor": (N_BODY_JOINTS, N_BODY_VERTICES),
    "weights": (N_BODY_VERTICES, N_BODY_JOINTS),
    "kintree_table": (2, N_BODY_JOINTS),
    "hands_meanl": (45,),
    "hands_meanr": (45,),
}


def read_right_hand(smplx: Path, hand_info: Path) -> RightHand:
    """Read the right hand of SMPL-X.

    Args:
        smplx: ``SMPLX_NEUTRAL.pkl`` or ``SMPLX_NEUTRAL.npz``.
        hand_info: ``SMPLX_HAND_INFO.pkl``, which lists the vertices of the hand.

    Raises:
        InputError: If a file is damaged or holds something else.
    """
    body = _arrays(smplx, _BODY, "the arrays of SMPL-X")
    stored = _arrays(hand_info, {"right_hand_verts_idx": (N_VERTICES,)}, "SMPLX_HAND_INFO.pkl")
    vertices = stored["right_hand_verts_idx"].astype(np.int64)
    if vertices.min() < 0 or vertices.max() >= N_BODY_VERTICES:
        raise InputError(f"{hand_info}: right_hand_verts_idx names vertices SMPL-X does not have")
    return _cut(body, vertices)


def read_mean_pose(path: Path) -> Array:
    """Read the pose (45,) of the fingers the regression starts from, ``mean_mano_params.pkl``.

    Raises:
        InputError: If the file is damaged or holds something else.
    """
    return _arrays(path, {"mean_pose": (48,)}, "mean_mano_params.pkl")["mean_pose"][3:]


def _cut(body: Mapping[str, Array], vertices: NDArray[np.int64]) -> RightHand:
    """Take the hand out of the body; the fingertips' vertices follow those of the hand."""
    rows, moving = np.concatenate([vertices, TIPS]), np.array([WRIST, *RIGHT_FINGERS])
    shapedirs, regressor = body["shapedirs"][..., :10], body["J_regressor"]
    rest_pose = np.zeros((N_BODY_JOINTS, 3))
    rest_pose[LEFT_FINGERS] = body["hands_meanl"].reshape(-1, 3)
    correctives = body["posedirs"][rows].reshape(len(rows), 3, N_BODY_JOINTS - 1, 9)
    still = np.einsum("vcjk,jk->vc", correctives, _bend(rest_pose[1:]))
    rest_pose[RIGHT_FINGERS] = body["hands_meanr"].reshape(-1, 3)
    return RightHand(
        v_template=body["v_template"][rows] + still,
        shapedirs=shapedirs[rows],
        posedirs=correctives[:, :, moving - 1].reshape(len(rows), 3, -1),
        lbs_weights=body["weights"][rows],
        rest_joints=regressor @ body["v_template"],
        joint_shapedirs=np.einsum("jv,vcs->jcs", regressor, shapedirs),
        parents=np.array([-1, *body["kintree_table"][0, 1:]], np.int64),
        rest_pose=rest_pose,
        moving=moving,
        tips=np.arange(len(vertices), len(rows)),
    )


def _bend(angles: Array) -> Array:
    """Return the flattened (R - I) of axis-angle rotations: (J,3) to (J,9)."""
    matrices: Array = batch_rodrigues(torch.from_numpy(angles)).numpy()
    return (matrices - np.eye(3)).reshape(len(angles), 9)


def _arrays(path: Path, shapes: Mapping[str, tuple[int | None, ...]], what: str) -> dict[str, Array]:
    """Read some arrays and ignore the rest of the file."""
    stored = read_npz(path, only=list(shapes)) if is_zip(path) else safepickle.load(path, ALLOWED)
    if not isinstance(stored, Mapping):
        raise InputError(f"{path}: holds a {type(stored).__name__}, not {what}")
    absent = [name for name in shapes if name not in stored]
    if absent:
        raise InputError(f"{path}: is not {what}: {', '.join(absent)} absent")
    return {name: _array(stored[name], shape, f"{path}: {name}") for name, shape in shapes.items()}


def _array(value: Any, shape: tuple[int | None, ...], what: str) -> Array:
    try:
        array = np.asarray(dense(value), np.float64)
    except safepickle.DAMAGE as error:
        raise InputError(f"{what} is not an array of numbers ({error})") from error
    if len(array.shape) != len(shape) or any(n not in (None, m) for n, m in zip(shape, array.shape, strict=True)):
        expected = ", ".join("any" if n is None else str(n) for n in shape)
        raise InputError(f"{what} has shape {array.shape}, not ({expected})")
    return array
