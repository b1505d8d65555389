"""Hands in jobs that one worker does at a time: consecutive ones, with all of a picture together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby, pairwise

import numpy as np
from numpy.typing import NDArray

from hint.engine.shard import Shard
from hint.types import Hand

#: Hands of the first job, and most hands of any.
_FIRST, _MOST = 4, 1024
#: Jobs that a run of unknown pace has, unless one would have more hands than this.
_JOBS_EVEN, _MOST_EVEN = 64, 128
#: Seconds a job should take: progress shows, little is lost, and parts are not too many.
_SECONDS = 4.0


@dataclass(frozen=True)
class HandJob:
    """Hands to predict.

    Attributes:
        number: Position among the jobs of a run.
        hands: The hands, those of a picture one after the other.
        keys: What each is made from, see :func:`hint.engine.inputs.input_key`.
    """

    number: int
    hands: tuple[Hand, ...]
    keys: tuple[str, ...]

    def pictures(self) -> list[range]:
        """Return which hands are of the same picture."""
        starts = [0]
        for _, same in groupby(self.hands, key=lambda hand: hand.image):
            starts.append(starts[-1] + sum(1 for _ in same))
        return [range(start, stop) for start, stop in pairwise(starts)]


@dataclass(frozen=True)
class JobDone:
    """What became of a job; its rows are written.

    Attributes:
        job: Its number.
        hands: How many hands it had.
        failures: hand_id -> why there is no row.
        seconds: Time since the job before was done, or its worker began.
        lost: Whether it killed its workers.
    """

    job: int
    hands: int
    failures: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    lost: bool = False


class Pace:
    """How many hands a job should have: few where a hand takes long, many where it does not.

    Args:
        most: No job has more, except that the hands of a picture stay together.
    """

    def __init__(self, most: int = _MOST) -> None:
        self._most, self.hands = most, min(_FIRST, most)

    @staticmethod
    def even(hands: int) -> Pace:
        """Return the pace of a run of which nothing can be learnt: enough jobs for many workers to end together."""
        pace = Pace(_MOST_EVEN)
        pace.hands = min(max(hands // _JOBS_EVEN, _FIRST), _MOST_EVEN)
        return pace

    def saw(self, done: JobDone) -> None:
        """Learn from a job that is done."""
        if done.seconds < _SECONDS / 2 and done.hands >= self.hands:
            self.hands = min(2 * self.hands, self._most)
        elif done.seconds > 2 * _SECONDS:
            self.hands = max(self.hands // 2, 1)


@dataclass(frozen=True, eq=False)
class Queue:
    """Hands in the order in which they are predicted: as they were given, with those of a picture together.

    Attributes:
        rows: (M,) which hands.
        picture: (M,) number of the picture of each, in ascending order.
    """

    rows: NDArray[np.intp]
    picture: NDArray[np.intp]

    @staticmethod
    def of(hands: Sequence[Hand], together: bool) -> Queue:
        """Queue all hands; where pictures are not read, no hand has to wait for another."""
        rows = np.arange(len(hands))
        if not together:
            return Queue(rows, rows)
        seen: dict[object, int] = {}
        first = np.array([seen.setdefault(hand.image, len(seen)) for hand in hands], np.intp)
        order = np.argsort(first, kind="stable")
        return Queue(order, first[order])

    def only(self, kept: NDArray[np.bool_]) -> Queue:
        """Return the hands of which ``kept`` (N,) is True."""
        chosen = kept[self.rows]
        return Queue(self.rows[chosen], self.picture[chosen])

    def part(self, shard: Shard) -> Queue:
        """Return the hands of a shard: neighbours, since pictures beside each other are read faster."""
        pictures = shard.of(range(int(self.picture[-1]) + 1 if len(self.picture) else 0))
        start, stop = np.searchsorted(self.picture, (pictures.start, pictures.stop))
        return Queue(self.rows[start:stop], self.picture[start:stop])

    def jobs(self, hands: Sequence[Hand], keys: NDArray[np.str_], pace: Pace) -> Iterator[HandJob]:
        """Yield jobs, each as large as the pace says when it is taken."""
        ends = np.append(np.flatnonzero(np.diff(self.picture)) + 1, len(self.rows))
        number = start = 0
        while start < len(self.rows):
            stop = int(ends[min(int(np.searchsorted(ends, start + pace.hands)), len(ends) - 1)])
            rows = self.rows[start:stop]
            yield HandJob(number, tuple(hands[row] for row in rows.tolist()), tuple(keys[rows].tolist()))
            number, start = number + 1, stop
