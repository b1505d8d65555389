"""Points for tasks of Label Studio, by a method."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from threading import Lock
from typing import Any, NamedTuple

import numpy as np

from annotation.prelabel.guess import Thresholds, guess
from annotation.studio.backend.frames import Frames, Seen
from annotation.studio.guess import model_version
from annotation.studio.task import Guess, HandTask, from_percent, read_task, results
from hint.box import Box
from hint.errors import HintError
from hint.names import parse_name
from hint.types import Hand, Method, Predictions

#: Hands per forward pass.
_BATCH = 16

Results = list[dict[str, Any]]


class _Ready(NamedTuple):
    """A hand, its task, its picture, and what the method prepared."""

    hand: Hand
    task: HandTask
    seen: Seen
    prepared: Any


class Predictor:
    """Predicts the hands of tasks.

    Args:
        method: What predicts.
        frames: Where pictures are.
        thresholds: How scores become existence and occlusion.
        on_problem: Called with a line for every hand that cannot be predicted.

    Attributes:
        version: Name of the method and its settings: that of ``hint prelabel`` with the same ones.
    """

    def __init__(
        self, method: Method, frames: Frames, thresholds: Thresholds, on_problem: Callable[[str], None]
    ) -> None:
        self._method, self._frames, self._thresholds, self._on_problem = method, frames, thresholds, on_problem
        self._meta = {"method": method.card.name, "fingerprint": method.fingerprint}
        nothing = Predictions(np.array([], np.str_), np.empty((0, 21, 2), np.float32), meta=self._meta)
        self.version = model_version(nothing, method.card.name)
        self._lock = Lock()  # methods predict one batch at a time

    def predict(self, tasks: Sequence[Mapping[str, Any]], box: Box | None = None) -> list[Results | None]:
        """Return the points of each task as results of Label Studio, None where there are none.

        Args:
            tasks: As the server sends them.
            box: Box of the hand instead of the one in the task, percent of the shown picture: x1, y1, x2, y2.
        """
        found: dict[int, Results] = {}
        ready = {k: one for k, task in enumerate(tasks) if (one := self._ready(task, box)) is not None}
        numbers = list(ready)
        for start in range(0, len(numbers), _BATCH):
            batch = numbers[start : start + _BATCH]
            guesses = self._guesses([ready[k] for k in batch])
            for k, guessed in zip(batch, guesses, strict=True):
                if guessed is None:
                    self._on_problem(f"{ready[k].hand.hand_id}: {self._method.card.name} finds no hand in the box")
                else:
                    found[k] = results(ready[k].task.model_copy(update={"guess": guessed}))
        return [found.get(k) for k in range(len(tasks))]

    def _ready(self, row: Mapping[str, Any], box: Box | None) -> _Ready | None:
        """Prepare the hand of a task, None if that is not possible."""
        found = row.get("data")
        data = found if isinstance(found, Mapping) else {}
        name = f"task {row.get('id')}"
        try:
            hand_id, task = read_task(data)
            name = hand_id
            return self._prepared(hand_id, task, self._frames.see(data, task), box)
        except (ValueError, HintError) as error:
            self._on_problem(f"{name}: {error}")
            return None

    def _prepared(self, hand_id: str, task: HandTask, seen: Seen, box: Box | None) -> _Ready:
        parsed = parse_name(hand_id)
        if parsed is None:
            raise ValueError("its id does not end in _l or _r, so its side is unknown")
        hand = Hand(hand_id, seen.box(_box_in_frame(task, box)), parsed.is_right)
        return _Ready(hand, task, seen, self._method.prepare(hand, seen.image))

    def _guesses(self, batch: Sequence[_Ready]) -> list[Guess | None]:
        """Predict hands; None for those that are not found."""
        if not batch:
            return []
        with self._lock:
            rows = self._method.infer([one.hand for one in batch], [one.prepared for one in batch])
        points = np.stack([one.seen.in_frame(xy) for one, xy in zip(batch, rows.keypoints_2d, strict=True)])
        sizes = {one.hand.hand_id: one.task.frame_size for one in batch}
        flagged = guess(replace(rows, keypoints_2d=points.astype(np.float32)), sizes, self._thresholds)
        return [self._guess(flagged, k) for k in range(len(batch))]

    def _guess(self, rows: Predictions, k: int) -> Guess | None:
        points, exists, hidden = rows.keypoints_2d[k], rows.existence, rows.occlusion
        if not np.isfinite(points).all() or exists is None or hidden is None:
            return None
        return Guess.model_validate(
            {
                "version": self.version,
                "keypoints": points.astype(float).tolist(),
                "existence": exists[k].tolist(),
                "occlusion": hidden[k].tolist(),
            }
        )


def _box_in_frame(task: HandTask, percent: Box | None) -> Box:
    """Return the box to look at, px of the frame: a given one, that of the task, else the middle of what is shown."""
    if percent is None and task.box_xyxy is not None:
        return task.box_xyxy
    corners = np.reshape((25.0, 25.0, 75.0, 75.0) if percent is None else percent, (2, 2))
    x1, y1, x2, y2 = from_percent(corners, task.crop).ravel().tolist()
    return x1, y1, x2, y2
