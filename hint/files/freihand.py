"""FreiHAND's evaluation set as it is unpacked: ``evaluation_*.json`` and ``evaluation/rgb/00000000.jpg`` ...

Its joints are in HInt's order and its axes are those of the camera (x right, y down, z forward), so methods' output
needs no change. All hands are right hands.

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
    """Read the ground truth; every hand is its own clip, because recordings are not named.

    Raises:
        InputError: If files are missing, malformed, or contradict each other.
    """
    joints, vertices = read_truth(folder)
    ids = np.array([f"{place:08d}" for place in range(len(joints))])
    return MeshLabels(ids, ids, joints, vertices)


def freihand_views(folder: Path, hand_ids: Sequence[str]) -> MeshViews:
    """Return the pictures of some hands; the box follows from the picture, which is cut around the hand.

    Raises:
        MissingRequirementError: If pictures are missing.
    """
    pictures = [folder / "evaluation" / "rgb" / f"{hand_id}.jpg" for hand_id in hand_ids]
    missing = [picture.name for picture in pictures if not picture.is_file()]
    if missing:
        raise MissingRequirementError(
            f"{folder}/evaluation/rgb lacks {len(missing)} of {len(pictures)} pictures: {some_ids(missing)}; "
            "unpack FreiHAND's evaluation set there"
        )
    box = half_of_crop((_SIDE / 2, _SIDE / 2), (_SIDE, _SIDE))
    hands = [Hand(hand_id, box, True, picture) for hand_id, picture in zip(hand_ids, pictures, strict=True)]
    return MeshViews(hands, "whole picture")


def to_freihand(predictions: Predictions, views: MeshViews) -> tuple[Double, Double]:
    """Return joints (N,21,3) and vertices (N,V,3) in metres as a method gave them, one row per prediction."""
    del views
    return np.asarray(predictions.keypoints_3d, np.float64), np.asarray(predictions.vertices, np.float64)
