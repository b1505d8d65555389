"""Skin, nails and gloves, painted on the hand at rest and carried along by the pose."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np

from hint.demo.columns import mixed, scaled
from hint.demo.geometry import Array
from hint.demo.noise import Noise, ramp
from hint.mano.procedural.anatomy import DIGITS, Finger

#: sRGB skin tones from light to dark; tones between two neighbours are used too.
TONES = np.array(
    [
        (0.93, 0.78, 0.70),
        (0.88, 0.69, 0.58),
        (0.79, 0.58, 0.45),
        (0.66, 0.45, 0.33),
        (0.48, 0.31, 0.22),
        (0.33, 0.21, 0.15),
    ]
)


@dataclass(frozen=True, eq=False)
class Finish:
    """Shading properties of a surface at some points.

    Attributes:
        colour: (P,3) linear RGB reflectance.
        gloss: (P,) strength of the highlight.
        rough: (P,) 0 for mirror-like to 1 for matt highlights.
        bump: (P,3) tilt of the normal.
        soft: (P,) how far light wraps around as it scatters inside.
    """

    colour: Array
    gloss: Array
    rough: Array
    bump: Array
    soft: Array


@dataclass(frozen=True, eq=False)
class Appearance:
    """Skin, nails, glove and sleeve of one hand.

    Attributes:
        tone: Position in ``TONES``, 0 to 5.
        ruddy: Strength of the reddish regions.
        texture: Strength of creases and pores.
        nails: Linear RGB of nail polish, or None.
        glove: Linear RGB of a glove, or None.
        sleeve: Linear RGB of the sleeve, or None for a bare forearm.
    """

    tone: float
    ruddy: float
    texture: float
    nails: Array | None
    glove: Array | None
    sleeve: Array | None


def linear(srgb: Array) -> Array:
    """Return linear RGB of sRGB values in 0..1."""
    return np.asarray(srgb, dtype=np.float64) ** 2.2


def _tone(place: float) -> Array:
    low = min(int(place), len(TONES) - 2)
    return linear(TONES[low] + (place - low) * (TONES[low + 1] - TONES[low]))


@lru_cache(maxsize=2)
def patterns(seed: int) -> Noise:
    """Return the four noise patterns of a scene."""
    return Noise(np.random.default_rng(seed), 4)


def _local(f: Finger, points: Array) -> tuple[Array, Array, Array]:
    """Return distances along a digit, across it and towards its nail."""
    across, up, along = f.frame @ (points - f.base).T
    return along, across, up


def _finger_marks(points: Array, palmar: Array) -> tuple[Array, Array, Array]:
    """Return (P,) strengths of joint creases, reddish skin and nails over all digits."""
    crease, red, nail = np.zeros((3, len(points)))
    for name, f in DIGITS.items():
        along, across, up = _local(f, points)
        near = (along > (0.020 if name == "thumb" else 0.004)) & (across**2 + up**2 < 0.016**2)
        if not near.any():
            continue
        a, s, u, p = along[near], across[near], up[near], palmar[near]
        c, r = np.zeros(len(a)), np.zeros(len(a))
        for k, stop in enumerate(f.stops[1:3] if name == "thumb" else (0.024, *f.stops[1:3])):
            c += _bar(a - stop - 0.0005, 0.0009) * p * 0.9
            knuckle = 0.0 if (k == 0 and name != "thumb") else 1.0
            for shift in (-0.0032, -0.0012, 0.0008, 0.0030):
                c += 0.42 * knuckle * _bar(a - stop - shift, 0.0006) * (1 - p) * _bar(s, 0.006)
            r += 0.8 * knuckle * _bar(a - stop, 0.006) * (1 - p)
        r += ramp(a, f.stops[2] + 0.002, f.stops[3]) * (0.5 + 0.7 * p)
        crease[near], red[near] = np.maximum(crease[near], c), np.maximum(red[near], r)
        nail[near] = np.maximum(nail[near], _nail(f, a, s, u))
    return crease, red, nail


def _nail(f: Finger, along: Array, across: Array, up: Array) -> Array:
    """Return (P,) 1 on the nail plate, 0 off it, between on its rim."""
    wide = 0.0060 * f.girth if f.name != "thumb" else 0.0076
    start = f.stops[3] - (0.0125 * f.girth if f.name != "thumb" else 0.0155)
    middle, half = (start + f.stops[3] - 0.0008) / 2, (f.stops[3] - 0.0008 - start) / 2
    reach = np.abs((along - middle) / half) ** 3.2 + np.abs(across / wide) ** 3.2
    inside: Array = (1 - ramp(reach, 0.85, 1.05)) * ramp(up, 0.0008, 0.0022)
    return inside


def _bar(x: Array, width: float) -> Array:
    bar: Array = np.exp(-((x / width) ** 2))
    return bar


#: Lines of the palm as (x, z) points in metres: life, head and heart line.
_PALM_LINES = (
    ((0.018, 0.036), (0.034, 0.024), (0.052, 0.012), (0.072, 0.008)),
    ((0.020, 0.034), (0.030, 0.014), (0.040, -0.008), (0.050, -0.026)),
    ((0.008, 0.012), (0.020, -0.002), (0.026, -0.018), (0.032, -0.036)),
)


def _palm_lines(points: Array, palmar: Array) -> Array:
    strength = np.zeros(len(points))
    near = (points[:, 0] > 0.0) & (points[:, 0] < 0.085) & (palmar > 0.3)
    x, z = points[near, 0], points[near, 2]
    lines: Array = np.zeros(len(x))
    for path in _PALM_LINES:
        for (ax, az), (bx, bz) in pairwise(path):
            right, up = bx - ax, bz - az
            t = np.clip(((x - ax) * right + (z - az) * up) / (right * right + up * up), 0, 1)
            across, along = x - ax - t * right, z - az - t * up
            lines = np.maximum(lines, _bar(np.sqrt(across * across + along * along), 0.0009))
    strength[near] = lines * palmar[near]
    return strength


def skin(appearance: Appearance, coords: Array, normals: Array, seed: int) -> Finish:
    """Paint skin at (P,3) rest points with (P,3) rest normals."""
    pattern = patterns(seed)
    palmar = ramp(-normals[:, 1], -0.25, 0.45)
    crease, red, nail = _finger_marks(coords, palmar)
    crease = crease + 0.75 * _palm_lines(coords, palmar)
    coarse, pores = pattern(coords * 70.0), pattern.layered(coords * 700.0, 2)
    colour = _skin_colour(appearance, palmar, red, coarse)
    shade = 1 - appearance.texture * (0.40 * np.minimum(crease, 1) + 0.035 * pores[:, 3] - 0.05 * coarse[:, 0])
    colour = colour * shade[:, None]
    gloss = 0.22 + 0.05 * coarse[:, 2]
    rough = np.full(len(coords), 0.62)
    light = 0.45 - 0.06 * appearance.tone
    plate = linear(np.array([0.90, 0.70, 0.65])) * light + (1 - light) * _tone(max(appearance.tone - 0.8, 0.0))
    plate = appearance.nails if appearance.nails is not None else plate
    colour = colour + nail[:, None] * (plate - colour)
    rim = nail * (1 - nail) * 4
    colour = colour * (1 - 0.28 * rim[:, None])
    bump = appearance.texture * (0.05 * pores[:, :3] + 0.03 * coarse[:, :3]) * (1 - nail[:, None])
    return Finish(colour, gloss + 0.4 * nail, rough - 0.36 * nail, bump, np.full(len(coords), 0.28))


def _skin_colour(appearance: Appearance, palmar: Array, red: Array, coarse: Array) -> Array:
    back = _tone(appearance.tone)
    front = _tone(max(appearance.tone * 0.55 - 0.1, 0.0)) * (1.0, 0.93, 0.92)
    colour = mixed(0.85 * palmar, back, front)
    flush = appearance.ruddy * np.clip(0.75 * red + 0.25 * palmar + 0.45 * coarse[:, 1], 0, 1.3)
    veins = 0.5 * ramp(coarse[:, 0] - 0.6 * coarse[:, 2], 0.5, 0.9) * (1 - palmar)
    tint = 1 - scaled(flush, (0.02, 0.26, 0.24)) - scaled(veins, (0.10, 0.02, -0.01))
    painted: Array = colour * tint
    return painted


def cloth(base: Array, coords: Array, seed: int, scale: float = 900.0, wrinkles: float = 0.2) -> Finish:
    """Paint woven cloth at (P,3) points in metres."""
    pattern = patterns(seed)
    weave = pattern(coords * scale)
    folds = pattern(coords * (40.0, 90.0, 90.0))
    colour = scaled(1 + 0.10 * weave[:, 0] + 0.10 * folds[:, 3], base)
    dull = np.full(len(coords), 0.05)
    return Finish(colour, dull, dull + 0.9, 0.12 * weave[:, 1:4] + wrinkles * folds[:, :3], 2 * dull)
