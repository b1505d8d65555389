"""Tables as csv for spreadsheets, which take some texts for formulas and run them."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from typing import TextIO

#: How a formula starts, in spreadsheets of any language; numbers may have a sign.
_FORMULA = re.compile(r"\s*[=+\-@|%\uff1d\uff0b\uff0d\uff20]")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.IGNORECASE)


class SpreadsheetWriter:
    """Writes rows of texts and numbers; texts that a spreadsheet would run get an apostrophe before them."""

    def __init__(self, stream: TextIO) -> None:
        self._writer = csv.writer(stream, lineterminator="\n")

    def write(self, row: Iterable[object]) -> None:
        """Write a row; None is an empty cell."""
        self._writer.writerow(["" if cell is None else _harmless(cell) for cell in row])


def _harmless(cell: object) -> object:
    runs = isinstance(cell, str) and _FORMULA.match(cell) and not _NUMBER.fullmatch(cell)
    return f"'{cell}" if runs else cell
