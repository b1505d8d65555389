"""Distributions of hands in a pool and in a sample, and whether the sample keeps that of its pool."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from hint.names import FRAME_TYPES

#: Edges between the bins of the box size, longest side in px.
SIZE_EDGES = (32, 64, 96, 128, 192, 256, 384, 512, 768)
SIZES = (f"<{SIZE_EDGES[0]}", *(f"{a}-{b}" for a, b in pairwise(SIZE_EDGES)), "768+")
#: Smallest expected count of a cell of the chi-square test.
_LEAST = 5.0
#: Columns and rows of the grid of hand positions.
COLUMNS, ROWS = 4, 3
POSITIONS = tuple(f"{column + 1},{row + 1}" for row in range(ROWS) for column in range(COLUMNS))

#: Feature -> its values in display order; other values follow.
FEATURES: dict[str, tuple[str, ...]] = {
    "source": (),
    "frame type": FRAME_TYPES,
    "side": ("left", "right"),
    "contact": ("none", "object", "hand", "self", "person", "unknown"),
    "interaction": ("hand_object", "hand_hand", "none", "unknown"),
    "box size": SIZES,
    "hand position": POSITIONS,
}

#: Feature -> value -> number of units; units whose hands differ count fractionally.
Distribution = dict[str, dict[str, float]]


@dataclass(frozen=True)
class Described:
    """The features of one hand."""

    source: str
    source_split: str
    frame_type: str
    side: str
    contact: str
    interaction: str
    box_px: float
    centre: tuple[float, float]
    size: tuple[int, int]

    def values(self) -> dict[str, str]:
        """Return its value for every feature that the source provides."""
        found = {"source": f"{self.source} {self.source_split}".rstrip(), "side": self.side}
        found |= {"contact": self.contact, "interaction": self.interaction}
        if self.frame_type:
            found["frame type"] = self.frame_type
        if self.box_px:
            found["box size"] = SIZES[bisect_right(SIZE_EDGES, self.box_px)]
        if all(self.size):
            found["hand position"] = self._position()
        return found

    def _position(self) -> str:
        column, row = (
            min(max(int(parts * at / length), 0), parts - 1)
            for parts, at, length in zip((COLUMNS, ROWS), self.centre, self.size, strict=True)
        )
        return f"{column + 1},{row + 1}"


def distribution(units: Iterable[Sequence[Described]]) -> Distribution:
    """Count units by the values of their hands; every unit counts 1, divided evenly among its hands."""
    counts: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for unit in units:
        for hand in unit:
            for feature, value in hand.values().items():
                counts[feature][value] += 1 / len(unit)
    return {feature: _ordered(counts[feature], order) for feature, order in FEATURES.items() if feature in counts}


def _ordered(counts: Mapping[str, float], order: Sequence[str]) -> dict[str, float]:
    known = [value for value in order if value in counts]
    return {value: round(counts[value], 6) for value in [*known, *sorted(set(counts) - set(known))]}


@dataclass(frozen=True)
class Comparison:
    """Pearson's chi-square of a sample against its pool.

    Attributes:
        feature: The compared feature.
        statistic: Chi-square, corrected for drawing without replacement.
        degrees: Degrees of freedom; 0 if there is nothing to compare.
        p_value: Probability that a random sample deviates at least this much.
    """

    feature: str
    statistic: float
    degrees: int
    p_value: float


def compare(pool: Distribution, sample: Distribution, n_pool: int) -> list[Comparison]:
    """Test for each feature whether a sample could be random.

    Drawing without replacement reduces the variance, so the statistic is divided by (N-n)/(N-1). Values with
    an expected count below five are merged.

    Args:
        pool: Counts of the pool.
        sample: Counts of the sample.
        n_pool: Units in the pool.
    """
    return [_compare(feature, pool[feature], sample.get(feature, {}), n_pool) for feature in pool]


def _compare(feature: str, pool: Mapping[str, float], sample: Mapping[str, float], n_pool: int) -> Comparison:
    from scipy.stats import chi2

    total, n = sum(pool.values()), sum(sample.values())
    cells = sorted((count * n / total, sample.get(value, 0.0)) for value, count in pool.items())
    unexpected = sum(count for value, count in sample.items() if value not in pool)
    cells = _merged([(0.0, unexpected), *cells] if unexpected else cells)
    room = (n_pool - n) / (n_pool - 1) if n_pool > 1 else 0.0
    if len(cells) < 2 or room <= 0:
        return Comparison(feature, 0.0, 0, 1.0)
    statistic = sum((seen - expected) ** 2 / expected for expected, seen in cells) / room
    return Comparison(feature, statistic, len(cells) - 1, float(chi2.sf(statistic, len(cells) - 1)))


def _merged(cells: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Merge the rarest cells, given in ascending order, until each expects at least :data:`_LEAST`."""
    merged: list[tuple[float, float]] = []
    expected = seen = 0.0
    for cell in cells:
        expected, seen = expected + cell[0], seen + cell[1]
        if expected >= _LEAST:
            merged.append((expected, seen))
            expected = seen = 0.0
    if merged and (expected or seen):
        merged[-1] = (merged[-1][0] + expected, merged[-1][1] + seen)
    return merged


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p values corrected for testing several features (Holm 1979), in the same order."""
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    corrected, largest = [math.nan] * len(p_values), 0.0
    for rank, place in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[place]))
        corrected[place] = largest
    return corrected
