"""Where the results of a folder lie, as a database in a temporary file: memory does not grow with their number.

It is made anew from the files of the folder by every run, and vanishes with it.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from hint.errors import WriteError
from hint.prediction.detections import Note

_TABLES = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
CREATE TABLE stored (hand_id, key, part, row);
CREATE INDEX stored_of ON stored (hand_id, key);
CREATE TABLE note (rank INTEGER PRIMARY KEY, image, frame, hand_id, file, key, line);
CREATE INDEX note_at ON note (image, frame);
CREATE TABLE asked (rank INTEGER PRIMARY KEY, image, frame, hand_id, key, line);
CREATE INDEX asked_at ON asked (image, frame);
CREATE UNIQUE INDEX asked_of ON asked (hand_id);
CREATE TABLE searched (rank INTEGER PRIMARY KEY, file UNIQUE, image UNIQUE, key);
"""

#: Notes of pictures that this run did not come to, or is not about: they were not searched anew, nor their video.
_OTHERS = """
FROM note AS n WHERE NOT EXISTS (SELECT 1 FROM asked AS a WHERE a.image IS n.image AND a.frame IS n.frame)
AND NOT EXISTS (SELECT 1 FROM searched AS s WHERE s.image IS n.image AND s.key <> n.key)
AND NOT EXISTS (SELECT 1 FROM asked AS a WHERE a.hand_id = n.hand_id)
"""


class Where(NamedTuple):
    """Where a row is: the number of its file, its number there, and what it was made from."""

    part: int
    row: int
    key: str


class PredictionIndex:
    """The rows and notes of a folder, and the hands that this run asks for.

    Raises:
        WriteError: By every method, if the disk of temporary files is full.
    """

    def __init__(self) -> None:
        self._base = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        with _saying_where():
            self._base.executescript(_TABLES)

    def add_rows(self, part: int, rows: Iterable[tuple[str, str, int]]) -> None:
        """Add the rows of a file: hand, key and number; of rows made from the same, the last one counts."""
        values = ((hand_id, key, part, row) for hand_id, key, row in rows)
        self._many("INSERT INTO stored VALUES (?, ?, ?, ?)", values)

    def add_notes(self, notes: Iterable[Note]) -> None:
        """Add the notes of a file; they replace those of other files about the same pictures."""
        (before,) = next(self._rows("SELECT coalesce(max(rank), 0) FROM note"))
        self._many(
            "INSERT INTO note (image, frame, hand_id, file, key, line) VALUES (?, ?, ?, ?, ?, ?)",
            ((n.image, n.frame, n.hand_id, n.file, n.key, n.line) for n in notes),
        )
        self._write(
            "DELETE FROM note WHERE rank <= ? AND EXISTS (SELECT 1 FROM note AS later "
            "WHERE later.rank > ? AND later.image IS note.image AND later.frame IS note.frame)",
            (before, before),
        )

    def notes_at(self, image: str | None, frame: int | None) -> list[Note]:
        """Return what is noted about a picture."""
        found = self._rows(
            "SELECT image, frame, hand_id, file, key, line FROM note WHERE image IS ? AND frame IS ? ORDER BY rank",
            (image, frame),
        )
        return [Note(*values) for values in found]

    def find(self, hand_id: str, key: str | None = None) -> Where | None:
        """Return where the row of a hand is that was made from the input of a key, or from any."""
        made = "AND key = ?" if key is not None else ""
        found = self._rows(
            f"SELECT part, row, key FROM stored WHERE hand_id = ? {made} ORDER BY rowid DESC LIMIT 1",
            (hand_id,) if key is None else (hand_id, key),
        )
        return next((Where(*values) for values in found), None)

    def ask(self, notes: Sequence[Note], keys: Sequence[str | None]) -> str | None:
        """Ask for the hands of a picture.

        Args:
            notes: What was found in it.
            keys: What the row of each hand must be made from.

        Returns:
            A hand that was asked for already, None if there is none.
        """
        for note, key in zip(notes, keys, strict=True):
            try:
                self._write(
                    "INSERT INTO asked (image, frame, hand_id, key, line) VALUES (?, ?, ?, ?, ?)",
                    (note.image, note.frame, note.hand_id, key, note.line),
                )
            except sqlite3.IntegrityError:
                return note.hand_id
        first = notes[0]
        searched = "INSERT OR IGNORE INTO searched (file, image, key) VALUES (?, ?, ?)"
        self._write(searched, (first.file, first.image, first.key))
        return None

    def lines(self) -> Iterator[tuple[str, str | None, Where | None]]:
        """Yield the lines of all pictures, those asked for first, with the hand of each and where its row is."""
        asked = "SELECT line, hand_id, key FROM asked ORDER BY rank"
        for line, hand_id, key in self._rows(asked):
            yield line, hand_id, self.find(hand_id, key) if hand_id is not None else None
        for line, hand_id in self._rows(f"SELECT n.line, n.hand_id {_OTHERS} ORDER BY n.rank"):
            yield line, hand_id, self.find(hand_id) if hand_id is not None else None

    def searched(self) -> Iterator[tuple[str, str]]:
        """Yield every file that was searched, and what changes when it must be searched again."""
        yield from self._rows("SELECT file, key FROM searched ORDER BY rank")
        yield from self._rows(
            f"SELECT n.file, n.key {_OTHERS} AND n.file NOT IN (SELECT file FROM searched) "
            "GROUP BY n.file ORDER BY min(n.rank)"
        )

    @property
    def is_empty(self) -> bool:
        """Whether nothing was asked for."""
        return not any(self._rows("SELECT 1 FROM asked LIMIT 1"))

    def close(self) -> None:
        """Remove it."""
        self._base.close()

    def _rows(self, statement: str, values: Sequence[object] = ()) -> Iterator[tuple[Any, ...]]:
        with _saying_where():
            yield from self._base.execute(statement, values)

    def _write(self, statement: str, values: Sequence[object]) -> None:
        with _saying_where():
            self._base.execute(statement, values)

    def _many(self, statement: str, rows: Iterable[tuple[object, ...]]) -> None:
        with _saying_where():
            self._base.execute("BEGIN")
            self._base.executemany(statement, rows)
            self._base.execute("COMMIT")


@contextmanager
def _saying_where() -> Iterator[None]:
    """Say in one line that the database cannot be written."""
    try:
        yield
    except sqlite3.OperationalError as error:
        place = tempfile.gettempdir()
        raise WriteError(
            f"cannot write temporary files ({error}); make room in {place}, or set TMPDIR to a folder of another disk; "
            "the same command goes on"
        ) from error
