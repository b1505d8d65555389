"""Report unreadable hands without ending a training because of them."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from hint.errors import InputError, counted


class UnreadableHands:
    """Unreadable hands of a training: each once in a file, and their number on stderr whenever it has doubled.

    Args:
        path: The file; hands that it names already are not reported again.

    Raises:
        InputError: If the file is there and is not text.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._reported = path, 0
        try:
            self._reasons = set(path.read_text(encoding="utf-8").splitlines()) if path.is_file() else set()
        except UnicodeDecodeError as error:
            raise InputError(f"{path}: not text; remove it to list unreadable hands anew") from error

    def add(self, reasons: Iterable[str]) -> None:
        """Report hands that were not reported yet.

        Args:
            reasons: Which hand, and why it cannot be read.
        """
        new = [reason for reason in dict.fromkeys(reasons) if reason not in self._reasons]
        if not new:
            return
        self._reasons.update(new)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="utf-8") as file:
            file.writelines(f"{reason}\n" for reason in new)
        if len(self._reasons) >= 2 * self._reported:
            self._reported = len(self._reasons)
            hands = counted(self._reported, "hand")
            sys.stderr.write(f"{hands} cannot be read, such as {new[0]}; others take their place ({self._path})\n")
