"""Draw hands over a picture: their meshes, or keypoints for methods without meshes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hint.prediction.camera import picture_camera
from hint.prediction.detections import FrameDetections
from hint.prediction.mano_file import translations
from hint.prediction.mesh_file import write_mesh
from hint.prediction.options import PredictOptions
from hint.prediction.placement import place
from hint.prediction.tasks import HandResult
from hint.render import Camera, Mesh, draw_keypoints, hand_mesh, outlined, render_mesh
from hint.render.mesh import SAMPLES
from hint.types import Image

#: Opacity of a mesh: a little of the hand shows through.
_OPACITY = 0.9
#: Size of a hand over the width of its outline.
_HAND_PER_LINE = 200.0
#: Size from which steps along edges are not seen, px.
_LARGE = 1000


class PictureFiles:
    """Writes the meshes of a picture's hands, and draws them.

    Args:
        options: What to write.
        faces: Triangles of the right hand, None for methods without meshes.
        focal_length: Px, of a method that sees hands with the camera of the whole picture.
    """

    def __init__(self, options: PredictOptions, faces: NDArray[np.int64] | None, focal_length: float | None) -> None:
        self._options, self._faces, self._focal_length = options, faces, focal_length

    def write(self, frame: FrameDetections, image: Image, rows: Sequence[HandResult]) -> None:
        """Write the files of a single picture."""
        self.write_meshes(frame, rows)
        if self._options.overlay:
            from hint.images import write_image

            write_image(self._options.overlay_file(frame.picture), self.drawn(frame, image, rows))

    def write_meshes(self, frame: FrameDetections, rows: Sequence[HandResult]) -> None:
        """Write the meshes, if that was asked for."""
        camera, faces = self._options.camera, self._faces
        if self._options.mesh is None or faces is None:
            return
        for row in rows:
            if (mesh := local_mesh(row, faces)) is None:
                continue
            if camera is not None:
                mesh = replace(mesh, vertices=place(row, frame, camera).vertices)
            write_mesh(self._options.mesh_file(row.hand), mesh, turned=camera is None)

    def drawn(self, frame: FrameDetections, image: Image, rows: Sequence[HandResult]) -> Image:
        """Return a copy of a picture with its hands; those that were not found in this frame are half transparent."""
        import cv2

        filled = {found.hand.hand_id for found in frame.hands if found.filled}
        found = [row for row in rows if row.hand.hand_id not in filled]
        drawn = annotated(image, found, self._faces, self._focal_length)
        if not filled:
            return drawn
        both: Image = cv2.addWeighted(drawn, 0.5, annotated(image, rows, self._faces, self._focal_length), 0.5, 0)
        return both


def annotated(
    image: Image,
    rows: Sequence[HandResult],
    faces: NDArray[np.int64] | None,
    focal_length: float | None = None,
) -> Image:
    """Return a copy of a picture with its hands drawn on it.

    Most methods see each hand from straight ahead, so from far away, with the default focal length, it lies over its
    picture, whatever the real one is. Which hand hides the other does not depend on the focal length.

    Args:
        image: (H,W,3) RGB.
        rows: Its hands; those without finite values are left out.
        faces: Triangles of the right hand, None for methods without meshes.
        focal_length: Px, of a method that sees hands with the camera of the whole picture.
    """
    camera = picture_camera((image.shape[1], image.shape[0]), focal_length)
    drawn = image.copy()
    meshes = [mesh for row in rows if faces is not None and (mesh := placed_mesh(row, camera, faces)) is not None]
    if meshes:
        _lay_over(drawn, meshes, camera, min(_longest(row) for row in rows))
    for row in rows:
        if row.parameters is None:
            drawn = draw_keypoints(drawn, row.predictions.keypoints_2d[0], size=_size(row))
    return drawn


def local_mesh(row: HandResult, faces: NDArray[np.int64]) -> Mesh | None:
    """Return the mesh of a hand about its own origin, None where there is none."""
    vertices = row.predictions.vertices
    if vertices is None or not np.isfinite(vertices).all():
        return None
    return hand_mesh(vertices[0], faces, row.hand.is_right)


def placed_mesh(row: HandResult, camera: Camera, faces: NDArray[np.int64]) -> Mesh | None:
    """Return the mesh of a hand in front of the picture's camera."""
    mesh = local_mesh(row, faces)
    if mesh is None or row.parameters is None:
        return None
    where = translations(row.parameters, np.array([row.hand.is_right]), [camera])[0]
    return Mesh(mesh.vertices + where, mesh.faces, mesh.colour)


def _lay_over(canvas: Image, meshes: Sequence[Mesh], camera: Camera, hand: float) -> None:
    """Draw meshes into a picture, touching only the part of it that they cover; ``hand`` px is the smallest one."""
    places = np.concatenate([camera.project(mesh.vertices) for mesh in meshes])
    ends = np.clip([np.nanmin(places, 0) - 2, np.nanmax(places, 0) + 3], 0, (camera.width, camera.height))
    (left, top), (right, bottom) = ends.astype(int).tolist()
    if right <= left or bottom <= top:
        return
    window = camera.window((left, top), 1.0, right - left, bottom - top)
    drawn = render_mesh(meshes, window, SAMPLES if hand < _LARGE else 1)
    part = canvas[top:bottom, left:right]
    part[:] = outlined(drawn, float(np.clip(hand / _HAND_PER_LINE, 0.5, 12))).over(part, _OPACITY)


def _longest(row: HandResult) -> float:
    x1, y1, x2, y2 = row.hand.box_xyxy
    return max(x2 - x1, y2 - y1)


def _size(row: HandResult) -> float:
    """Return the size of drawn joints and bones for a hand: in proportion to it, and never invisible."""
    return max(_longest(row) / 150, 0.5)
