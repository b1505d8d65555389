"""Report unreadable hands without ending a training because of them."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence

from hint.errors import some_ids

#: Number of hands that are reported one by one.
_NAMED = 5


def report_left_out(name: str, broken: Sequence[str]) -> None:
    """Write to stderr which hands of a source are left out from the start."""
    if broken:
        sys.stderr.write(f"{name}: {len(broken)} unreadable hands are left out: {some_ids(broken)}\n")


class Skipped:
    """Unreadable hands met during a training: reports the first five, then one whenever their number has doubled."""

    def __init__(self) -> None:
        self._reasons: set[str] = set()

    def add(self, reasons: Iterable[str]) -> None:
        """Report hands that were not reported in an earlier epoch."""
        for reason in reasons:
            if reason in self._reasons:
                continue
            self._reasons.add(reason)
            count = len(self._reasons)
            if count <= _NAMED or count & (count - 1) == 0:
                sys.stderr.write(f"skipped, {count} so far: {reason}\n")
