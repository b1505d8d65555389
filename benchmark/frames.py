"""Results as pandas data frames: a row for each score, for each joint's score, for each hand and joint."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np

from benchmark.error_table import ErrorTable
from benchmark.oks.table import OksTable
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


def hands_frame(record: Record, table: ErrorTable | MeshErrors | OksTable) -> pd.DataFrame:
    """Return a row for each hand and joint of an error table of a record; of OKS for each hand."""
    if isinstance(table, OksTable):
        return oks_frame(table)
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


def oks_frame(table: OksTable) -> pd.DataFrame:
    """Return a row for each labelled hand.

    Returns:
        Columns hand_id, clip_id, subset, picture, is_right, area (px²), detections (in its picture) and oks: the
        highest similarity of one of its side there on joints in the frame; 0 without any, NaN where no joint counts.
    """
    from benchmark.oks.coco import match
    from benchmark.oks.protocol import load_oks_protocol

    rules = load_oks_protocol().with_sigmas(table.sigmas.tolist(), "")  # a similarity depends on nothing else
    best: dict[str, float] = {}
    for subset in table.subsets:
        found = match(table, subset, "all", False, rules)
        best |= found.best if found else {}
    labels, pictures = table.labels, Counter(table.found.picture.tolist())
    size = labels.box_xyxy[:, 2:] - labels.box_xyxy[:, :2]
    return pd.DataFrame(
        {
            "hand_id": labels.hand_id.astype(object),
            "clip_id": labels.clip_id.astype(object),
            "subset": labels.subset.astype(object),
            "picture": table.picture.astype(object),
            "is_right": labels.is_right,
            "area": size.prod(1),
            "detections": [pictures[picture] for picture in table.picture.tolist()],
            "oks": [best.get(hand, np.nan) for hand in labels.hand_id.tolist()],
        }
    )


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
