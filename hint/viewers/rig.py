"""A hand that a track of MANO parameters moves: a mesh at rest, its bones, and how they turn from frame to frame.

The shape is the mean of the track. MANO also bends the surface itself with the pose (pose correctives), which bones
cannot do; the mesh at rest holds the mean of that over the track.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from hint.mano.model import TIP_VERTICES, ManoModel
from hint.types import Double, ManoMethod, ManoParameters

#: Joints per vertex in glTF; more need a second set, which few viewers read.
INFLUENCES = 4

_MIRROR = np.diag([-1.0, 1.0, 1.0])


@runtime_checkable
class RiggedMethod(ManoMethod, Protocol):
    """A method whose hand model is known, so that bones can move it."""

    @property
    def hand_model(self) -> ManoModel:
        """The right hand it poses."""
        ...


@dataclass(frozen=True, eq=False)
class Axes:
    """The axes a track is written in: a point x of the camera is at R x + t.

    Attributes:
        rotation: (F,3,3) of each frame.
        translation: (F,3) metres.
    """

    rotation: Double
    translation: Double


@dataclass(frozen=True, eq=False)
class RiggedTrack:
    """One hand of a video, with bones.

    Attributes:
        name: Its name.
        is_right: Side.
        vertices: (V,3) at rest, metres.
        faces: (T,3) triangles, counter-clockwise seen from outside.
        joints: (16,3) at rest, in MANO's order.
        tips: (5,3) fingertips at rest: thumb to little finger.
        parents: (16,) -1 for the wrist.
        influences: (V,4) the joints that move each vertex.
        weights: (V,4) how much; their sum is 1.
        rotations: (F,16,3,3) of each joint relative to its parent; the wrist's is relative to the axes.
        wrist: (F,3) where the wrist is.
        seconds: (F,) when; they rise.
    """

    name: str
    is_right: bool
    vertices: Double
    faces: NDArray[np.int64]
    joints: Double
    tips: Double
    parents: NDArray[np.int64]
    influences: NDArray[np.int64]
    weights: Double
    rotations: Double
    wrist: Double
    seconds: Double

    def offsets(self) -> Double:
        """Return (16,3) where each joint is at rest, from its parent; zero for the wrist."""
        offsets = self.joints - self.joints[self.parents]
        offsets[0] = 0
        return offsets

    def posed(self) -> Double:
        """Return (F,V,3) vertices as bones move them, as viewers compute them."""
        turns, places = self.rotations.copy(), np.zeros((*self.rotations.shape[:2], 3))
        places[:, 0] = self.wrist
        for joint, (parent, offset) in enumerate(zip(self.parents.tolist(), self.offsets(), strict=True)):
            if parent >= 0:
                places[:, joint] = places[:, parent] + turns[:, parent] @ offset
                turns[:, joint] = turns[:, parent] @ self.rotations[:, joint]
        from_joint = self.vertices[:, None] - self.joints[self.influences]
        moved = np.einsum("fvkij,vkj->fvki", turns[:, self.influences], from_joint) + places[:, self.influences]
        posed: Double = np.einsum("vk,fvki->fvi", self.weights, moved)
        return posed


def rig(
    model: ManoModel,
    parameters: ManoParameters,
    is_right: bool,
    shift: Double,
    seconds: Sequence[float],
    axes: Axes,
    name: str,
) -> RiggedTrack:
    """Give the hands of a track one mesh with bones.

    Args:
        model: The right hand.
        parameters: Of F frames; all finite.
        is_right: Side.
        shift: (F,3) metres, added to vertices to place the hand before the camera.
        seconds: When each frame is shown; they rise.
        axes: What to write it in.
        name: Of the track.
    """
    mirror = np.eye(3) if is_right else _MIRROR
    shaped = model.v_template + model.shapedirs @ parameters.betas.mean(0, dtype=np.float64)
    joints = model.j_regressor @ shaped
    turned = (parameters.hand_pose.astype(np.float64) - np.eye(3)).reshape(len(parameters), -1)
    vertices = (shaped + model.posedirs @ turned.mean(0)) @ mirror
    influences = np.argsort(-model.lbs_weights, 1, kind="stable")[:, :INFLUENCES]
    weights = np.take_along_axis(model.lbs_weights, influences, 1)
    rotations = np.concatenate([parameters.global_orient, parameters.hand_pose], 1).astype(np.float64)
    rotations = mirror @ rotations @ mirror
    rotations[:, 0] = axes.rotation @ rotations[:, 0]
    wrist = np.einsum("fij,fj->fi", axes.rotation, joints[0] @ mirror + shift) + axes.translation
    return RiggedTrack(
        name,
        is_right,
        vertices,
        model.faces if is_right else model.faces[:, ::-1].copy(),
        joints @ mirror,
        vertices[list(TIP_VERTICES)],
        model.parents,
        np.where(weights > 0, influences, 0),
        weights / weights.sum(1, keepdims=True),
        rotations,
        wrist,
        np.asarray(seconds, np.float64),
    )
