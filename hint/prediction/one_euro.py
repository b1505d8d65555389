"""The one-euro filter: smooths much where little moves, and little where much does.

Source: Casiez, Roussel and Vogel, 1€ Filter, CHI 2012.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from hint.types import Double


@dataclass(frozen=True)
class OneEuro:
    """How much is smoothed.

    Attributes:
        min_cutoff: Hz that pass while nothing moves; less smooths more.
        speed: Hz that pass more for every unit per second of speed ("beta"); more lags less.
        speed_cutoff: Hz of the speed that pass.
    """

    min_cutoff: float = 1.5
    speed: float = 1.5
    speed_cutoff: float = 1.0


class Filter:
    """Smooths one array that changes over time, every element by itself.

    Args:
        setting: How much.
    """

    def __init__(self, setting: OneEuro) -> None:
        self._setting = setting
        self._at: float | None = None
        self._value: Double = np.zeros(1)
        self._rate: Double = np.zeros(1)

    def __call__(self, values: ArrayLike, seconds: float, unit: ArrayLike = 1.0) -> Double:
        """Return the array smoothed.

        Args:
            values: What was measured.
            seconds: When; later than the last time.
            unit: Length that counts as 1 for the speed, so that hands near and far are smoothed alike.
        """
        now = np.asarray(values, np.float64)
        if self._at is None:
            self._at, self._value, self._rate = seconds, now, np.zeros_like(now)
            return now
        passed = seconds - self._at
        rate = (now - self._value) / passed
        self._rate = self._rate + _share(self._setting.speed_cutoff, passed) * (rate - self._rate)
        cutoff = self._setting.min_cutoff + self._setting.speed * np.abs(self._rate) / np.asarray(unit)
        self._value = self._value + _share(cutoff, passed) * (now - self._value)
        self._at = seconds
        return self._value


def _share(cutoff: Double | float, passed: float) -> Double | float:
    """Return how much of a change passes a low-pass filter of first order."""
    return 1 / (1 + 1 / (2 * math.pi * cutoff * passed))
