"""Animated hands, read back and moved by a reader of the tests' own, and by the Khronos validator where it is there."""

import json
import os
import shutil
import struct
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from hint.fit.result import pose
from hint.mano.poses import grasp, pose_from_angles
from hint.mano.procedural import procedural_hand
from hint.skeleton import MANO_JOINT_NAMES
from hint.types import ManoParameters
from hint.viewers.bvh import bvh
from hint.viewers.gltf import glb
from hint.viewers.rig import Axes, RiggedTrack, rig

#: Frames of a video of varying rate.
SECONDS = [0.0, 0.04, 0.08, 0.2, 0.24]
N = len(SECONDS)

_VALIDATE = """
const { validateBytes } = require('gltf-validator');
validateBytes(new Uint8Array(require('fs').readFileSync(process.argv[1]))).then(
  (report) => console.log(JSON.stringify(report.issues)));
"""


def closing_hand() -> ManoParameters:
    """A flat hand that closes halfway while it turns, of one shape."""
    share = np.linspace(0, 0.5, N)[:, None]
    angles = grasp("flat") * (1 - share) + grasp("fist") * share
    hand_pose = Rotation.from_rotvec(pose_from_angles(angles).reshape(-1, 3)).as_matrix().reshape(N, 15, 3, 3)
    turns = Rotation.from_rotvec(np.linspace((0.1, 0, 0), (0.5, 2.9, 0.4), N)).as_matrix()[:, None]
    betas = np.tile(np.random.default_rng(0).normal(size=10), (N, 1))
    three = np.ones((N, 3))
    return ManoParameters(turns, hand_pose, betas, three, three, np.ones(N), three)


@pytest.fixture(scope="module", params=["right", "left"])
def moved(request: pytest.FixtureRequest) -> tuple[RiggedTrack, np.ndarray]:
    """A track, and the vertices that MANO gives."""
    is_right, model, parameters = request.param == "right", procedural_hand(), closing_hand()
    shift = np.linspace((0, 0, 0.5), (0.1, -0.1, 0.6), N)
    axes = Axes(Rotation.random(N, random_state=1).as_matrix(), np.linspace((0, 1, 0), (0, 2, 0), N))
    mirror = (1, 1, 1) if is_right else (-1, 1, 1)
    expected = np.einsum("nij,nvj->nvi", axes.rotation, pose(model, parameters)[1] * mirror + shift[:, None])
    track = rig(model, parameters, is_right, shift, SECONDS, axes, f"clip_0_{request.param[0]}")
    return track, expected + axes.translation[:, None]


class Glb:
    """The parts of a file."""

    def __init__(self, content: bytes) -> None:
        length = struct.unpack_from("<I", content, 12)[0]
        self.scene: dict[str, Any] = json.loads(content[20 : 20 + length])
        self.binary = content[28 + length :]

    def array(self, index: int) -> np.ndarray:
        accessor = self.scene["accessors"][index]
        width = {"SCALAR": 1, "VEC3": 3, "VEC4": 4, "MAT4": 16}[accessor["type"]]
        kind = {5121: "u1", 5125: "<u4", 5126: "<f4"}[accessor["componentType"]]
        start = self.scene["bufferViews"][accessor["bufferView"]]["byteOffset"]
        return np.frombuffer(self.binary, kind, accessor["count"] * width, start).reshape(-1, width)

    def transforms(self, frame: int) -> np.ndarray:
        """Return (J,4,4) of the joints in a keyframe."""
        nodes = [dict(node) for node in self.scene["nodes"]]
        animation = self.scene["animations"][0]
        for channel in animation["channels"]:
            values = self.array(animation["samplers"][channel["sampler"]]["output"])
            nodes[channel["target"]["node"]][channel["target"]["path"]] = values[frame]
        found: dict[int, np.ndarray] = {}

        def walk(index: int, above: np.ndarray) -> None:
            own = np.eye(4)
            own[:3, :3] = Rotation.from_quat(nodes[index].get("rotation", (0, 0, 0, 1))).as_matrix()
            own[:3, 3] = nodes[index].get("translation", (0, 0, 0))
            found[index] = above @ own
            for child in nodes[index].get("children", []):
                walk(child, found[index])

        for root in self.scene["scenes"][0]["nodes"]:
            walk(root, np.eye(4))
        return np.array([found[joint] for joint in self.scene["skins"][0]["joints"]])

    def vertices(self, frame: int) -> np.ndarray:
        """Return (V,3) of a keyframe, as the standard has it."""
        attributes = self.scene["meshes"][0]["primitives"][0]["attributes"]
        inverse = self.array(self.scene["skins"][0]["inverseBindMatrices"]).reshape(-1, 4, 4).transpose(0, 2, 1)
        bones = (self.transforms(frame) @ inverse)[self.array(attributes["JOINTS_0"])]
        rest = np.pad(self.array(attributes["POSITION"]), ((0, 0), (0, 1)), constant_values=1)
        return np.einsum("vk,vkij,vj->vi", self.array(attributes["WEIGHTS_0"]), bones, rest)[:, :3]


