"""What the sections of ``gpu.py`` share."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Row:
    """One measurement: what, how much, the goal, and whether it is met; None where there is none."""

    what: str
    measured: str
    goal: str = ""
    is_met: bool | None = None

    def __str__(self) -> str:
        met = {None: "", True: "yes", False: "no"}[self.is_met]
        return f"| {self.what:<36} | {self.measured:>20} | {self.goal:>8} | {met:<3} |"


@dataclass
class Bench:
    """What sections share.

    Attributes:
        is_dry: Whether sizes are tiny and the device is the CPU.
        folder: For files of the run.
        ends: When the last section may begin, on the clock of ``time.perf_counter``.
        rows: What was measured.
        known: Numbers that later sections compare theirs with.
    """

    is_dry: bool
    folder: Path
    ends: float
    rows: list[Row] = field(default_factory=list)
    known: dict[str, Any] = field(default_factory=dict)

    def size(self, full: Any, tiny: Any) -> Any:
        """Return a size for this run."""
        return tiny if self.is_dry else full

    def add(self, what: str, measured: str, goal: str = "", is_met: bool | None = None) -> None:
        """Keep a measurement and print it at once; a dry run meets no goal."""
        self.rows.append(Row(what, measured, goal, None if self.is_dry else is_met))
        print(self.rows[-1], flush=True)


HEAD = (Row("measured", "", "goal", None), "|" + "-" * 38 + "|" + "-" * 21 + ":|" + "-" * 9 + ":|" + "-" * 5 + "|")
