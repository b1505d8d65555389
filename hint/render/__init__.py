"""Pictures of hands: keypoints and meshes over photographs, meshes from other sides, sheets that compare methods.

Everything here is a pure function from arrays to arrays, on the CPU, with numpy and OpenCV. Sheets take their letters
from matplotlib and are imported by themselves: ``from hint.render.sheet import sheet``.
"""

from hint.render.camera import Camera, crop_camera, full_frame_camera, full_frame_translation
from hint.render.keypoints import draw_keypoints
from hint.render.mesh import LEFT_COLOUR, RIGHT_COLOUR, Mesh, MeshPicture, hand_mesh, render_mesh
from hint.render.outline import outlined
from hint.render.tile import PAPER, SHOWN, TILE, Tile, cut_tile
from hint.render.views import View, overlay, overlay_tile, view

__all__ = [
    "LEFT_COLOUR",
    "PAPER",
    "RIGHT_COLOUR",
    "SHOWN",
    "TILE",
    "Camera",
    "Mesh",
    "MeshPicture",
    "Tile",
    "View",
    "crop_camera",
    "cut_tile",
    "draw_keypoints",
    "full_frame_camera",
    "full_frame_translation",
    "hand_mesh",
    "outlined",
    "overlay",
    "overlay_tile",
    "render_mesh",
    "view",
]
