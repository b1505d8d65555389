"""Shading: a few distant lights with soft shadows, and ambient light."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from hint.demo.columns import mixed, picked, scaled
from hint.demo.geometry import LIFT, Array, Hits, Index, Mask, Single, World, single
from hint.demo.scene import Light
from hint.demo.skin import Finish
from hint.normals import dots, lengths

#: From (P,3) pattern points and their outward directions to the finish of the surface there.
Material = Callable[[Array, Array], Finish]


@dataclass(frozen=True)
class Detail:
    """Quality of a picture.

    Attributes:
        shadow_rays: Rays per sample and light for soft shadows.
        ambient_rays: Rays per sample for ambient light.
        subpixels: Sample positions in pixels on edges.
        contrast: Difference of brightness between neighbours, 0..1, that counts as an edge.
    """

    shadow_rays: int = 3
    ambient_rays: int = 4
    subpixels: tuple[tuple[float, float], ...] = ((-0.375, -0.125), (0.125, -0.375), (0.375, 0.125), (-0.125, 0.375))
    contrast: float = 0.09


FULL = Detail()
#: For training pictures.
DRAFT = Detail(shadow_rays=1, ambient_rays=2, subpixels=((-0.25, -0.25), (0.25, 0.25)), contrast=0.3)

#: Reach of ambient occlusion, in metres.
_AMBIENT_REACH = 0.12

#: Sigma of the smoothing of ambient light, in px.
_AMBIENT_BLUR = 2.4

#: How many sigmas OpenCV's blur of float pictures reaches.
_REACH = 4

#: Points shaded at a time, so that what is between stays in the cache of a core.
_AT_ONCE = 1 << 13

#: How far red, green and blue light wrap around skin.
_WRAP = np.array([1.0, 0.42, 0.30])


@dataclass(frozen=True, eq=False)
class Lighting:
    """All lights of a scene.

    Attributes:
        lights: Distant lights.
        sky: (2,3) linear RGB from above and below.
        up: (3,) unit.
    """

    lights: tuple[Light, ...]
    sky: Array
    up: Array


@dataclass(frozen=True, eq=False)
class Shaded:
    """Results of rays.

    Attributes:
        found: (P,) whether a ray hit anything.
        part: (P,) the mesh it hit, -1 for none.
        radiance: (H,3) linear RGB of the hits.
        seen: (P,1+L) share of the ambient light, and of each light, that reaches the surface.
    """

    found: Mask
    part: Index
    radiance: Array
    seen: Array


class Shader:
    """Shades camera rays of one world.

    Args:
        world: The meshes.
        materials: Material of each mesh.
        lighting: The lights.
        rng: Random sampling directions.
        detail: Quality.
    """

    def __init__(
        self,
        world: World,
        materials: list[Material],
        lighting: Lighting,
        rng: np.random.Generator,
        detail: Detail = FULL,
    ) -> None:
        self._detail = detail
        self._world, self._materials, self._lighting, self._rng = world, materials, lighting, rng
        ball = rng.normal(size=(4096, 3))
        self._sphere = ball / lengths(ball)
        self._discs = [single(light.direction + self._sphere * light.softness) for light in lighting.lights]

    def shade(self, rays: Array, shape: tuple[int, int] | None = None, seen: Array | None = None) -> Shaded:
        """Shade (P,3) unit rays from the origin.

        Args:
            rays: Directions.
            shape: Height and width if the rays are a whole picture, row by row; shadows are then found for every
                other ray, as on a chessboard, and smoothed.
            seen: (P,1+L) how much light arrives, where that is known already.
        """
        hits = self._world.hit(rays)
        part = np.full(len(rays), -1)
        part[hits.found] = hits.part
        places = np.flatnonzero(hits.found)
        if seen is None:
            seen = np.ones((1 + len(self._lighting.lights), len(rays))).T
            asked = _chessboard(shape) if shape else np.ones(len(rays), bool)
            rows = np.flatnonzero(asked[hits.found])
            seen[places[rows]] = self._arriving(hits, rows, picked(rays, places[rows]))
            if shape is not None:
                # Wide lamps give wide, grainy penumbras.
                sigmas = [_AMBIENT_BLUR, *(1.1 + 9 * light.softness for light in self._lighting.lights)]
                seen = _smooth(seen, part, asked, shape, sigmas)
        radiance = np.empty((len(hits.part), 3))
        for material, rows in self._alike(hits.part):
            where = places[rows]
            radiance[rows] = self._radiance(hits, rows, material, picked(rays, where), picked(seen, where))
        return Shaded(hits.found, part, radiance, seen)

    def _alike(self, part: Index) -> Iterator[tuple[Material, Index]]:
        """Yield each material with rows of hits on it, a few at a time."""
        for number, material in enumerate(self._materials):
            rows = np.flatnonzero(part == number)
            for start in range(0, len(rows), _AT_ONCE):
                yield material, rows[start : start + _AT_ONCE]

    def _radiance(self, hits: Hits, rows: Index, material: Material, view: Array, seen: Array) -> Array:
        """Return the (R,3) light that hits of one material send to the camera.

        Args:
            hits: Where rays met surfaces.
            rows: (R,) which of them.
            material: What they met.
            view: (R,3) the rays.
            seen: (R,1+L) how much light arrives.
        """
        world, on = self._world, hits.of(rows)
        finish = material(world.interpolate(world.coords, *on), world.interpolate(world.coord_normals, *on))
        tilted = self._normals(hits, rows, view) + finish.bump
        tilted /= lengths(tilted)
        ambient, *shares = seen.T
        radiance = self._surroundings(tilted, finish, ambient)
        for light, share in zip(self._lighting.lights, shares, strict=True):
            radiance += _lit(light, share, tilted, view, finish)
        return radiance

    def _arriving(self, hits: Hits, rows: Index, view: Array) -> Array:
        """Return the (R,1+L) shares of the ambient light and of each light that reach hits, which (R,3) rays met."""
        normals = self._normals(hits, rows, view)
        points = single(view * hits.distance[rows, None] + LIFT * normals)
        lights = [self._visible(disc, points) for disc in self._discs]
        return np.stack([self._openness(points, normals), *lights]).T

    def _normals(self, hits: Hits, rows: Index, view: Array) -> Array:
        normals = self._world.interpolate(self._world.normals, *hits.of(rows))
        normals /= np.maximum(lengths(normals), 1e-9)
        normals *= np.where(dots(normals, view) > 0.2, -1.0, 1.0)  # seen from inside
        return normals

    def _openness(self, points: Single, normals: Array) -> Array:
        """Return the (P,) share of cosine-weighted directions without a near surface."""
        share, upwards = np.zeros(len(points)), np.ascontiguousarray(1.001 * normals)
        for _ in range(self._detail.ambient_rays):
            # Not of unit length: rays along the surface reach less far, which darkens nothing by itself.
            directions = single(self._scattered(self._sphere, len(points)) + upwards)
            share += ~self._world.blocked(points, directions, _AMBIENT_REACH)
        return share / self._detail.ambient_rays

    def _scattered(self, choice: NDArray[Any], n: int) -> NDArray[Any]:
        return choice.take(self._rng.integers(len(choice), size=n), 0)

    def _surroundings(self, normals: Array, finish: Finish, ambient: Array) -> Array:
        above = 0.5 + 0.5 * (normals @ self._lighting.up)
        below, sky = self._lighting.sky[1], self._lighting.sky[0]
        # Light bounces between close surfaces of one colour, so corners never go fully dark.
        open_share = ambient[:, None] + (0.45 * (1 - ambient))[:, None] * finish.colour
        radiance: Array = finish.colour * mixed(above, below, sky) * open_share * 0.7
        return radiance

    def _visible(self, disc: Single, points: Single) -> Array:
        """Return the (P,) share of a light that is seen from points, where directions (D,3) lead to its disc."""
        seen = np.zeros(len(points))
        for _ in range(self._detail.shadow_rays):
            seen += ~self._world.blocked(points, self._scattered(disc, len(points)))
        return seen / self._detail.shadow_rays


def _lit(light: Light, seen: Array, normals: Array, view: Array, finish: Finish) -> Array:
    """Return the (P,3) light of one lamp reflected to the camera."""
    cosine = normals @ light.direction
    wrap = scaled(finish.soft, _WRAP)
    diffuse = np.clip((cosine[:, None] + wrap) / (1 + wrap), 0, None) / (1 + wrap)
    middle = light.direction - view
    middle /= lengths(middle)
    sharp = 2 / np.clip(finish.rough, 0.12, 1) ** 4
    facing = np.clip(dots(normals, middle)[:, 0], 0, 1)
    fresnel = 0.04 + 0.5 * (1 - np.clip(dots(middle, -view)[:, 0], 0, 1)) ** 5
    shine = finish.gloss * fresnel * (sharp + 2) / 8 * facing**sharp * np.clip(cosine, 0, 1)
    lit: Array = scaled(seen, light.colour) * (finish.colour * diffuse * 0.6 + shine[:, None] * 1.6)
    return lit


def _chessboard(shape: tuple[int, int]) -> Mask:
    y, x = np.indices(shape)
    black: Mask = ((x + y) % 2 == 0).ravel()
    return black


def _smooth(values: Array, part: Index, known: Mask, shape: tuple[int, int], sigmas: list[float]) -> Array:
    """Blur known (H*W,C) values over a few pixels, never across parts, and fill in the others."""
    result = values.copy()
    for p in np.unique(part[part >= 0]):
        inside = (part == p).reshape(shape)
        x, y, width, height = cv2.boundingRect(inside.view(np.uint8))
        for channel, sigma in enumerate(sigmas):
            # Pixels further away than the blur reaches change nothing.
            reach = int(_REACH * sigma) + 1
            near = slice(max(y - reach, 0), y + height + reach), slice(max(x - reach, 0), x + width + reach)
            mine = inside[near]
            mask = (mine & known.reshape(shape)[near]).astype(np.float32)
            field = values[:, channel].reshape(shape)[near].astype(np.float32) * mask
            weight, blurred = (cv2.GaussianBlur(picture, (0, 0), sigma)[mine] for picture in (mask, field))
            filled = np.where(weight > 1e-4, blurred / np.maximum(weight, 1e-4), 1.0)
            result[:, channel].reshape(shape)[near][mine] = filled
    return result
