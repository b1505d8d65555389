"""Which of many methods are clearly better than others: paired differences of all pairs, with one error rate for all.

Among the 190 pairs of twenty equal methods, some five would differ by intervals of 95% each. So the intervals of a
column are widened together: the largest standardised difference over all pairs is drawn along with the clips, and its
quantile takes the place of that of a single pair. All intervals of a column then hold at once, with the protocol's
level.

Source: the single-step maximum of studentised statistics, e.g. Romano and Wolf, Stepwise Multiple Testing as Formalized
Data Snooping, Econometrica 2005; here without its further steps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from benchmark.intervals import Difference, Interval
from hint.types import Double
from leaderboard.draws import Draws
from leaderboard.metric import Key, describe

#: A standard error below this share of the values is rounding.
_ROUNDING = 1e-9

#: Pairs computed at a time.
_AT_ONCE = 32


@dataclass(frozen=True)
class Pairs:
    """Paired differences of all methods of a column.

    Attributes:
        key: The number.
        differences: (a, b) -> a - b, in one order of each pair.
    """

    key: Key
    differences: Mapping[tuple[str, str], Difference]

    def difference(self, a: str, b: str) -> Difference | None:
        """Return a - b, None if one of them has no value."""
        if (a, b) in self.differences:
            return self.differences[a, b]
        other = self.differences.get((b, a))
        if other is None:
            return None
        ci = other.interval
        return Difference(-other.value, Interval(ci.level, -ci.high, -ci.low) if ci else None)

    def beats(self, a: str, b: str) -> bool:
        """Whether a is clearly better than b: the interval of the difference does not contain 0."""
        found = self.difference(a, b)
        return (
            found is not None and not found.contains_zero and (found.value > 0) == describe(self.key).higher_is_better
        )


def compare_pairs(draws: Mapping[str, Draws], key: Key, corrected: bool = True) -> Pairs:
    """Compare every method with every other.

    Args:
        draws: Slug of a record -> its draws of one cell.
        key: The number.
        corrected: Whether intervals hold for all pairs at once, not for each alone.
    """
    able = {slug: drawn for slug, drawn in draws.items() if key in drawn.rows}
    pairs = list(combinations(able, 2))
    if not corrected:
        return Pairs(key, {(a, b): able[a].minus(able[b], key) for a, b in pairs})
    usable = [(a, b) for a, b in pairs if min(able[a].n_clips[key], able[b].n_clips[key]) > 1]
    errors, reach = _simultaneous([(able[a], able[b]) for a, b in usable], key)
    widths = dict(zip(usable, reach * errors, strict=True))
    found = {}
    for a, b in pairs:
        value, width = able[a].values[key] - able[b].values[key], widths.get((a, b))
        ends = None if width is None else Interval(able[a].level, value - float(width), value + float(width))
        found[a, b] = Difference(value, ends)
    return Pairs(key, found)


def _simultaneous(pairs: list[tuple[Draws, Draws]], key: Key) -> tuple[Double, float]:
    """Return (P,) standard errors of differences, and how many of them an interval reaches to each side.

    Standard errors of few clips are uncertain themselves, so the reach grows as quantiles of Student's t do.

    Source: Abramowitz and Stegun, Handbook of Mathematical Functions, 26.7.5, first term.
    """
    if not pairs:
        return np.zeros(0), 0.0
    errors = np.zeros(len(pairs))
    largest = np.zeros(len(pairs[0][0].rows[key]))
    values = np.array([[drawn.values[key] for drawn in pair] for pair in pairs])
    for start in range(0, len(pairs), _AT_ONCE):
        some = slice(start, start + _AT_ONCE)
        drawn = np.stack([a.rows[key] - b.rows[key] for a, b in pairs[some]])
        errors[some] = np.nanstd(drawn, axis=1, ddof=1)
        differ = errors[some] > _ROUNDING * np.abs(values[some]).max(1)
        away = np.abs(drawn - (values[some, :1] - values[some, 1:]))[differ] / errors[some][differ, None]
        largest = np.fmax(largest, np.fmax.reduce(away, axis=0, initial=0.0))
    reach = float(np.quantile(largest, pairs[0][0].level))
    n_clips = min(drawn.n_clips[key] for pair in pairs for drawn in pair)
    return errors, reach + (reach**3 + reach) / (4 * (n_clips - 1))
