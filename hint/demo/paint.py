"""Patterns of props and tables."""

from __future__ import annotations

import numpy as np

from hint.demo.columns import mixed
from hint.demo.geometry import Array
from hint.demo.noise import Noise, ramp
from hint.demo.skin import Finish

PAINTS = ("plain", "stripes", "label", "checks", "marble", "wood")
TABLES = ("wood", "tiles", "marble", "cloth", "plain", "boards")


def paint_prop(paint: str, colours: Array, gloss: float, coords: Array, pattern: Noise) -> Finish:
    """Paint a prop at (P,3) points of its own frame in metres."""
    share = _SHARES[paint](coords, pattern)
    colour = mixed(share, *colours)
    grain = pattern(coords * 400.0)
    colour = colour * (1 + 0.04 * grain[:, :1])
    even = np.ones(len(coords))
    return Finish(colour, even * (0.05 + 0.6 * gloss), even * (0.75 - 0.6 * gloss), 0.02 * grain[:, 1:4], 0 * even)


def paint_table(kind: str, colours: Array, scale: float, coords: Array, pattern: Noise) -> Finish:
    """Paint a table at (P,3) points of its plane in metres."""
    p = coords / scale
    share = _SHARES[kind](p, pattern)
    colour = mixed(share, *colours)
    dirt = pattern.layered(coords * 11.0, 2)
    colour = colour * np.clip(1 + 0.10 * dirt[:, :1], 0.5, 1.5)
    even = np.ones(len(coords))
    shiny = 0.25 if kind in ("tiles", "marble") else 0.06
    return Finish(colour, even * shiny, even * 0.5, 0.03 * dirt[:, 1:4], 0 * even)


def _plain(p: Array, pattern: Noise) -> Array:
    share: Array = 0.25 + 0.25 * pattern.only(0)(p * 60.0)[:, 0]
    return share


def _stripes(p: Array, pattern: Noise) -> Array:
    return ramp(np.sin(p[:, 2] * 2 * np.pi / 0.022), -0.1, 0.1)


def _label(p: Array, pattern: Noise) -> Array:
    """Return a band around the middle with lines that look like print."""
    band = ramp(0.026 - np.abs(p[:, 2]), 0.0, 0.001)
    rows = np.abs(((p[:, 2] / 0.006) % 1) - 0.5) < 0.22
    places = np.stack([np.arctan2(p[:, 1], p[:, 0]) * 9, np.floor(p[:, 2] / 0.006) * 3.7, 0 * p[:, 0]]).T
    words = pattern.only(0)(places)
    share: Array = band * (1 - 0.75 * (rows & (words[:, 0] > 0.0)))
    return share


def _checks(p: Array, pattern: Noise) -> Array:
    odd: Array = (np.floor(p / 0.02 + 1e-6).sum(1) % 2).astype(np.float64)
    return odd


def _marble(p: Array, pattern: Noise) -> Array:
    bend = pattern.only(0).layered(p * 14.0, 4)[:, 0]
    veins = 1 - ramp(np.abs(np.sin(p[:, 0] * 9 + p[:, 1] * 5 + 3 * bend)), 0.0, 0.35)
    share: Array = 0.55 * veins + 0.2 * bend
    return share


def _wood(p: Array, pattern: Noise) -> Array:
    along = p * (6.0, 55.0, 55.0)
    rings = 6 * pattern.only(0).layered(along * 0.25, 2)[:, 0] + 18 * p[:, 1]
    fibre = pattern.only(1)(p * (40.0, 700.0, 700.0))[:, 0]
    grain: Array = np.clip(0.5 + 0.38 * np.sin(rings * 2.6) + 0.22 * fibre, 0, 1)
    return grain


def _boards(p: Array, pattern: Noise) -> Array:
    board = np.floor(p[:, 1] / 0.11)
    moved = p + np.stack([board * 1.37, board * 0.61, board * 2.3]).T
    gap = ramp(np.abs((p[:, 1] / 0.11) % 1 - 0.5), 0.5 - 0.012, 0.5)
    light = 0.25 * np.sin(board * 12.9)
    grain: Array = np.clip(_wood(moved, pattern) * 0.8 + light, 0, 1) + 0.9 * gap
    return grain


def _tiles(p: Array, pattern: Noise) -> Array:
    edge = np.abs((p[:, :2] / 0.1) % 1 - 0.5).max(1)
    tile = np.floor(p / 0.1)
    tone = 0.18 * np.sin(tile[:, 0] * 7.1 + tile[:, 1] * 3.3)
    share: Array = 0.2 + tone + ramp(edge, 0.475, 0.485) * 0.8
    return share


def _cloth(p: Array, pattern: Noise) -> Array:
    threads = np.sin(p[:, 0] * 2 * np.pi / 0.0025) * np.sin(p[:, 1] * 2 * np.pi / 0.0025)
    stripe = ramp(np.sin(p[:, 0] * 2 * np.pi / 0.07), 0.55, 0.65)
    woven: Array = np.clip(0.3 + 0.15 * threads + 0.5 * stripe, 0, 1)
    return woven


_SHARES = {
    "plain": _plain,
    "stripes": _stripes,
    "label": _label,
    "checks": _checks,
    "marble": _marble,
    "wood": _wood,
    "boards": _boards,
    "tiles": _tiles,
    "cloth": _cloth,
}