def test_bones_move_the_mesh_as_mano_does(moved: tuple[RiggedTrack, np.ndarray]) -> None:
    track, expected = moved
    content = glb(track)
    file = Glb(content)
    assert glb(track) == content
    animation = file.scene["animations"][0]
    assert file.array(animation["samplers"][0]["input"]).ravel() == pytest.approx(SECONDS)
    assert [node["name"] for node in file.scene["nodes"][1:]] == list(MANO_JOINT_NAMES)
    posed = np.array([file.vertices(frame) for frame in range(N)])
    assert np.allclose(posed, track.posed(), atol=1e-5)
    error = np.linalg.norm(posed - expected, axis=2)
    # Bones cannot bulge: what is left are the pose correctives, less their mean over the track.
    assert error.mean() < 0.3e-3
    assert error.max() < 3e-3
    faces = file.array(file.scene["meshes"][0]["primitives"][0]["indices"]).reshape(-1, 3)
    a, b, c = posed[0][faces].transpose(1, 0, 2)
    assert np.einsum("fk,fk->", a - posed[0].mean(0), np.cross(b - a, c - a)) > 0  # seen from outside


def test_neighbouring_keyframes_turn_the_short_way(moved: tuple[RiggedTrack, np.ndarray]) -> None:
    file = Glb(glb(moved[0]))
    for sampler in file.scene["animations"][0]["samplers"][1:]:
        turns = file.array(sampler["output"])
        assert np.allclose(np.linalg.norm(turns, axis=1), 1, atol=1e-6)
        assert (np.einsum("ni,ni->n", turns[1:], turns[:-1]) > 0).all()


def test_the_khronos_validator_finds_nothing(moved: tuple[RiggedTrack, np.ndarray], tmp_path: Path) -> None:
    node, path = shutil.which("node"), tmp_path / "hand.glb"
    path.write_bytes(glb(moved[0]))
    if node is None or subprocess.run([node, "-e", "require('gltf-validator')"], capture_output=True).returncode:
        pytest.skip("needs node and gltf-validator: npm install gltf-validator, and its node_modules in NODE_PATH")
    done = subprocess.run(
        [node, "-e", _VALIDATE, str(path)], capture_output=True, text=True, env=os.environ, check=True
    )
    report = json.loads(done.stdout)
    assert [report[kind] for kind in ("numErrors", "numWarnings", "numInfos", "numHints")] == [0] * 4, report


def read_bvh(text: str) -> tuple[list[tuple[str, int, np.ndarray, bool]], np.ndarray, float]:
    """Return (name, parent, offset, has channels) of the bones, the rows, and the seconds per frame."""
    bones: list[tuple[str, int, np.ndarray, bool]] = []
    stack: list[int] = []
    head, motion = text.split("MOTION\n")
    words = [line.split() for line in head.splitlines()[1:]]
    for line, after in zip(words, [*words[1:], []], strict=True):
        if line[0] in ("ROOT", "JOINT", "End"):
            name, parent = line[1], stack[-1] if stack else -1
        elif line[0] == "{":
            stack.append(len(bones))
        elif line[0] == "OFFSET":
            bones.append((name, parent, np.array(line[1:], float), after[0] == "CHANNELS"))
        elif line[0] == "}":
            stack.pop()
    lines = motion.splitlines()
    rows = np.array([line.split() for line in lines[2:]], float)
    assert int(lines[0].removeprefix("Frames: ")) == len(rows)
    return bones, rows, float(lines[1].removeprefix("Frame Time: "))


def test_bvh_moves_the_same_bones_at_a_steady_rate(moved: tuple[RiggedTrack, np.ndarray]) -> None:
    track = moved[0]
    bones, rows, step = read_bvh(bvh(track, 25.0).decode())
    assert step == pytest.approx(0.04)
    assert len(rows) == 7  # 0 to 0.24 s
    assert sorted(name for name, _, _, has_channels in bones if has_channels) == sorted(MANO_JOINT_NAMES)
    for row, frame in ((0, 0), (2, 2), (5, 3), (6, 4)):
        angles = iter(rows[row, 3:].reshape(-1, 3))
        places: list[np.ndarray] = []
        turns: list[np.ndarray] = []
        for name, parent, offset, has_channels in bones:
            above = turns[parent] if parent >= 0 else np.eye(3)
            start = places[parent] if parent >= 0 else rows[row, :3]
            places.append(start + above @ offset)
            turns.append(
                above @ Rotation.from_euler("ZYX", next(angles), degrees=True).as_matrix() if has_channels else above
            )
            if has_channels:
                joint = Glb(glb(track)).transforms(frame)[MANO_JOINT_NAMES.index(name)]
                assert np.allclose(places[-1], joint[:3, 3], atol=2e-5), (row, name)
                assert np.allclose(turns[-1], joint[:3, :3], atol=1e-4), (row, name)


def test_a_track_of_one_frame_is_written(tmp_path: Path) -> None:
    parameters = closing_hand().select(np.array([1]))
    axes = Axes(np.eye(3)[None], np.zeros((1, 3)))
    track = rig(procedural_hand(), parameters, True, np.zeros((1, 3)), [0.4], axes, "one")
    assert len(read_bvh(bvh(track, 30.0).decode())[1]) == 1
    assert np.allclose(Glb(glb(track)).vertices(0), pose(procedural_hand(), parameters)[1][0], atol=1e-5)
