"""FreiHAND's evaluation set as it is unpacked: ``evaluation_*.json`` and ``evaluation/rgb/00000000.jpg`` ...

Its joints stand in HInt's order and its axes are those of the camera (x right, y down, z ahead), so that what methods
say needs no change. All hands are right ones.

Source: ``pred.py`` of FreiHAND (Zimmermann et al. 2019); boxes as in HaMeR's evaluation files.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from hint.errors import MissingRequirementError, some_ids
from hint.files.mesh_labels import MeshLabels, MeshViews, half_of_crop, read_truth
from hint.types import Double, Hand, Predictions

#: Side of every picture, px; the hand is in the middle.
_SIDE = 224.0


def read_freihand(folder: Path) -> MeshLabels:
    """Read the ground truth; every hand is a clip of its own, because recordings are not named.

    Raises:
        InputError: If files are absent, malformed, or contradict each other.
    """
    joints, vertices = read_truth(folder)
    ids = np.array([f"{place:08d}" for place in range(len(joints))])
    return MeshLabels(ids, ids, joints, vertices)


def freihand_views(folder: Path, hand_ids: Sequence[str]) -> MeshViews:
    """Return the pictures of some hands; the box follows from the picture, which is cut around the hand.

    Raises:
        MissingRequirementError: If pictures are absent.
    """
    pictures = [folder / "evaluation" / "rgb" / f"{hand_id}.jpg" for hand_id in hand_ids]
    absent = [picture.name for picture in pictures if not picture.is_file()]
    if absent:
        raise MissingRequirementError(
            f"{folder}/evaluation/rgb lacks {len(absent)} of {len(pictures)} pictures: {some_ids(absent)}; "
            "unpack FreiHAND's evaluation set there"
        )
    box = half_of_crop((_SIDE / 2, _SIDE / 2), (_SIDE, _SIDE))
    hands = [Hand(hand_id, box, True, picture) for hand_id, picture in zip(hand_ids, pictures, strict=True)]
    return MeshViews(hands, "whole picture")


def to_freihand(predictions: Predictions, views: MeshViews) -> tuple[Double, Double]:
    """Return joints (N,21,3) and vertices (N,V,3) in metres as a method gave them, one row per prediction."""
    del views
    return np.asarray(predictions.keypoints_3d, np.float64), np.asarray(predictions.vertices, np.float64)
