"""Results as pandas data frames: a row for each score, for each joint's score, for each hand and joint."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np

from benchmark.error_table import ErrorTable
from benchmark.slices import slicings
from hint.frames import PARTS, joint_rows, pd
from hint.skeleton import FINGER_OF_JOINT, JOINT_NAMES

if TYPE_CHECKING:
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


def hands_frame(table: ErrorTable) -> pd.DataFrame:
    """Return a row for each hand and joint of an error table.

    Returns:
        Columns hand_id, clip_id, subset, box_side (px), one for each of :func:`benchmark.slices.slicings`, joint, part,
        visibility, error (box sides; NaN where the joint is not in the frame, inf where it was not predicted) and
        error_px.
    """
    hands = {"hand_id": table.hand_id, "clip_id": table.clip_id, "subset": table.subset, "box_side": table.box_side}
    hands |= {slicing.column: slicing.part for slicing in slicings(table)}
    pixels = table.error * table.box_side[:, None]
    return joint_rows(hands, {"visibility": table.visibility, "error": table.error, "error_px": pixels})
