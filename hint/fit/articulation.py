"""The 21 joints of a MANO hand as functions of anatomical angles and shape, with their derivatives.

Fitting needs no mesh: a joint is a point of its own bone, and a fingertip is one skinned vertex. All of them are linear
in the shape, so points are carried along the kinematic chain as (3,11): the mean hand and its ten shape directions.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hint.errors import InputError
from hint.mano.model import TIP_VERTICES, ManoModel
from hint.mano.poses import ANGLE_NAMES, finger_frame
from hint.skeleton import FINGERS, FROM_MANO, MANO_JOINT_NAMES, MANO_PARENTS

N_ANGLES = len(ANGLE_NAMES)
N_BETAS = 10

#: Rotations a pose consists of: three of the wrist about the camera's axes, then the anatomical angles.
N_TURNS = 3 + N_ANGLES

_Array = NDArray[np.float64]


class Points(NamedTuple):
    """Posed joints of B hands and their derivatives.

    Attributes:
        places: (B,21,3) metres, HInt order.
        by_turn: (B,21,3,24) metres per radian: the wrist about x, y and z, then the 21 angles.
        by_betas: (B,21,3,10) metres per unit of shape.
        rotations: (B,15,3,3) of the finger joints, relative to their parents, in MANO's order.
    """

    places: Tensor
    by_turn: Tensor
    by_betas: Tensor
    rotations: Tensor


class _Bones(NamedTuple):
    """Where the bones of B hands are.

    Attributes:
        local: (B,15,3,3) rotation of each finger joint relative to its parent.
        world: (B,16,3,3) rotation of every joint in camera axes.
        origins: (B,16,3,11) places of the joints, as columns.
        centres: (B,16,3) places of the joints, metres.
    """

    local: Tensor
    world: Tensor
    origins: Tensor
    centres: Tensor


class _Posed(NamedTuple):
    """The joints and tips of B hands.

    Attributes:
        places: (B,21,3) metres, MANO's order, then the tips.
        columns: (B,21,3,11) the same without the correctives, the mean hand and its shape directions.
        skin: (B,5,3,3) blended rotations of the tips.
        shift: (B,5,3) correctives of the tips.
    """

    places: Tensor
    columns: Tensor
    skin: Tensor
    shift: Tensor


class Articulation:
    """The joints of one hand model, to be posed in batches.

    Args:
        model: The hand. The axes of its fingers follow from its rest joints.
        dtype: Of all tensors.

    Raises:
        InputError: If the joints do not form MANO's tree.
    """

    def __init__(self, model: ManoModel, dtype: torch.dtype = torch.float64) -> None:
        if tuple(model.parents.tolist()) != MANO_PARENTS:
            raise InputError(f"{model.source}: its joints do not form MANO's tree {MANO_PARENTS}")
        self.dtype = dtype
        self._eye = torch.eye(3, dtype=dtype)
        self._order = torch.tensor(FROM_MANO)
        shaped = np.concatenate([model.v_template[..., None], model.shapedirs], 2)
        joints = np.einsum("jv,vcs->jcs", model.j_regressor, shaped)
        self._set_shape(model, shaped, joints)
        self._set_turns(joints[..., 0])

    def _set_shape(self, model: ManoModel, shaped: _Array, joints: _Array) -> None:
        tips = list(TIP_VERTICES)
        self._joints = self._fixed(joints)
        self._bones = self._fixed(joints[1:] - joints[list(MANO_PARENTS[1:])]).view(5, 3, 3, 11)
        self._tips = self._fixed(shaped[tips])
        self._weights = self._fixed(model.lbs_weights[tips])
        # (15,9,15): what each entry of a joint's rotation adds to the coordinates of the tips.
        self._correctives = self._fixed(model.posedirs[tips].reshape(15, 15, 9).transpose(1, 2, 0))

    def _set_turns(self, joints: _Array) -> None:
        axes, angle_of_slot = _turns(joints)
        cross = _cross_matrices(axes.reshape(45, 3))
        self._axes, self._cross, self._square = self._fixed(axes), self._fixed(cross), self._fixed(cross @ cross)
        self._angle_of_slot = torch.tensor(angle_of_slot).clamp_min(0)
        self._is_used = self._fixed(angle_of_slot >= 0)
        slot_of_angle = np.argsort(np.where(angle_of_slot < 0, N_ANGLES, angle_of_slot), kind="stable")[:N_ANGLES]
        self._slot_of_angle = torch.tensor(slot_of_angle)
        joint_of_turn = np.concatenate([[0, 0, 0], slot_of_angle // 3 + 1])
        self._joint_of_turn = torch.tensor(joint_of_turn)
        carried = _descendants()[joint_of_turn]
        # A joint does not move as it turns itself.
        self._carried = self._fixed(carried.T)
        self._moved = self._fixed((carried & (np.arange(16) != joint_of_turn[:, None])).T)[..., None]

    def _fixed(self, values: NDArray[Any]) -> Tensor:
        return torch.tensor(values, dtype=self.dtype)

    def joints(self, global_orient: Tensor, hand_pose: Tensor, betas: Tensor) -> Tensor:
        """Return the joints (B,21,3) that :class:`hint.mano.layer.ManoLayer` returns, without a mesh; metres.

        Args:
            global_orient: (B,1,3,3) rotation of the wrist.
            hand_pose: (B,15,3,3) of the finger joints, relative to their parents.
            betas: (B,10) shape.
        """
        shape = _with_mean(betas)
        return self._posed(self._walk(global_orient[:, 0], hand_pose, shape), shape).places[:, self._order]

    def pose(self, wrist: Tensor, angles: Tensor, betas: Tensor) -> Points:
        """Pose the joints by angles, with derivatives.

        Args:
            wrist: (B,3,3) rotation.
            angles: (B,21) radians, in the order of :data:`hint.mano.poses.ANGLE_NAMES`.
            betas: (B,10) shape.
        """
        shape = _with_mean(betas)
        first, second, local = self._turned(angles)
        bones = self._walk(wrist, local, shape)
        posed = self._posed(bones, shape)
        levers = self._levers(bones, shape, posed.shift)
        axes, own = self._world_axes(wrist, bones, first, second)
        by_turn = torch.linalg.cross(axes[:, None], levers)
        by_turn[:, 16:, 3:] += self._corrective_turns(posed.skin, own, local)
        order = self._order
        return Points(posed.places[:, order], by_turn[:, order].transpose(2, 3), posed.columns[:, order, :, 1:], local)

    def _turned(self, angles: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the rotations (B,15,3,3) of the finger joints after their first, second and third turn."""
        turned = angles[:, self._angle_of_slot] * self._is_used
        sine, cosine = turned.sin()[..., None, None], turned.cos()[..., None, None]
        turns = (self._eye + sine * self._cross + (1 - cosine) * self._square).view(-1, 15, 3, 3, 3)
        first = turns[:, :, 0]
        second = first @ turns[:, :, 1]
        return first, second, second @ turns[:, :, 2]

    def _walk(self, wrist: Tensor, local: Tensor, shape: Tensor) -> _Bones:
        """Walk from the wrist to the ends of the fingers."""
        fingers = local.view(-1, 5, 3, 3, 3)
        world, origins = [wrist[:, None].expand(-1, 5, 3, 3)], [self._joints[0].expand(len(wrist), 5, 3, 11)]
        for level in range(3):
            origins.append(origins[level] + world[level] @ self._bones[:, level])
            world.append(world[level] @ fingers[:, :, level])
        every = torch.cat([wrist[:, None], torch.stack(world[1:], 2).flatten(1, 2)], 1)
        places = torch.cat([origins[0][:, :1], torch.stack(origins[1:], 2).flatten(1, 2)], 1)
        return _Bones(local, every, places, _times(places, shape))

    def _posed(self, bones: _Bones, shape: Tensor) -> _Posed:
        """Place the joints, and skin the tips."""
        skin, tips, shift = self._skinned(bones)
        columns = torch.cat([bones.origins, tips], 1)
        places = _times(columns, shape)
        places[:, 16:] += _times(skin, shift[..., None])
        return _Posed(places, columns, skin, shift)

    def _skinned(self, bones: _Bones) -> tuple[Tensor, Tensor, Tensor]:
        """Return the blended rotations (B,5,3,3) of the tips, the tips as columns, and their correctives (B,5,3)."""
        b = len(bones.local)
        flat = (bones.local - self._eye).reshape(b, 15, 9)
        shift = torch.bmm(flat.transpose(0, 1), self._correctives).sum(0).view(b, 5, 3)
        frames = torch.cat([bones.world, bones.origins - bones.world @ self._joints], 3).flatten(2)
        blended = (self._weights @ frames).view(b, 5, 3, 14)
        return blended[..., :3], blended[..., :3] @ self._tips + blended[..., 3:], shift

    def _levers(self, bones: _Bones, shape: Tensor, shift: Tensor) -> Tensor:
        """Return (B,21,24,3): from the centre of each turn to what it moves, weighted as the tips are skinned."""
        centre = bones.centres[:, self._joint_of_turn]
        joints = self._moved * (bones.centres[:, :, None] - centre[:, None])
        rest, knuckles = _times(self._tips, shape) + shift, _times(self._joints, shape)
        # (B,16,5,3): where each bone alone would carry each tip.
        alone = (rest[:, None] - knuckles[:, :, None]) @ bones.world.transpose(2, 3) + bones.centres[:, :, None]
        weighted = (alone * self._weights.T[..., None]).flatten(2)
        tips = (self._carried.T @ weighted).view(-1, N_TURNS, 5, 3).transpose(1, 2)
        share = (self._weights @ self._carried)[..., None]
        return torch.cat([joints, tips - share * centre[:, None]], 1)

    def _world_axes(self, wrist: Tensor, bones: _Bones, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
        """Return the axes (B,24,3) of all turns in camera axes, and (B,15,3,3) those of each joint in its parent's."""
        b = len(wrist)
        later = [_times(first, self._axes[:, 1, :, None]), _times(second, self._axes[:, 2, :, None])]
        own = torch.stack([self._axes[:, 0].expand(b, 15, 3), *later], 2)
        parents = bones.world[:, list(MANO_PARENTS[1:])]
        seen = (own @ parents.transpose(2, 3)).flatten(1, 2)[:, self._slot_of_angle]
        return torch.cat([self._eye.expand(b, 3, 3), seen], 1), own

    def _corrective_turns(self, skin: Tensor, own: Tensor, local: Tensor) -> Tensor:
        """Return (B,5,21,3): how the pose correctives move the tips as each angle grows."""
        b = len(own)
        change = torch.linalg.cross(own[..., None], local[:, :, None], dim=3)
        flat = change.view(b, 15, 27).transpose(0, 1).reshape(15, 3 * b, 9)
        moved = torch.bmm(flat, self._correctives).view(15, b, 3, 5, 3).permute(1, 3, 0, 2, 4).flatten(2, 3)
        return moved[:, :, self._slot_of_angle] @ skin.transpose(2, 3)


def _with_mean(betas: Tensor) -> Tensor:
    """Return (B,1,11,1): what multiplies the mean hand and its shape directions."""
    return torch.cat([torch.ones_like(betas[:, :1]), betas], 1)[:, None, :, None]


def _times(matrices: Tensor, columns: Tensor) -> Tensor:
    """Return (...,r) products of (...,r,c) and (...,c,1)."""
    return (matrices @ columns).squeeze(-1)


def _turns(joints: _Array) -> tuple[_Array, NDArray[np.int64]]:
    """Return the axes (15,3,3) of the three turns of each joint, and the angle (45,) of each, -1 where there is none.

    As in :func:`hint.mano.poses.pose_from_angles`: the first turn of a joint is that nearest to the wrist.
    """
    axes, angles = np.zeros((15, 3, 3)), np.full((15, 3), -1)
    for place, finger in enumerate(FINGERS):
        base = MANO_JOINT_NAMES.index(f"{finger}1") - 1
        flexion, dorsal, distal = finger_frame(finger, joints[base + 3] - joints[base + 1])
        first = 0 if finger == "thumb" else 4 * place + 1
        if finger == "thumb":
            axes[base], angles[base] = (dorsal, flexion, -distal), (1, 0, 2)
        else:
            away = 1.0 if finger in ("index", "middle") else -1.0
            axes[base, :2], angles[base, :2] = (away * dorsal, flexion), (first + 1, first)
        axes[base + 1 : base + 3, 0] = flexion
        angles[base + 1 : base + 3, 0] = (3, 4) if finger == "thumb" else (first + 2, first + 3)
    return axes, angles.ravel()


def _cross_matrices(axes: _Array) -> _Array:
    """Return (n,3,3) matrices that multiply as the cross product with (n,3) vectors does."""
    x, y, z = axes.T
    nothing = np.zeros_like(x)
    return np.stack([nothing, -z, y, z, nothing, -x, -y, x, nothing], 1).reshape(-1, 3, 3)


def _descendants() -> NDArray[np.bool_]:
    """Return (16,16): whether the second joint is the first or hangs on it."""
    below = np.eye(16, dtype=bool)
    for joint in range(15, 0, -1):
        below[MANO_PARENTS[joint]] |= below[joint]
    return below
