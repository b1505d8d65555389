"""Labels and predictions as pandas data frames, a row for each hand and joint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hint.errors import MissingRequirementError
from hint.requirements import pip_command
from hint.skeleton import FINGER_OF_JOINT, FINGERS, JOINT_NAMES, N_JOINTS
from hint.types import HandLabels, Predictions

try:
    import pandas as pandas
except ModuleNotFoundError as error:
    raise MissingRequirementError(f"data frames need pandas: {pip_command('pandas')}") from error

if TYPE_CHECKING:
    from hint.hand_rows import HandRows

#: The wrist, then the fingers: groups of joints, in order.
PARTS = ("wrist", *FINGERS)


def rows_frame(rows: HandRows[Any]) -> pandas.DataFrame:
    """Return the frame of labels or predictions.

    Raises:
        TypeError: If they are neither.
    """
    if isinstance(rows, HandLabels):
        return labels_frame(rows)
    if isinstance(rows, Predictions):
        return predictions_frame(rows)
    raise TypeError(f"no frame of {type(rows).__name__}")


def labels_frame(labels: HandLabels) -> pandas.DataFrame:
    """Return columns hand_id, clip_id, subset, is_right, x0, y0, x1, y1, image, joint, part, x, y, visibility."""
    box = dict(zip(("x0", "y0", "x1", "y1"), labels.box_xyxy.T, strict=True))
    hands: dict[str, ArrayLike] = {"hand_id": labels.hand_id, "clip_id": labels.clip_id, "subset": labels.subset}
    hands |= {"is_right": labels.is_right, **box, "image": labels.image}
    x, y = np.moveaxis(labels.keypoints_2d, 2, 0)
    return joint_rows(hands, {"x": x, "y": y, "visibility": labels.visibility})


def predictions_frame(predictions: Predictions) -> pandas.DataFrame:
    """Return columns hand_id, joint, part, x, y, and x_3d, y_3d, z_3d (metres), score, ... where they are known."""
    hands: dict[str, ArrayLike] = {"hand_id": predictions.hand_id}
    x, y = np.moveaxis(predictions.keypoints_2d, 2, 0)
    joints: dict[str, ArrayLike] = {"x": x, "y": y}
    if predictions.keypoints_3d is not None:
        joints |= dict(zip(("x_3d", "y_3d", "z_3d"), np.moveaxis(predictions.keypoints_3d, 2, 0), strict=True))
    if predictions.score is not None:
        (joints if predictions.score.ndim == 2 else hands)["score"] = predictions.score
    for name in ("existence", "occlusion"):
        if (values := getattr(predictions, name)) is not None:
            joints[name] = values
    return joint_rows(hands, joints)


def joint_rows(
    hands: Mapping[str, ArrayLike], joints: Mapping[str, ArrayLike], order: Sequence[str] = JOINT_NAMES
) -> pandas.DataFrame:
    """Return a frame with a row for each hand and joint.

    Args:
        hands: Column -> (N,) values of hands, repeated for every joint.
        joints: Column -> (N,21) values of joints.
        order: Names of the joints in those columns.

    Returns:
        The columns of ``hands``, joint and part (ordered categories), the columns of ``joints``.
    """
    n = len(np.asarray(next(iter(hands.values()))))
    repeated = {name: np.repeat(_plain(np.asarray(values)), N_JOINTS) for name, values in hands.items()}
    codes = np.array([JOINT_NAMES.index(name) for name in order])
    parts = np.array(FINGER_OF_JOINT)[codes] + 1
    kinds = {
        "joint": pandas.Categorical.from_codes(np.tile(codes, n), JOINT_NAMES, ordered=True),
        "part": pandas.Categorical.from_codes(np.tile(parts, n), PARTS, ordered=True),
    }
    return pandas.DataFrame({**repeated, **kinds, **{name: np.ravel(np.asarray(v)) for name, v in joints.items()}})


def _plain(values: NDArray[Any]) -> NDArray[Any]:
    """Let repeated strings share their memory."""
    return values.astype(object) if values.dtype.kind == "U" else values
