"""Sheets that compare: a line of tiles for every hand, a column for every method, with their names."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextPath

from hint.errors import InputError
from hint.render.tile import PAPER
from hint.types import Float, Image

#: Space between tiles and height of a capital letter's line, px for a tile of 240.
_GAP, _TEXT, _LINE = 6, 13, 24
_INK, _FAINT, _GROUND = (30, 30, 30), (110, 110, 110), (255, 255, 255)

#: Letters are filled at this many times their size, and averaged.
_FINE = 4


def sheet(
    lines: Sequence[Sequence[Image | None]],
    columns: Sequence[str],
    names: Sequence[str] | None = None,
    caption: str = "",
) -> Image:
    """Put tiles next to each other under the names of their columns.

    Args:
        lines: Tiles (h,w,3) RGB of one size, a line for every hand; None where there is nothing to show.
        columns: Name of each column, such as "input", "hamer", "mediapipe". Names that are too long are cut.
        names: What to write over each line, such as the id of the hand.
        caption: What to write at the bottom.

    Returns:
        (H,W,3) RGB.

    Raises:
        InputError: If there is no tile, lines do not have one tile per column, or tiles differ in size.
    """
    height, width = _tile_shape(lines, columns, names)
    unit = width / 240
    gap, line = max(1, round(_GAP * unit)), round(_LINE * unit)
    across = len(columns) * (width + gap) + gap
    size = _TEXT * unit
    head = [_write(name, width, line, size, _INK, centred=True) for name in columns]
    bands = [_across(head, gap)]
    for k, tiles in enumerate(lines):
        if names is not None:
            bands.append(_indent(_write(names[k], across - 2 * gap, line, 0.85 * size, _FAINT), gap))
        bands.append(_across([_nothing(height, width, size) if t is None else t for t in tiles], gap))
        bands.append(np.full((gap, across, 3), _GROUND, np.uint8))
    if caption:
        bands.append(_indent(_write(caption, across - 2 * gap, line, 0.85 * size, _INK), gap))
    return np.concatenate(bands)


def _tile_shape(
    lines: Sequence[Sequence[Image | None]], columns: Sequence[str], names: Sequence[str] | None
) -> tuple[int, int]:
    wrong = [k for k, tiles in enumerate(lines) if len(tiles) != len(columns)]
    if wrong:
        k = wrong[0]
        raise InputError(f"line {k} of a sheet has {len(lines[k])} tiles for {len(columns)} columns")
    if names is not None and len(names) != len(lines):
        raise InputError(f"a sheet of {len(lines)} lines has {len(names)} names for them")
    shapes = {tile.shape for tiles in lines for tile in tiles if tile is not None}
    if len(shapes) != 1:
        raise InputError(f"tiles of a sheet need one size; these have {sorted(shapes) or 'none'}")
    height, width, _ = shapes.pop()
    return height, width


def _across(tiles: Sequence[Image], gap: int) -> Image:
    """Put tiles of one height side by side."""
    between = np.full((len(tiles[0]), gap, 3), _GROUND, np.uint8)
    return np.concatenate([between, *(part for tile in tiles for part in (tile, between))], 1)


def _indent(band: Image, gap: int) -> Image:
    return _across([band], gap)


def _nothing(height: int, width: int, size: float) -> Image:
    words = _write("no prediction", width, height, size, _FAINT, centred=True).astype(np.int32)
    nothing: Image = (words - _GROUND + PAPER).clip(0, 255).astype(np.uint8)
    return nothing


def _write(text: str, width: int, height: int, size: float, ink: tuple[int, int, int], centred: bool = False) -> Image:
    """Return (height,width,3) paper with a line of text; what does not fit is cut and ends in dots."""
    kept = text
    while kept and _length(_dotted(kept, text), size) > width:
        kept = kept[:-1]
    coverage = _letters(_dotted(kept, text), width, height, size, centred)[..., None]
    return np.rint(coverage * ink + (1 - coverage) * _GROUND).astype(np.uint8)


def _dotted(kept: str, text: str) -> str:
    return kept if kept == text else f"{kept.rstrip()}…"


def _path(text: str, size: float) -> TextPath:
    # A dollar sign would begin a formula.
    return TextPath((0, 0), text.replace("$", r"\$"), size, FontProperties("DejaVu Sans"))


def _length(text: str, size: float) -> float:
    return float(_path(text, size).get_extents().x1) if text.strip() else 0.0


def _letters(text: str, width: int, height: int, size: float, centred: bool) -> Float:
    """Return (height,width) how much of each pixel is ink, 0..1."""
    fine = np.zeros((height * _FINE, width * _FINE), np.uint8)
    if text.strip():
        left = (width - _length(text, size)) / 2 if centred else 0.0
        base = height / 2 + 0.36 * size
        outlines = [np.asarray(o) * (1, -1) + (left, base) for o in _path(text, size).to_polygons()]
        # Sixteenths of a fine pixel, whose centre is at a whole number.
        fixed = [np.rint((o * _FINE - 0.5) * 16).astype(np.int32) for o in outlines]
        cv2.fillPoly(fine, fixed, 1, cv2.LINE_8, 4)
    averaged: Float = fine.reshape(height, _FINE, width, _FINE).mean((1, 3), dtype=np.float32)
    return averaged
