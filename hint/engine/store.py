"""Keep the results of a method, in memory or in files, so that an interrupted run resumes.

A store holds one row per hand and, for each row, a key of the input it was made from (box, side, picture). A run asks
for its hands; rows of an earlier run are reused where the key is the same. Rows of hands that this run does not ask for
stay: another subset may have cost hours.

Subclasses decide where rows go: :class:`FileStore` writes one npz, ``hint predict`` a folder. A store of shards
overrides :meth:`Store.save`, to write the rows added since the last save, and :meth:`Store.rows`, to merge on reading.
"""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from hint.errors import InputError
from hint.files import read_predictions, write_predictions
from hint.types import ManoParameters, Method, Predictions

#: Seconds between two saves; and a save waits at least this many times as long as the last one took.
SAVE_EVERY, SAVE_SHARE = 20.0, 10.0

#: Ending of the entries of a fingerprint that are digests of files or arrays, and what some of them are called.
_DIGEST = "_sha256"
_DIGESTS = {"table_sha256": "labels to fit on (--train-data)", "mano_sha256": "MANO file"}

#: Adds columns that follow from the rows, and entries of ``meta`` about them.
Complete = Callable[[Predictions], Predictions]


@dataclass(frozen=True, eq=False)
class Results:
    """What a method predicted for N hands.

    Attributes:
        predictions: N rows; in a store, ``meta["inputs"]`` holds their keys.
        parameters: N rows, None for methods that do not pose MANO.
    """

    predictions: Predictions
    parameters: ManoParameters | None = None

    def __len__(self) -> int:
        return len(self.predictions)

    def select(self, index: Any) -> Results:
        """Return the rows an index array or a mask picks."""
        parameters = self.parameters.select(index) if self.parameters is not None else None
        return Results(self.predictions.select(index), parameters)

    @staticmethod
    def concatenate(parts: Sequence[Results]) -> Results:
        """Join results of one method; parts without rows may lack its columns."""
        filled = [part for part in parts if len(part)]
        if not filled:
            return Results(Predictions(np.empty(0, np.str_), np.empty((0, 21, 2), np.float32)))
        parameters = [part.parameters for part in filled if part.parameters is not None]
        joined = ManoParameters.concatenate(parameters) if parameters else None
        return Results(Predictions.concatenate([part.predictions for part in filled]), joined)


class Store:
    """Results of one method, in memory.

    Args:
        method: What makes them.
    """

    def __init__(self, method: Method) -> None:
        #: Tells results of this method and its settings from others.
        self.header: dict[str, Any] = {"method": method.card.name, "fingerprint": method.fingerprint}
        self._parts: list[Results] = []
        self._starts: list[int] = []
        self._row_of: dict[str, int] = {}
        self._keys: dict[str, str] = {}
        self._asked: dict[str, None] = {}
        self._due = time.monotonic() + SAVE_EVERY

    def holds(self, hand_id: str, key: str) -> bool:
        """Return whether there is a row for a hand, made from the input of this key."""
        return hand_id in self._row_of and self._keys[hand_id] == key

    def ask(self, hand_id: str, key: str) -> bool:
        """Ask for a hand: a row made from other input is forgotten.

        Returns:
            Whether its row is there already.
        """
        is_done = self.holds(hand_id, key)
        if not is_done:
            self.forget([hand_id])
        self._asked[hand_id], self._keys[hand_id] = None, key
        return is_done

    def forget(self, hand_ids: Iterable[str]) -> None:
        """Drop rows of hands."""
        for hand_id in hand_ids:
            self._row_of.pop(hand_id, None)
            self._asked.pop(hand_id, None)

    def add(self, results: Results) -> None:
        """Add rows of hands that were asked for, and save if the last save was long ago."""
        self._append(results)
        if time.monotonic() > self._due:
            self.save()

    def get(self, hand_id: str) -> Results | None:
        """Return the row of a hand, None where there is none."""
        number = self._row_of.get(hand_id)
        if number is None:
            return None
        part = bisect_right(self._starts, number) - 1
        row = number - self._starts[part]
        return self._parts[part].select(slice(row, row + 1))

    def rows(self) -> Results:
        """Return the rows that are done, in the order hands were asked for."""
        return self._select(self._done())

    def all_rows(self) -> Results:
        """Return these rows, followed by those of hands nobody asked for."""
        return self._select([*self._done(), *self._others()])

    def save(self) -> None:
        """Write all rows; nothing is written where there are none."""
        started = time.monotonic()
        if not self._is_empty():
            self._write()
        ended = time.monotonic()
        self._due = ended + max(SAVE_EVERY, SAVE_SHARE * (ended - started))

    def _done(self) -> list[str]:
        return [hand_id for hand_id in self._asked if hand_id in self._row_of]

    def _others(self) -> list[str]:
        return [hand_id for hand_id in self._row_of if hand_id not in self._asked]

    def _is_empty(self) -> bool:
        return not self._row_of

    def _write(self) -> None:
        """Write all rows to where this store keeps them."""

    def _check(self, earlier: Predictions, place: Path) -> None:
        """Check that an earlier run was of this method and its settings.

        Raises:
            InputError: If it was not.
        """
        if {name: earlier.meta.get(name) for name in self.header} != self.header:
            raise InputError(
                f"{place} holds predictions made with {_difference(earlier.meta, self.header)}; "
                "give another --out (or --name, of hint eval), or --overwrite always"
            )
        keys = earlier.meta.get("inputs")
        if not isinstance(keys, list) or len(keys) != len(earlier):
            count = len(keys) if isinstance(keys, list) else 0
            raise InputError(f"{place} has {count} input keys for {len(earlier)} predictions; add --overwrite always")

    def _take_over(self, earlier: Results) -> None:
        """Take over the results of an earlier run."""
        predictions = earlier.predictions
        self._keys.update(zip(predictions.hand_id.tolist(), predictions.meta["inputs"], strict=True))
        self._append(earlier)

    def _append(self, results: Results) -> None:
        start = self._starts[-1] + len(self._parts[-1]) if self._parts else 0
        self._parts.append(results)
        self._starts.append(start)
        self._row_of |= {hand_id: start + k for k, hand_id in enumerate(results.predictions.hand_id.tolist())}

    def _select(self, hand_ids: Sequence[str]) -> Results:
        self._join_parts()
        chosen = self._parts[0].select(np.array([self._row_of[hand_id] for hand_id in hand_ids], np.intp))
        meta = {"inputs": [self._keys[hand_id] for hand_id in hand_ids]}
        return replace(chosen, predictions=replace(chosen.predictions, meta=meta))

    def _join_parts(self) -> None:
        """Join parts into one, without the rows that were forgotten: ids of predictions must not repeat."""
        if len(self._parts) == 1:
            return
        alive = []
        for start, part in zip(self._starts, self._parts, strict=True):
            ids = part.predictions.hand_id.tolist()
            kept = [self._row_of.get(hand_id) == row for row, hand_id in enumerate(ids, start)]
            alive.append(part.select(np.array(kept, bool)))
        joined = Results.concatenate(alive)
        rows = {hand_id: row for row, hand_id in enumerate(joined.predictions.hand_id.tolist())}
        self._parts, self._starts, self._row_of = [joined], [0], rows


