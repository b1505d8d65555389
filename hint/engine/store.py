"""Keep the results of a method, in memory or in files, so that an interrupted run resumes.

A store holds one row per hand and, for each row, a key of the input it was made from (box, side, picture). A run asks
for its hands; rows of an earlier run are reused where the key is the same. Rows of hands that this run does not ask for
stay: another subset may have cost hours.

``hint predict`` writes them to a folder.
"""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from hint.engine.earlier import require_same
from hint.engine.parts import SAVE_EVERY
from hint.errors import InputError
from hint.types import ManoParameters, Method, Predictions

#: A save waits at least this many times as long as the last one took.
SAVE_SHARE = 10.0


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
        require_same(earlier.meta, self.header, place)
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
