"""A hand of our own with MANO's topology and conventions, free of MANO's licence.

It is made by code from a handful of measures: bones, a signed distance field of flesh around them, a mesh laid on that
field, and the arrays a MANO layer needs. Scores of methods need the real model; this one lets everything else run.
"""

from functools import lru_cache

import numpy as np

from hint.mano.model import ManoModel
from hint.mano.procedural.anatomy import rest_joints
from hint.mano.procedural.rig import (
    joint_regressor,
    pose_correctives,
    pose_statistics,
    shape_directions,
    skinning_weights,
)
from hint.mano.procedural.surface import hand_surface
from hint.skeleton import MANO_PARENTS

__all__ = ["procedural_hand"]


@lru_cache(maxsize=1)
def procedural_hand() -> ManoModel:
    """Make the right hand; the same arrays every time."""
    points, faces, surface = hand_surface()
    regressor = joint_regressor(points, rest_joints())
    joints = regressor @ points
    weights = skinning_weights(points, faces, surface)
    mean, components = pose_statistics()
    return ManoModel(
        v_template=points,
        faces=faces,
        shapedirs=shape_directions(points, weights, joints),
        posedirs=pose_correctives(points, faces, weights, joints, surface.rings["wrist"][0]),
        j_regressor=regressor,
        lbs_weights=weights,
        parents=np.array(MANO_PARENTS),
        hands_mean=mean,
        hands_components=components,
        source="procedural",
    )
