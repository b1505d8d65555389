"""The learning rate as a function of the step, without state."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hint.training.preset import Optimiser

#: Share of the cycle in which the rate rises, and its first rate relative to the highest.
_RISE, _FIRST = 0.3, 1 / 25


def learning_rate(rule: Optimiser, step: int, steps: int) -> float:
    """Return the learning rate of a step.

    Args:
        rule: Schedule and highest rate.
        step: Index of the step, from 0.
        steps: Number of steps.

    Source: Loshchilov and Hutter 2017 (cosine); Smith and Topin 2018 (one cycle).
    """
    warm = min(1.0, (step + 1) / rule.warmup) if rule.warmup else 1.0
    return rule.learning_rate * warm * _share(rule, step / max(steps - 1, 1))


def _share(rule: Optimiser, done: float) -> float:
    if rule.schedule == "constant":
        return 1.0
    if rule.schedule == "cosine":
        return _between(1.0, rule.final, done)
    if done < _RISE:
        return _between(_FIRST, 1.0, done / _RISE)
    return _between(1.0, rule.final, (done - _RISE) / (1 - _RISE))


def _between(start: float, end: float, done: float) -> float:
    """Interpolate between two values along half a cosine."""
    return end + (start - end) * (1 + math.cos(math.pi * min(done, 1.0))) / 2