@contextmanager
def reading_earlier() -> Iterator[None]:
    """Say how to go on where results of an earlier run cannot be read.

    Raises:
        InputError: If they cannot.
    """
    try:
        yield
    except InputError as error:
        raise InputError(f"{error}; to start over, add --overwrite always") from error


def unchanged(rows: Predictions) -> Predictions:
    """Return rows as they are."""
    return rows


class FileStore(Store):
    """Results in one npz of predictions.

    Args:
        method: What makes them.
        path: The file.
        complete: Adds columns that follow from the rows; they are computed again at every save.
        meshes: Whether to keep vertices.
        overwrite: Whether to ignore the file that is there; the first save replaces it.

    Raises:
        InputError: If the file holds predictions of other settings, or lacks the meshes.
    """

    def __init__(
        self,
        method: Method,
        path: Path,
        *,
        complete: Complete = unchanged,
        meshes: bool = False,
        overwrite: bool = False,
    ) -> None:
        super().__init__(method)
        self._path, self._complete, self._meshes = path, complete, meshes
        if not overwrite and path.is_file():
            self._load()

    def _load(self) -> None:
        with reading_earlier():
            earlier = read_predictions(self._path)
        self._check(earlier, self._path)
        if self._meshes and earlier.vertices is None:
            raise InputError(f"{self._path} holds no meshes; give another --out or --name, or --overwrite always")
        derived = earlier.meta.get("derived", [])
        self._take_over(Results(earlier.without([*derived, *([] if self._meshes else ["vertices"])])))

    def _write(self) -> None:
        whole = completed(self.all_rows().predictions, self._complete)
        write_predictions(self._path, replace(whole, meta={**self.header, **whole.meta}))


def completed(rows: Predictions, complete: Complete) -> Predictions:
    """Return rows with the columns that follow from them, which ``meta["derived"]`` lists."""
    whole = complete(rows)
    added = [f.name for f in fields(rows) if getattr(rows, f.name) is None and getattr(whole, f.name) is not None]
    return replace(whole, meta={**whole.meta, "derived": added}) if added else whole


def _difference(earlier: dict[str, Any], now: dict[str, Any]) -> str:
    """Name what differs between two headers, as "seed 0 (now 7)"; digests tell nobody anything, so "other weights"."""
    fingerprint = earlier.get("fingerprint")
    old = {"method": earlier.get("method"), **(fingerprint if isinstance(fingerprint, dict) else {})}
    new = {"method": now["method"], **now["fingerprint"]}
    changed = [key for key in {**old, **new} if old.get(key) != new.get(key)]
    return ", ".join(_change(key, old.get(key), new.get(key)) for key in changed)


def _change(key: str, old: Any, new: Any) -> str:
    if key.endswith(_DIGEST):
        return f"other {_DIGESTS.get(key, key.removesuffix(_DIGEST).replace('_', ' '))}"
    return f"{key} {_short(old)} (now {_short(new)})"


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 24 else f"{text[:12]}..."
