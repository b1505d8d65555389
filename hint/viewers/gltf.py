"""An animated hand as binary glTF 2.0: a skin with MANO's joints as bones, and a keyframe for each frame.

trimesh writes the mesh; the skin, the bones and the animation are added to what it writes.
Source: Khronos, glTF 2.0, sections 3.7.3 (skins) and 3.11 (animations).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial.transform import Rotation

from hint.normals import vertex_normals
from hint.render import LEFT_COLOUR, RIGHT_COLOUR
from hint.skeleton import MANO_JOINT_NAMES
from hint.types import Double
from hint.viewers.rig import RiggedTrack
from hint.viewers.surface import coloured_material, mark_buffers

_TYPES = {1: "SCALAR", 3: "VEC3", 4: "VEC4", 16: "MAT4"}
_COMPONENTS = {"u1": 5121, "f4": 5126}


def glb(track: RiggedTrack) -> bytes:
    """Return an animated hand; equal tracks give equal bytes."""
    import trimesh

    surface = trimesh.Trimesh(
        track.vertices, track.faces, vertex_normals=vertex_normals(track.vertices, track.faces), process=False
    )
    colour = RIGHT_COLOUR if track.is_right else LEFT_COLOUR
    surface.visual = trimesh.visual.TextureVisuals(material=coloured_material(colour))

    def add_arrays(buffers: Any, tree: dict[str, Any]) -> None:
        _Rig(track, buffers, tree).add()

    content: bytes = trimesh.exchange.gltf.export_glb(
        surface.scene(), include_normals=True, buffer_postprocessor=add_arrays, tree_postprocessor=mark_buffers
    )
    return content


class _Rig:
    """Adds what trimesh does not write to a scene of one mesh: node 0 is the mesh, joints follow."""

    def __init__(self, track: RiggedTrack, buffers: Any, tree: dict[str, Any]) -> None:
        self._track, self._buffers, self._tree = track, buffers, tree

    def add(self) -> None:
        track, tree = self._track, self._tree
        mesh = tree["meshes"][0]
        mesh["name"] = track.name
        mesh["primitives"][0]["attributes"] |= {
            "JOINTS_0": self._array("joints", track.influences, "u1"),
            "WEIGHTS_0": self._array("weights", track.weights),
        }
        inverse = np.tile(np.eye(4), (len(track.joints), 1, 1))
        inverse[:, 3, :3] = -track.joints  # column by column, as glTF stores matrices
        joints = list(range(1, 1 + len(track.joints)))
        tree["nodes"] = [{"name": track.name, "mesh": 0, "skin": 0}, *self._bones()]
        tree["scenes"] = [{"nodes": [0, 1]}]
        tree["skins"] = [
            {
                "joints": joints,
                "skeleton": 1,
                "inverseBindMatrices": self._array("inverse", inverse.reshape(-1, 16)),
            }
        ]
        tree["animations"] = [self._animation()]

    def _bones(self) -> list[dict[str, Any]]:
        track = self._track
        children: list[list[int]] = [[] for _ in track.joints]
        for joint, parent in enumerate(track.parents.tolist()):
            if parent >= 0:
                children[parent].append(1 + joint)
        offsets, first = track.offsets(), quaternions(track.rotations[0])
        offsets[0] = track.wrist[0]
        bones: list[dict[str, Any]] = [
            {"name": name, "translation": offset.tolist(), "rotation": turn.tolist()}
            for name, offset, turn in zip(MANO_JOINT_NAMES, offsets, first, strict=True)
        ]
        for bone, below in zip(bones, children, strict=True):
            if below:
                bone["children"] = below
        return bones

    def _animation(self) -> dict[str, Any]:
        track = self._track
        times = self._array("seconds", track.seconds[:, None])
        values = [self._array("wrist", track.wrist)]
        values += [self._array(f"turns{k}", quaternions(track.rotations[:, k])) for k in range(len(track.joints))]
        paths = [(1, "translation"), *((1 + k, "rotation") for k in range(len(track.joints)))]
        return {
            "name": track.name,
            "samplers": [{"input": times, "output": value, "interpolation": "LINEAR"} for value in values],
            "channels": [
                {"sampler": k, "target": {"node": node, "path": path}} for k, (node, path) in enumerate(paths)
            ],
        }

    def _array(self, name: str, values: ArrayLike, kind: str = "f4") -> int:
        """Add an array (N,k) and return its accessor."""
        array = np.ascontiguousarray(values, f"<{kind}")
        self._buffers[name] = array.tobytes()
        accessors = self._tree["accessors"]
        accessors[name] = {
            "bufferView": len(self._buffers) - 1,
            "componentType": _COMPONENTS[kind],
            "count": len(array),
            "type": _TYPES[array.shape[1]],
            "min": array.min(0).tolist(),
            "max": array.max(0).tolist(),
        }
        return len(accessors) - 1


def quaternions(rotations: Double) -> Double:
    """Return (N,4) unit quaternions x, y, z, w of (N,3,3); each is on the same side as the one before."""
    found = np.asarray(Rotation.from_matrix(rotations).as_quat())
    flips = np.sign(np.einsum("ni,ni->n", found[1:], found[:-1]))
    signs = np.cumprod(np.append(1.0, np.where(flips < 0, -1.0, 1.0)))
    continuous: Double = found * signs[:, None]
    return continuous
