"""Convert estimates to entries of agreement.json."""

from __future__ import annotations

from annotation.agreement.measure import Estimate
from annotation.agreement.result import IntervalEntry, Score


def score(estimate: Estimate, factor: float = 1.0) -> Score:
    """Return an estimate as an entry, times a factor."""
    if estimate.value is None:
        return Score(value=None, n=estimate.n, ci=None)
    ci = estimate.ci
    entry = ci and IntervalEntry(level=ci.level, low=factor * ci.low, high=factor * ci.high)
    return Score(value=factor * estimate.value, n=estimate.n, ci=entry or None)


def percent(estimate: Estimate) -> Score:
    """Return a share as an entry in percent."""
    return score(estimate, 100.0)
