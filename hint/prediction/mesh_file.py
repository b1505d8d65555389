"""Write meshes for other programs: Wavefront .obj, .ply, and .glb (binary glTF 2.0).

These programs have y up and look along -z, cameras here have y down and look along z. So a mesh is rotated by half a
turn about the x axis as it is written (y and z change sign), which does not mirror it.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hint.errors import UnknownNameError
from hint.files import write_bytes
from hint.normals import vertex_normals
from hint.render import Mesh

_FLOAT, _UINT32 = 5126, 5125
_VERTICES, _INDICES = 34962, 34963


def write_mesh(path: Path, mesh: Mesh) -> None:
    """Write a mesh atomically; the suffix picks the format.

    Raises:
        UnknownNameError: If no format has this suffix.
    """
    kind = path.suffix.removeprefix(".")
    if kind not in FORMATS:
        raise UnknownNameError("mesh format", kind, FORMATS)
    write_bytes(path, FORMATS[kind](mesh))


def _turned(mesh: Mesh) -> NDArray[np.float32]:
    return (mesh.vertices * (1, -1, -1)).astype("<f4")


def _obj(mesh: Mesh) -> bytes:
    lines = [f"v {x:.7f} {y:.7f} {z:.7f}" for x, y, z in _turned(mesh).tolist()]
    lines += [f"f {a} {b} {c}" for a, b, c in (mesh.faces + 1).tolist()]
    return "\n".join([*lines, ""]).encode()


def _ply(mesh: Mesh) -> bytes:
    vertices = np.zeros(len(mesh.vertices), [("place", "<f4", 3), ("colour", "u1", 3)])
    vertices["place"], vertices["colour"] = _turned(mesh), mesh.colour
    faces = np.zeros(len(mesh.faces), [("corners", "u1"), ("face", "<i4", 3)])
    faces["corners"], faces["face"] = 3, mesh.faces
    properties = [f"property float {axis}" for axis in "xyz"]
    properties += [f"property uchar {colour}" for colour in ("red", "green", "blue")]
    header = ["ply", "format binary_little_endian 1.0", f"element vertex {len(vertices)}", *properties]
    header += [f"element face {len(faces)}", "property list uchar int vertex_indices", "end_header", ""]
    return "\n".join(header).encode() + vertices.tobytes() + faces.tobytes()


def _glb(mesh: Mesh) -> bytes:
    """Lay out header, JSON and binary chunk. Source: Khronos, glTF 2.0, section 4 (GLB)."""
    places, normals = _turned(mesh), (vertex_normals(mesh.vertices, mesh.faces) * (1, -1, -1)).astype("<f4")
    blocks = [places.tobytes(), normals.tobytes(), mesh.faces.astype("<u4").tobytes()]
    starts = np.cumsum([0, *map(len, blocks)]).tolist()
    views = [
        {"buffer": 0, "byteOffset": start, "byteLength": len(block), "target": target}
        for start, block, target in zip(starts, blocks, (_VERTICES, _VERTICES, _INDICES), strict=False)
    ]
    vectors = {"componentType": _FLOAT, "count": len(places), "type": "VEC3"}
    bounds = {"min": places.min(0).tolist(), "max": places.max(0).tolist()}
    scene = {
        "asset": {"version": "2.0", "generator": "hint-toolkit"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0, "NORMAL": 1}, "indices": 2, "material": 0}]}],
        "materials": [_material(mesh.colour)],
        "accessors": [
            {"bufferView": 0, **vectors, **bounds},
            {"bufferView": 1, **vectors},
            {"bufferView": 2, "componentType": _UINT32, "count": mesh.faces.size, "type": "SCALAR"},
        ],
        "bufferViews": views,
        "buffers": [{"byteLength": starts[-1]}],
    }
    text, binary = json.dumps(scene).encode(), b"".join(blocks)
    chunks = _chunk(b"JSON", text, b" ") + _chunk(b"BIN\0", binary, b"\0")
    return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks


def _material(colour: tuple[int, int, int]) -> dict[str, object]:
    linear = [(c / 255) ** 2.2 for c in colour]
    surface = {"baseColorFactor": [*linear, 1.0], "metallicFactor": 0.0, "roughnessFactor": 0.7}
    return {"pbrMetallicRoughness": surface, "doubleSided": True}


def _chunk(kind: bytes, content: bytes, filler: bytes) -> bytes:
    padded = content + filler * (-len(content) % 4)
    return struct.pack("<I4s", len(padded), kind) + padded


FORMATS: dict[str, Callable[[Mesh], bytes]] = {"obj": _obj, "ply": _ply, "glb": _glb}
