"""Two methods on the same hands, number by number: ``hint.compare``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmark.error_table import ErrorTable
from benchmark.evaluate import Evaluation
from benchmark.intervals import check_same
from hint.errors import InputError
from hint.files.path import as_path
from hint.notebook import html_table
from leaderboard.entry import Entry, read_entries
from leaderboard.metric import describe, fixed
from leaderboard.protocols import all_protocols

if TYPE_CHECKING:
    import pandas as pd

_VISIBILITIES = ("all", "visible", "occluded")
_HEADINGS = ("subset", "joints", "metric", "a", "b", "a - b", "interval", "")


@dataclass(frozen=True)
class ComparedScore:
    """One number of two methods, and their difference on the same clips.

    Attributes:
        subset: Part of the dataset.
        visibility: "all", "visible" or "occluded".
        metric: Name of the metric, as in records.
        threshold: Of a PCK, else None.
        a: Value of the first method.
        b: Value of the second method.
        difference: a - b.
        low: Lower end of the interval of the difference, None for a single clip.
        high: Upper end.
    """

    subset: str
    visibility: str
    metric: str
    threshold: float | None
    a: float
    b: float
    difference: float
    low: float | None
    high: float | None

    @property
    def is_clear(self) -> bool:
        """Whether the interval of the difference leaves out 0."""
        return self.low is not None and self.high is not None and not self.low <= 0 <= self.high


@dataclass(frozen=True)
class Comparison:
    """Two methods compared: their names, and a row for each number both have."""

    a: str
    b: str
    rows: tuple[ComparedScore, ...]

    def to_frame(self) -> pd.DataFrame:
        """Return a data frame with a row for each number.

        Raises:
            MissingRequirementError: If pandas is not installed.
        """
        from hint.frames import pandas as pd

        return pd.DataFrame([asdict(row) | {"is_clear": row.is_clear} for row in self.rows])

    def __repr__(self) -> str:
        clear = sum(row.is_clear for row in self.rows)
        different = "all" if clear == len(self.rows) > 0 else f"{clear} of them"
        return f"Comparison({self.a} and {self.b}: {len(self.rows)} numbers, {different} clearly different)"

    def _repr_html_(self) -> str:
        return html_table(_HEADINGS, map(_cells, self.rows), f"a: {self.a}, b: {self.b}")


def compare(a: Evaluation | Path | str, b: Evaluation | Path | str) -> Comparison:
    """Compare two methods by paired differences.

    What is hard or easy in a clip is so for both methods and cancels, so these intervals are narrow.

    Args:
        a: First method: what ``hint.evaluate`` returned, or the folder it wrote.
        b: Second method.

    Raises:
        InputError: If something cannot be read, or the two were not scored on the same labels by the same protocol.
    """
    first, second = _entry(a), _entry(b)
    if first.declared.protocol.sha256 != second.declared.protocol.sha256:
        raise InputError(
            f"{first.name} was scored by {first.declared.protocol.id}, {second.name} by {second.declared.protocol.id}; "
            "score both by the same protocol"
        )
    if first.rules is None:
        raise InputError(f"the rules of {first.declared.protocol.id} are not known here")
    subsets = [data.name for data in first.declared.data]
    return Comparison(first.name, second.name, tuple(row for s in subsets for row in _rows(first, second, s)))


def _entry(given: Evaluation | Path | str) -> Entry:
    if isinstance(given, Path | str):
        entry = read_entries([as_path(given)])[0]
        if entry.errors is None and entry.mesh_errors is None:
            raise InputError(f"{given}: {entry.problem}, so it cannot be compared")
        return entry
    if not isinstance(given, Evaluation):
        raise InputError(f"expected what hint.evaluate returned, or the folder it wrote, not {type(given).__name__}")
    record, table = given.record, given.table
    rules = all_protocols().get(record.protocol.sha256)
    in_2d, in_3d = (table, None) if isinstance(table, ErrorTable) else (None, table)
    return Entry("", record.method.title, record, Path(), in_2d, mesh_errors=in_3d, rules=rules)


def _rows(a: Entry, b: Entry, subset: str) -> Iterator[ComparedScore]:
    if a.errors is not None and b.errors is not None:
        check_same(a.errors, b.errors, subset)
    for visibility in _VISIBILITIES:
        first, second = (entry.draws(subset, visibility) for entry in (a, b))
        if first is None or second is None:
            continue
        for key in first.rows:
            if key in second.rows:
                found = first.minus(second, key)
                low, high = (found.interval.low, found.interval.high) if found.interval else (None, None)
                values = (first.values[key], second.values[key], found.value)
                yield ComparedScore(subset, visibility, *key, *values, low, high)


def _cells(row: ComparedScore) -> list[str]:
    metric = describe((row.metric, row.threshold))
    low, high = ("" if end is None else fixed(end, metric.decimals, sign=True) for end in (row.low, row.high))
    numbers = [metric.text(row.a), metric.text(row.b), fixed(row.difference, metric.decimals, sign=True)]
    return [
        *(row.subset, row.visibility, metric.title, *numbers),
        f"[{low}, {high}]" if low else "",
        "" if row.is_clear else "no clear difference",
    ]
