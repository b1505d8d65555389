"""The flesh of the made hand as a signed distance field: rounded cones and their smooth union."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from hint.mano.procedural.anatomy import DIGITS, Finger

Array = NDArray[np.float64]

_UP = (0.0, 1.0, 0.0)


@dataclass(frozen=True, eq=False)
class Cone:
    """A segment with a radius at each end, pressed flat along one direction.

    Attributes:
        start: (3,) one end.
        end: (3,) other end.
        radii: Radius at either end.
        normal: (3,) unit direction it is flat along.
        flat: Thickness over width.
    """

    start: Array
    end: Array
    radii: tuple[float, float]
    normal: Array
    flat: float = 1.0


def _cone(start: object, end: object, radii: tuple[float, float], normal: object = _UP, flat: float = 1.0) -> Cone:
    def vector(v: object) -> Array:
        return np.asarray(v, dtype=np.float64)

    return Cone(vector(start), vector(end), radii, vector(normal), flat)


def _by(x: float, y: float, z: float) -> Array:
    return np.array([x, y, z])


def _finger_cones(f: Finger) -> list[Cone]:
    """Return one long finger: shafts, slightly thicker joints, and the pads below."""
    g, n, (_, pip, dip, tip) = f.girth, f.frame[1], f.stops

    def part(a: float, b: float, ra: float, rb: float, lift: float = 0.0, flat: float = 1.0) -> Cone:
        return _cone(f.at(a, lift * g), f.at(b, lift * g), (ra * g, rb * g), n, flat)

    end = 0.0068 * g
    return [
        part(0.0, pip, 0.0110, 0.0089, flat=0.95),
        part(0.18 * pip, 0.72 * pip, 0.0099, 0.0090, -0.0022),
        part(pip - 0.001, pip + 0.001, 0.0094, 0.0094, 0.0006, 0.96),
        part(pip, dip, 0.0090, 0.0080, flat=0.93),
        part(pip + 0.006, dip - 0.005, 0.0082, 0.0077, -0.0018),
        part(dip - 0.0005, dip + 0.0005, 0.0083, 0.0083, 0.0003, 0.92),
        part(dip, tip - end, 0.0079, 0.0068, -0.0002, 0.86),
        part(dip + 0.007, tip - 0.0090 * g, 0.0076, 0.0070, -0.0013, 0.90),
    ]


def _thumb_cones(f: Finger) -> list[Cone]:
    n, (_, mcp, ip, tip) = f.frame[1], f.stops

    def part(a: float, b: float, ra: float, rb: float, lift: float = 0.0, flat: float = 1.0) -> Cone:
        return _cone(f.at(a, lift), f.at(b, lift), (ra, rb), n, flat)

    return [
        part(0.004, mcp, 0.0132, 0.0118),
        part(mcp - 0.001, mcp + 0.001, 0.0121, 0.0121, 0.0002, 0.97),
        part(mcp, ip, 0.0116, 0.0100, flat=0.93),
        part(mcp + 0.004, ip - 0.008, 0.0106, 0.0094, -0.0022),
        part(ip - 0.001, ip + 0.001, 0.0110, 0.0110, 0.0004, 0.88),
        part(ip, tip - 0.0082, 0.0103, 0.0083, -0.0004, 0.80),
        part(ip + 0.008, tip - 0.0110, 0.0102, 0.0089, -0.0018, 0.84),
    ]


def _palm_cones() -> list[Cone]:
    knuckle = {name: f.base for name, f in DIGITS.items()}
    cones = [
        _cone((0.135, 0.001, 0.001), (0.098, 0.002, 0.003), (0.0275, 0.0265), flat=0.70),
        _cone((0.098, 0.001, 0.003), (0.078, 0.000, 0.001), (0.0255, 0.0240), flat=0.66),
    ]
    carpal = {"index": 0.012, "middle": 0.004, "ring": -0.005, "little": -0.012}
    for name, z in carpal.items():
        end = knuckle[name]
        thick = 0.0118 if name != "little" else 0.0105
        cones.append(_cone((0.080, 0.002, z), end + _by(0.004, 0.0, 0.0), (0.0125, thick)))
        cones.append(_cone(end + _by(0.0015, 0.0015, 0), end - _by(0.001, -0.001, 0), (0.0112, 0.0108)))
        cones.append(_cone((0.070, -0.006, z * 1.2), end + _by(0.004, -0.009, 0.0), (0.0085, 0.0090)))
        web = DIGITS[name].at(0.012, -0.0025)
        cones.append(_cone(end + _by(0.002, -0.005, 0.0), web, (0.0100, 0.0096)))
    return [*cones, *_palm_muscles()]


def _palm_muscles() -> list[Cone]:
    thumb, index, little = DIGITS["thumb"], DIGITS["index"], DIGITS["little"]
    return [
        # thenar: from the carpal bones to the base of the thumb
        _cone((0.080, -0.010, 0.012), thumb.at(0.032, -0.005), (0.0130, 0.0126)),
        _cone((0.068, -0.012, 0.014), thumb.at(0.020, -0.008), (0.0132, 0.0132)),
        # hypothenar: along the little finger's side
        _cone((0.083, -0.008, -0.012), (0.040, -0.009, -0.0330), (0.0124, 0.0112)),
        _cone((0.060, -0.010, -0.0240), little.base + _by(0.006, -0.007, 0.0), (0.0110, 0.0085)),
        # first web: the sheet between thumb and index finger
        _cone(thumb.at(0.028, -0.002), index.base + _by(0.028, -0.006, -0.002), (0.0085, 0.0095)),
        _cone(thumb.at(0.014, -0.002), index.base + _by(0.040, -0.004, -0.006), (0.0100, 0.0105)),
    ]


@dataclass(frozen=True, eq=False)
class Field:
    """Parts joined smoothly, each part a smooth union of cones.

    Attributes:
        start, end, normal: (K,3) cones of all parts.
        radii: (K,2).
        flat: (K,).
        parts: Slice of the cones and inner blend radius per part; the first part is the body the others grow from.
        blend: Blend radius between the body and each other part.
    """

    start: Array
    end: Array
    normal: Array
    radii: Array
    flat: Array
    parts: tuple[tuple[int, int, float], ...]
    blend: float

    def __call__(self, points: Array) -> Array:
        """Return the (P,) approximate signed distance of (P,3) points, negative inside."""
        distances = self._cones(points)
        solids = [_union(distances[:, a:b], k) for a, b, k in self.parts]
        joined = [_smooth_min(solids[0], other, self.blend) for other in solids[1:]]
        result: Array = np.minimum.reduce(joined) if joined else solids[0]
        return result

    def _cones(self, points: Array) -> Array:
        axis = (self.end - self.start).T
        # One component after the other: (P,K) arrays, not (P,K,3), over whose short last axis NumPy sums slowly.
        offset = [place[:, None] - start for place, start in zip(points.T, self.start.T, strict=True)]
        share = np.clip(_dot(offset, axis) / _dot(axis, axis), 0.0, 1.0)
        offset = [part - share * along for part, along in zip(offset, axis, strict=True)]
        lift = _dot(offset, self.normal.T)
        length = np.sqrt(_dot(offset, offset) + (1 / self.flat**2 - 1) * lift * lift)
        distance: Array = length - (self.radii[:, 0] + share * (self.radii[:, 1] - self.radii[:, 0]))
        return distance

    def project(self, points: Array, steps: int = 3) -> Array:
        """Move (P,3) points onto the surface along the gradient."""
        for _ in range(steps):
            value, gradient = self.value_and_gradient(points)
            step = np.clip(value / (gradient**2).sum(-1).clip(0.25), -0.004, 0.004)
            points = points - step[:, None] * gradient
        return points

    def value_and_gradient(self, points: Array) -> tuple[Array, Array]:
        """Return (P,) values and (P,3) forward differences."""
        h = 2e-5
        shifted = np.concatenate([points, *(points + h * e for e in np.eye(3))])
        values = self(shifted).reshape(4, -1)
        return values[0], (values[1:] - values[0]).T / h

    def shoot(self, origin: Array, direction: Array) -> Array:
        """Return where (P,3) rays that start inside leave the body."""
        reach = np.full(len(origin), 0.0005)
        for _ in range(28):
            reach -= np.clip(self(origin + reach[:, None] * direction), -0.006, 0.006) * 0.9
        return origin + reach[:, None] * direction


def _dot(a: Sequence[Array] | Array, b: Sequence[Array] | Array) -> Array:
    product: Array = a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
    return product


def _smooth_min(a: Array, b: Array, k: float) -> Array:
    """Join two distances with a fillet of size k (Quilez' quadratic polynomial)."""
    h = np.maximum(k - np.abs(a - b), 0.0) / k
    joined: Array = np.minimum(a, b) - h * h * k / 4
    return joined


def _union(distances: Array, k: float) -> Array:
    result = distances[:, 0]
    for column in distances.T[1:]:
        result = _smooth_min(result, column, k)
    return result


def _field(parts: list[tuple[list[Cone], float]], blend: float) -> Field:
    cones = [c for group, _ in parts for c in group]
    stops = np.cumsum([0] + [len(group) for group, _ in parts]).tolist()
    return Field(
        np.stack([c.start for c in cones]),
        np.stack([c.end for c in cones]),
        np.stack([c.normal for c in cones]),
        np.array([c.radii for c in cones]),
        np.array([c.flat for c in cones]),
        tuple((a, b, k) for a, b, (_, k) in zip(stops[:-1], stops[1:], parts, strict=True)),
        blend,
    )


_PALM_BLEND, _FINGER_BLEND, _JOIN = 0.006, 0.004, 0.006


@lru_cache(maxsize=1)
def palm() -> Field:
    """Return the palm and wrist without the digits."""
    return _field([(_palm_cones(), _PALM_BLEND)], _JOIN)


@lru_cache(maxsize=5)
def digit(name: str) -> Field:
    """Return one digit alone."""
    cones = _thumb_cones(DIGITS[name]) if name == "thumb" else _finger_cones(DIGITS[name])
    return _field([(cones, _FINGER_BLEND)], _JOIN)


@lru_cache(maxsize=1)
def hand() -> Field:
    """Return palm and digits."""
    digits = [(_thumb_cones(f) if n == "thumb" else _finger_cones(f), _FINGER_BLEND) for n, f in DIGITS.items()]
    return _field([(_palm_cones(), _PALM_BLEND), *digits], _JOIN)
