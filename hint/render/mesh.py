"""Draw hand meshes: on the CPU, without a window or a graphics library, the same bytes every time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from hint.errors import InputError, some_ids
from hint.normals import vertex_normals
from hint.render.camera import Camera
from hint.render.raster import Projected, Raster, principal_point, project, rasterise
from hint.types import Double, Float, Image

#: RGB of right and left hands; they differ for every kind of colour blindness, in grey too, and from skin.
RIGHT_COLOUR, LEFT_COLOUR = (110, 182, 255), (255, 205, 60)

#: Samples of a pixel along each axis.
SAMPLES = 2

#: Samples that are shaded at a time, so that the data stays in the cache.
_BATCH = 1 << 14

#: Light from the camera, a little from above, and what reaches surfaces that are turned away from it.
_LIGHT = np.array([0.0, -0.5, -0.866], np.float32)
_AMBIENT = 0.3
#: The inside, seen through the open wrist, is darker.
_INSIDE = 0.55


@dataclass(frozen=True, eq=False)
class Mesh:
    """A surface with a colour.

    Attributes:
        vertices: (V,3) metres, camera axes.
        faces: (F,3) triangles, counter-clockwise seen from outside.
        colour: RGB.

    Raises:
        InputError: If shapes are wrong, vertices are not finite, or faces refer to vertices that do not exist.
    """

    vertices: Double
    faces: NDArray[np.int64]
    colour: tuple[int, int, int]

    def __post_init__(self) -> None:
        object.__setattr__(self, "vertices", _rows_of_three(self.vertices, np.float64, "vertices"))
        object.__setattr__(self, "faces", _rows_of_three(self.faces, np.int64, "faces"))
        lost = np.flatnonzero(~np.isfinite(self.vertices).all(1))
        if len(lost):
            raise InputError(f"vertices of a mesh are not finite: {some_ids(map(str, lost))}")
        if self.faces.size and not (self.faces.min() >= 0 and self.faces.max() < len(self.vertices)):
            raise InputError(f"faces of a mesh refer to vertices beyond its {len(self.vertices)}")


def _rows_of_three(values: ArrayLike, dtype: Any, name: str) -> Any:
    array = np.asarray(values, dtype)
    if array.ndim != 2 or array.shape[1] != 3:
        raise InputError(f"{name} of a mesh have shape {array.shape}, expected (n, 3)")
    return array


def hand_mesh(
    vertices: ArrayLike, faces: ArrayLike, is_right: bool, colour: tuple[int, int, int] | None = None
) -> Mesh:
    """Make the mesh of a hand.

    Args:
        vertices: (V,3) metres, camera axes: ``cam_t`` is added, and x of left hands is negated.
        faces: (F,3) triangles of the right hand; those of a left hand are reversed here.
        is_right: Side.
        colour: RGB; None for that of its side.
    """
    triangles = np.asarray(faces, np.int64)
    # The first corner stays first: sums over corners then round alike, and a mirrored hand is mirrored to the bit.
    outward = triangles if is_right else triangles[:, [0, 2, 1]]
    return Mesh(np.asarray(vertices, np.float64), outward, colour or (RIGHT_COLOUR if is_right else LEFT_COLOUR))


class MeshPicture(NamedTuple):
    """A drawn mesh.

    Attributes:
        rgba: (H,W,4) colour, not multiplied by alpha, and the share of the pixel that is covered.
        depth: (H,W) metres along z of what is nearest in the pixel, infinite where nothing is.
    """

    rgba: Image
    depth: Float

    def over(self, image: Image, opacity: float = 1.0) -> Image:
        """Return a copy of a picture (H,W,3) with the mesh laid over it; opacity 0..1."""
        if image.shape != (*self.rgba.shape[:2], 3):
            raise InputError(f"the picture has shape {image.shape}, the mesh was drawn for {self.rgba.shape[:2]}")
        laid = image.copy()
        y, x = np.nonzero(self.rgba[..., 3])
        above = self.rgba[y, x].astype(np.float32)
        alpha = above[:, 3:] * np.float32(opacity / 255)
        laid[y, x] = np.rint(above[:, :3] * alpha + image[y, x] * (1 - alpha)).astype(np.uint8)
        return laid


def render_mesh(meshes: Mesh | Sequence[Mesh], camera: Camera, samples: int = SAMPLES) -> MeshPicture:
    """Draw meshes, nearer ones in front.

    Triangles that reach behind the camera are left out. Triangles are lit on both sides.

    Args:
        meshes: One or more.
        camera: Camera and size of the picture.
        samples: Samples of a pixel along each axis; 1 draws without anti-aliasing.

    Returns:
        The picture, transparent where there is no mesh, and its depth.
    """
    parts = [meshes] if isinstance(meshes, Mesh) else list(meshes)
    rgba = np.zeros((camera.height, camera.width, 4), np.uint8)
    depth = np.full((camera.height, camera.width), np.inf, np.float32)
    if not parts:
        return MeshPicture(rgba, depth)
    scene = _joined(parts)
    centre = principal_point(camera, samples)
    projected = project(scene.vertices, scene.faces, camera, samples)
    raster = rasterise(projected, camera, samples)
    if raster.face.size:
        window = _window(raster, samples)
        rgba[window] = _develop(_shade(scene, projected, raster, centre), samples)
        with np.errstate(divide="ignore"):
            depth[window] = 1 / _nearest(raster.inverse_depth, samples)
    return MeshPicture(rgba, depth)


class _Scene(NamedTuple):
    """All meshes as one; colours (F,3) of every face, 0..1."""

    vertices: Double
    faces: NDArray[np.int64]
    colours: Float


def _joined(meshes: Sequence[Mesh]) -> _Scene:
    offsets = np.cumsum([0, *(len(m.vertices) for m in meshes[:-1])])
    faces = np.concatenate([m.faces + o for m, o in zip(meshes, offsets, strict=True)])
    colours = np.repeat([m.colour for m in meshes], [len(m.faces) for m in meshes], axis=0)
    return _Scene(np.concatenate([m.vertices for m in meshes]), faces, (colours / 255).astype(np.float32))


def _window(raster: Raster, samples: int) -> tuple[slice, ...]:
    return tuple(slice(at // samples, (at + n) // samples) for at, n in zip(raster.at, raster.face.shape, strict=True))


def _nearest(inverse_depth: Float, samples: int) -> Float:
    """Return (h,w) the largest of every pixel's samples."""
    for _ in range(2):
        inverse_depth = reduce(np.maximum, [inverse_depth[k::samples] for k in range(samples)]).T
    return inverse_depth


