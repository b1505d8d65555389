"""Write meshes for other programs: Wavefront .obj, .ply, and .glb (binary glTF 2.0).

These programs have y up and look along -z, cameras here have y down and look along z. So a mesh is rotated by half a
turn about the x axis as it is written (y and z change sign), which does not mirror it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hint.errors import UnknownNameError
from hint.files import write_bytes
from hint.normals import vertex_normals
from hint.render import Mesh
from hint.viewers.surface import coloured_material, mark_buffers

if TYPE_CHECKING:
    import trimesh

#: Format -> how trimesh writes it.
FORMATS: dict[str, dict[str, object]] = {
    "obj": {"include_normals": False, "include_color": False, "include_texture": False, "header": None, "digits": 7},
    "ply": {"encoding": "binary_little_endian", "vertex_normal": False},
    "glb": {"include_normals": True, "tree_postprocessor": mark_buffers},
}


def write_mesh(path: Path, mesh: Mesh, *, turned: bool = True) -> None:
    """Write a mesh atomically; the suffix picks the format.

    Args:
        path: File to write.
        mesh: The mesh.
        turned: Whether to rotate it by half a turn about the x axis, for programs with y up.

    Raises:
        UnknownNameError: If no format has this suffix.
    """
    kind = path.suffix.removeprefix(".")
    if kind not in FORMATS:
        raise UnknownNameError("mesh format", kind, FORMATS)
    content = _surface(mesh, kind, turned).export(file_type=kind, **FORMATS[kind])
    write_bytes(path, content if isinstance(content, bytes) else content.encode())


def _surface(mesh: Mesh, kind: str, turned: bool) -> trimesh.Trimesh:
    import trimesh

    axes = (1, -1, -1) if turned else (1, 1, 1)
    surface = trimesh.Trimesh(
        mesh.vertices * axes,
        mesh.faces,
        vertex_normals=vertex_normals(mesh.vertices, mesh.faces) * axes,
        process=False,
    )
    if kind == "ply":
        surface.visual.vertex_colors = mesh.colour
    if kind == "glb":
        surface.visual = trimesh.visual.TextureVisuals(material=coloured_material(mesh.colour))
    return surface
