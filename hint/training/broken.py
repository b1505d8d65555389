"""Tell about hands that cannot be read, without ending a training for them."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence

from hint.errors import some_ids

#: As many are named one by one.
_NAMED = 5


def tell_left_out(name: str, broken: Sequence[str]) -> None:
    """Say on stderr which hands of a source are left out from the start."""
    if broken:
        sys.stderr.write(f"{name}: {len(broken)} cannot be read and are left out: {some_ids(broken)}\n")


class Skipped:
    """Broken hands a training came across: the first five are named, then one whenever their number has doubled."""

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def add(self, reasons: Iterable[str]) -> None:
        """Note hands; those met before, in an earlier round, are not told again."""
        for reason in reasons:
            if reason in self._seen:
                continue
            self._seen.add(reason)
            count = len(self._seen)
            if count <= _NAMED or count & (count - 1) == 0:
                sys.stderr.write(f"skipped, {count} so far: {reason}\n")
