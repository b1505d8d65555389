"""The one-euro filter: smooths strongly at rest and weakly in fast motion.

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
    """Strength of the filter.

    Attributes:
        min_cutoff: Cutoff frequency at rest, Hz; lower values remove more jitter.
        speed: Increase of the cutoff, Hz per unit of speed ("beta"); higher values lag less.
        speed_cutoff: Cutoff frequency of the speed estimate, Hz.
    """

    min_cutoff: float = 1.5
    speed: float = 1.5
    speed_cutoff: float = 1.0


class Filter:
    """Smooths one array over time, each element by itself.

    Args:
        setting: Strength of the filter.
    """

    def __init__(self, setting: OneEuro) -> None:
        self._setting = setting
        self._at: float | None = None
        self._value: Double = np.zeros(1)
        self._rate: Double = np.zeros(1)

    def __call__(self, values: ArrayLike, seconds: float, unit: ArrayLike = 1.0) -> Double:
        """Return the smoothed array.

        Args:
            values: The measurement.
            seconds: Its time; later than the last one.
            unit: Unit of length of the speed, so that near and far hands are smoothed alike.
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
    """Return the share of a change that passes a first-order low-pass filter."""
    return 1 / (1 + 1 / (2 * math.pi * cutoff * passed))
