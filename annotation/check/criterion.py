"""What can be wrong with annotations: criteria, and rules that measure single hands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from annotation.check.hands import Hands
from hint.types import Bool, Double

Level = Literal["error", "warning"]

#: Keeps ratios of small numbers finite.
_SMALL = 1e-3


@dataclass(frozen=True, eq=False)
class Measured:
    """A number for each hand.

    Attributes:
        value: (N,) NaN for undecided.
        where: (N,) index into ``names``: the joint or finger with this number.
        names: Joints or fingers, () if the number is about the whole hand.
    """

    value: Double
    where: NDArray[np.int64] | None = None
    names: tuple[str, ...] = ()

    def name(self, k: int) -> str:
        """Return the joint or finger of hand k's number, "" for the whole hand."""
        return "" if self.where is None else self.names[int(self.where[k])]


@dataclass(frozen=True)
class Criterion:
    """One thing that can be wrong.

    Attributes:
        id: Name on the command line and in files.
        level: An error is certainly wrong; a warning deserves a look.
        description: One line.
        threshold: Limit of the value.
        unit: Unit of the value.
        low: Whether values up to the threshold are the findings, instead of values above it.
        needs: Input it needs besides labels, "" for none.
    """

    id: str
    level: Level
    description: str
    threshold: float
    unit: str
    low: bool = field(default=False, kw_only=True)
    needs: str = field(default="", kw_only=True)

    def as_json(self) -> dict[str, Any]:
        """Return JSON values."""
        return {
            "rule": self.id,
            "level": self.level,
            "says": self.description,
            "threshold": self.threshold,
            "unit": self.unit,
        }

    def found(self, value: Double) -> Bool:
        """Return (N,) whether values are findings; NaN is not."""
        return np.asarray(value <= self.threshold if self.low else value > self.threshold)

    def excess(self, value: float) -> float:
        """Return the severity of a finding, at least 1."""
        more, less = (self.threshold, value) if self.low else (value, self.threshold)
        return (abs(more) + _SMALL) / (abs(less) + _SMALL)

    def message(self, value: float, name: str = "") -> str:
        """Describe a finding."""
        what = f"{self.description}: {name}, " if name else f"{self.description}: "
        return f"{what}{value:.4g} {self.unit} (limit {self.threshold:g})"


@dataclass(frozen=True)
class Rule(Criterion):
    """A criterion for single hands.

    Attributes:
        measure: Computes the values that are compared with the threshold.
    """

    measure: Callable[[Hands], Measured]
