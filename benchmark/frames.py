"""Results as pandas data frames: a row for each score, for each joint's score, for each hand and joint."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np

from benchmark.error_table import ErrorTable
from benchmark.slices import slicings
from hint.frames import PARTS, joint_rows
from hint.frames import pandas as pd
from hint.skeleton import FINGER_OF_JOINT, JOINT_NAMES

if TYPE_CHECKING:
    from benchmark.mesh.error_table import MeshErrors
    from benchmark.record import Record

_SCORE_COLUMNS = (
    *("method", "protocol", "subset", "visibility", "metric", "threshold", "value", "low", "high"),
    *("n_hands", "n_keypoints", "n_clips"),
)
_JOINT_COLUMNS = ("subset", "visibility", "metric", "threshold", "joint", "part", "value", "n_keypoints")
_PART_OF_JOINT = {name: PARTS[finger + 1] for name, finger in zip(JOINT_NAMES, FINGER_OF_JOINT, strict=True)}


def scores_frame(record: Record) -> pd.DataFrame:
    """Return a row for each score of a record; ``threshold``, ``low`` and ``high`` are NaN where there is none."""
    named = {"method": record.method.name, "protocol": record.protocol.id}
    rows = [{**named, **asdict(score), **(asdict(score.ci) if score.ci else {})} for score in record.scores]
    return _numbers(pd.DataFrame(rows, columns=list(_SCORE_COLUMNS)), "threshold", "low", "high")


def joint_scores_frame(record: Record) -> pd.DataFrame:
    """Return a row for each joint's score of a record, with the part of the hand the joint belongs to."""
    rows = [{**asdict(joint), "part": _PART_OF_JOINT[joint.joint]} for joint in record.per_joint]
    return _numbers(pd.DataFrame(rows, columns=list(_JOINT_COLUMNS)), "threshold")


def _numbers(frame: pd.DataFrame, *columns: str) -> pd.DataFrame:
    """Make numbers of columns that may hold None."""
    return frame.astype(dict.fromkeys(columns, np.float64))


def hands_frame(record: Record, table: ErrorTable | MeshErrors) -> pd.DataFrame:
    """Return a row for each hand and joint of an error table of a record."""
    if isinstance(table, ErrorTable):
        return keypoints_frame(table)
    return mesh_frame(table, list(dict.fromkeys(score.joint for score in record.per_joint)))


def keypoints_frame(table: ErrorTable) -> pd.DataFrame:
    """Return a row for each hand and joint of an error table.

    Returns:
        Columns hand_id, clip_id, subset, box_side (px), one for each of :func:`benchmark.slices.slicings`, joint, part,
        visibility, error (box sides; NaN where the joint is not in the frame, inf where it was not predicted) and
        distance_px.
    """
    hands = {"hand_id": table.hand_id, "clip_id": table.clip_id, "subset": table.subset, "box_side": table.box_side}
    hands |= {slicing.column: slicing.part for slicing in slicings(table)}
    return joint_rows(hands, {"visibility": table.visibility, "error": table.error, "distance_px": table.distance_px})


def mesh_frame(table: MeshErrors, order: Sequence[str]) -> pd.DataFrame:
    """Return a row for each hand and joint of a 3D error table.

    Args:
        table: Errors of one method.
        order: Names of its joints.

    Returns:
        Columns hand_id, clip_id, the metrics of each hand, joint, part, and distance_mm_ALIGNMENT; inf where the hand
        was not predicted.
    """
    hands = {"hand_id": table.hand_id, "clip_id": table.clip_id, **table.values}
    return joint_rows(hands, {f"distance_mm_{name}": 1000 * metres for name, metres in table.joints.items()}, order)
