"""Plots of pools and samples side by side."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import IO, TYPE_CHECKING, NamedTuple

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from annotation.sample.distribution import COLUMNS, FEATURES, POSITIONS, ROWS, Distribution
from hint.types import Double

if TYPE_CHECKING:
    from matplotlib.axes import Axes

POOL, SAMPLE = "#9aa5b1", "#0072b2"
_PER_ROW = 4
_POSITION = "hand position"
#: Bars are as high as if there were at least this many.
_SLOTS = 5


class Drawn(NamedTuple):
    """The name of a sample, and the distributions of its pool and of itself."""

    name: str
    pool: Distribution
    sample: Distribution


def draw_distributions(target: IO[bytes], samples: Sequence[Drawn]) -> None:
    """Draw shares of pool and sample for every feature, and hand positions, as PNG; one block per sample."""
    bars = [feature for feature in FEATURES if feature != _POSITION and _varies(feature, samples)]
    rows = math.ceil((len(bars) + 2) / _PER_ROW)
    figure = Figure(figsize=(3.2 * _PER_ROW, (2.4 * rows + 0.5) * len(samples)), layout="constrained")
    FigureCanvasAgg(figure)
    parts = figure.subfigures(len(samples), 1, squeeze=False)[:, 0]
    for part, (name, pool, sample) in zip(parts, samples, strict=True):
        part.suptitle(name, x=0.005, ha="left", fontsize=12, fontweight="bold")
        grid = part.subplots(rows, _PER_ROW, squeeze=False).ravel()
        for axes, feature in zip(grid, bars, strict=False):
            _draw_bars(axes, feature, pool.get(feature, {}), sample.get(feature, {}))
        _draw_maps(grid[-2], grid[-1], pool, sample)
        for axes in grid[len(bars) : -2]:
            axes.set_axis_off()
        part.legend(handles=grid[0].containers, loc="upper right", ncols=2, frameon=False)
    figure.savefig(target, format="png", dpi=110)


def _varies(feature: str, samples: Sequence[Drawn]) -> bool:
    """Return whether a feature varies: it has several values in some sample."""
    return len({value for drawn in samples for value in drawn.pool.get(feature, {})}) > 1


def _shares(counts: Mapping[str, float], values: Sequence[str]) -> Double:
    numbers = np.array([counts.get(value, 0.0) for value in values])
    shares: Double = 100 * numbers / max(numbers.sum(), 1e-9)
    return shares


def _draw_bars(axes: Axes, feature: str, pool: Mapping[str, float], sample: Mapping[str, float]) -> None:
    axes.set_title(feature, loc="left", fontsize=10)
    values = list(dict.fromkeys([*(v for v in FEATURES[feature] if v in pool or v in sample), *pool, *sample]))
    if not values:
        axes.text(0.5, 0.5, "not annotated", ha="center", va="center", transform=axes.transAxes, color="#666")
        axes.set_axis_off()
        return
    place = np.arange(len(values))
    axes.barh(place - 0.2, _shares(pool, values), 0.38, color=POOL, label="pool")
    axes.barh(place + 0.2, _shares(sample, values), 0.38, color=SAMPLE, label="sample")
    axes.set_yticks(place, [value.replace("_", " ") for value in values], fontsize=8)
    axes.set_ylim(max(len(values), _SLOTS) - 0.5, -0.5)
    axes.set_xlabel("% of units", fontsize=8)
    axes.tick_params(axis="x", labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)


def _draw_maps(left: Axes, right: Axes, pool: Distribution, sample: Distribution) -> None:
    shares = [_shares(part.get(_POSITION, {}), POSITIONS).reshape(ROWS, COLUMNS) for part in (pool, sample)]
    highest = max(float(share.max()) for share in shares) or 1.0
    for axes, share, name in zip((left, right), shares, ("pool", "sample"), strict=True):
        axes.imshow(share, cmap="Blues", vmin=0, vmax=highest, aspect=9 / 16 * COLUMNS / ROWS)
        axes.set_title(f"{_POSITION}, {name}", loc="left", fontsize=10)
        axes.set_xticks([])
        axes.set_yticks([])
        for (y, x), value in np.ndenumerate(share):
            dark = value > 0.6 * highest
            axes.text(x, y, f"{value:.0f}%", ha="center", va="center", fontsize=8, color="white" if dark else "black")
