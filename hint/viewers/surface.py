"""What trimesh is told about the surface of a hand in glTF files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trimesh.visual.material import PBRMaterial

#: Exponent of the sRGB curve, nearly: colours of glTF are linear.
_GAMMA = 2.2
#: What a part of the buffer is for. Source: Khronos, glTF 2.0, section 5.11 (bufferView.target).
_VERTICES, _INDICES = 34962, 34963


def coloured_material(colour: tuple[int, int, int]) -> PBRMaterial:
    """Return a dull surface of one colour that is seen from both sides.

    Args:
        colour: RGB, 0..255.
    """
    from trimesh.visual.material import PBRMaterial

    linear = [(c / 255) ** _GAMMA for c in colour]
    return PBRMaterial(baseColorFactor=[*linear, 1.0], metallicFactor=0.0, roughnessFactor=0.7, doubleSided=True)


def mark_buffers(tree: dict[str, Any]) -> None:
    """Say in a scene which parts of the buffer are vertices and triangles, as validators like to know."""
    for primitive in (primitive for mesh in tree["meshes"] for primitive in mesh["primitives"]):
        targets = dict.fromkeys(primitive["attributes"].values(), _VERTICES)
        for accessor, target in {**targets, primitive["indices"]: _INDICES}.items():
            tree["bufferViews"][tree["accessors"][accessor]["bufferView"]]["target"] = target
