"""Mesh files, read back by readers of the tests' own."""

import json
import struct
from pathlib import Path

import numpy as np
import pytest

from hint.errors import UnknownNameError
from hint.mano.procedural import procedural_hand
from hint.prediction.mesh_file import write_mesh
from hint.render import Mesh, hand_mesh

Read = tuple[np.ndarray, np.ndarray]


@pytest.fixture(scope="module")
def mesh() -> Mesh:
    hand = procedural_hand()
    return hand_mesh(hand.v_template, hand.faces, is_right=True)


def read_obj(path: Path) -> Read:
    words = [line.split() for line in path.read_text().splitlines() if line]
    vertices = np.array([line[1:] for line in words if line[0] == "v"], np.float64)
    return vertices, np.array([line[1:] for line in words if line[0] == "f"], int) - 1


def read_ply(path: Path) -> Read:
    header, _, body = path.read_bytes().partition(b"end_header\n")
    counts = {line.split()[1]: int(line.split()[2]) for line in header.split(b"\n") if line.startswith(b"element")}
    vertices = [struct.unpack_from("<3f4B", body, 16 * k)[:3] for k in range(counts[b"vertex"])]
    start = 16 * counts[b"vertex"]
    faces = [struct.unpack_from("<B3i", body, start + 13 * k) for k in range(counts[b"face"])]
    assert start + 13 * counts[b"face"] == len(body)
    assert {face[0] for face in faces} == {3}
    return np.array(vertices), np.array(faces)[:, 1:]


def read_glb(path: Path) -> Read:
    content = path.read_bytes()
    magic, version, length, json_length, json_kind = struct.unpack_from("<4sII I4s", content)
    assert (magic, version, length, json_kind) == (b"glTF", 2, len(content), b"JSON")
    scene = json.loads(content[20 : 20 + json_length])
    binary_length, binary_kind = struct.unpack_from("<I4s", content, 20 + json_length)
    assert binary_kind == b"BIN\0"
    assert binary_length == len(content) - 28 - json_length
    assert json_length % 4 == binary_length % 4 == 0
    binary = content[28 + json_length :]
    primitive = scene["meshes"][0]["primitives"][0]

    def array(index: int, dtype: str) -> np.ndarray:
        accessor = scene["accessors"][index]
        view = scene["bufferViews"][accessor["bufferView"]]
        block = binary[view["byteOffset"] : view["byteOffset"] + view["byteLength"]]
        return np.frombuffer(block, dtype).reshape(-1, 3)

    vertices = array(primitive["attributes"]["POSITION"], "<f4")
    bounds = scene["accessors"][primitive["attributes"]["POSITION"]]
    assert np.array_equal(bounds["min"], vertices.min(0))
    assert np.array_equal(bounds["max"], vertices.max(0))
    normals = array(primitive["attributes"]["NORMAL"], "<f4")
    assert np.allclose(np.linalg.norm(normals, axis=1), 1, atol=1e-5)
    return vertices, array(primitive["indices"], "<u4").astype(int)


READERS = {"obj": read_obj, "ply": read_ply, "glb": read_glb}


@pytest.mark.parametrize("kind", READERS)
def test_the_mesh_is_what_was_written_turned_half_round(tmp_path: Path, mesh: Mesh, kind: str) -> None:
    path = tmp_path / "meshes" / f"hand.{kind}"
    write_mesh(path, mesh)
    vertices, faces = READERS[kind](path)
    assert vertices.shape == (778, 3)
    assert np.array_equal(faces, mesh.faces)
    assert np.allclose(vertices * (1, -1, -1), mesh.vertices, atol=1e-6)
    again = tmp_path / f"again.{kind}"
    write_mesh(again, mesh)
    assert again.read_bytes() == path.read_bytes()
    write_mesh(again, mesh, turned=False)
    assert np.allclose(READERS[kind](again)[0], mesh.vertices, atol=1e-6)


def test_both_sides_face_outwards() -> None:
    hand = procedural_hand()

    def volume(mesh: Mesh) -> float:
        a, b, c = mesh.vertices[mesh.faces].transpose(1, 0, 2)
        return float(np.einsum("fk,fk->", a, np.cross(b, c)))

    right = hand_mesh(hand.v_template, hand.faces, is_right=True)
    left = hand_mesh(hand.v_template * (-1, 1, 1), hand.faces, is_right=False)
    assert volume(right) > 0
    assert volume(left) == pytest.approx(volume(right))


def test_an_unknown_format_is_refused(tmp_path: Path, mesh: Mesh) -> None:
    with pytest.raises(UnknownNameError, match="mesh format 'stl'"):
        write_mesh(tmp_path / "hand.stl", mesh)
    assert not list(tmp_path.iterdir())