def brightness(normals: Float) -> Float:
    """Return (P,) how much of their colour surfaces send to the camera; (3,P) normals need not be of unit length."""
    towards = _LIGHT[1] * normals[1] + _LIGHT[2] * normals[2]
    facing = towards / np.sqrt(normals[0] ** 2 + normals[1] ** 2 + normals[2] ** 2)
    lit: Float = _AMBIENT + (1 - _AMBIENT) * np.maximum(facing, 0)
    return lit


def _shade(scene: _Scene, projected: Projected, raster: Raster, centre: tuple[float, float]) -> list[Float]:
    """Return red, green and blue light times coverage, and coverage, of the raster's samples, 0..1."""
    normals = _normal_planes(scene, projected)
    inside = np.ones(len(scene.faces), np.float32)
    inside[projected.face[~projected.facing]] = _INSIDE
    colours = scene.colours.T * inside
    planes = np.zeros((4, raster.face.size), np.float32)
    corner_x, corner_y = (np.float32(c) for c in raster.corner(centre))
    samples = np.flatnonzero(raster.face.ravel() >= 0)
    for where in np.split(samples, range(_BATCH, len(samples), _BATCH)):
        face = raster.face.ravel()[where].astype(np.int64)
        row, column = np.divmod(where.astype(np.int32), np.int32(raster.face.shape[1]))
        light = brightness(_normals(normals, face, column + corner_x, row + corner_y))
        for plane, colour in zip(planes, colours, strict=False):
            plane[where] = light * colour[face]
        planes[3, where] = 1
    return list(planes.reshape(4, *raster.face.shape))


def _normal_planes(scene: _Scene, projected: Projected) -> Float:
    """Return (11,F): of every face the normal at a corner, its changes to the right and downwards, the corner's x, y.

    Normals are on the camera's side of the surface. Divided by depth, they change evenly over the picture.
    """
    weight = np.where(projected.facing, 1.0, -1.0)[:, None] * projected.inverse_depth
    corner = vertex_normals(scene.vertices, scene.faces)[projected.corners] * weight[..., None]
    columns = np.concatenate([corner[:, 0], *projected.slopes(corner), projected.x[:, :1], projected.y[:, :1]], 1)
    planes = np.zeros((11, len(scene.faces)), np.float32)
    planes[:, projected.face] = columns.T
    return planes


def _normals(planes: Float, face: NDArray[np.int64], x: Float, y: Float) -> Float:
    """Return (3,P) normals, of any length, at places of triangles."""
    # From the triangle's own corner: from far away, rounding would spoil those seen edge-on.
    x, y = x - planes[9][face], y - planes[10][face]
    return np.stack([planes[k][face] + planes[3 + k][face] * x + planes[6 + k][face] * y for k in range(3)])


def _develop(planes: Sequence[Float], samples: int) -> Image:
    """Return (h,w,4) RGBA in 0..255 of samples that are multiplied by coverage."""
    height, width = (n // samples for n in planes[0].shape)
    pixels = [cv2.resize(plane, (width, height), interpolation=cv2.INTER_AREA) for plane in planes]
    rgba = np.zeros((height * width, 4), np.uint8)
    where = np.flatnonzero(pixels[3])
    coverage = pixels[3].ravel()[where]
    for k, pixel in enumerate(pixels):
        light = coverage if k == 3 else pixel.ravel()[where] / coverage
        rgba[where, k] = np.rint(np.minimum(255 * light, 255))
    return rgba.reshape(height, width, 4)
