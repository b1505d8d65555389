"""Runs jobs in several processes of this machine, one for each GPU or group of cores."""

from __future__ import annotations

import os
import sys
from collections import Counter, deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any, Generic, cast

from hint.engine.devices import Place
from hint.engine.engine import Job, Result, Setup
from hint.errors import HintError
from hint.workers import Worker, answer, processes, unpacked

#: Jobs of a worker at a time: one it works on, and one it may begin meanwhile.
_AT_ONCE = 2
#: Results that may wait for an earlier one before no more jobs are given.
_WINDOW = 64
#: What a worker says when it has loaded what it needs.
_READY = "ready"
#: What a stream gives when its jobs are done.
_END = object()


@dataclass(frozen=True)
class ProcessEngine:
    """Runs jobs in processes of this machine.

    Each loads what jobs need once. One that dies, for lack of memory for example, is replaced, and its jobs are tried
    again, each alone; one that kills a worker then, too, is lost.

    Attributes:
        places: Where each process computes.
    """

    places: Sequence[Place]
    is_local = takes_all = False

    def run(self, setup: Setup[Job, Result], jobs: Iterable[Job]) -> Generator[Result, None, None]:
        """Yield the results of jobs, in order of jobs; see :class:`hint.engine.engine.Engine`.

        Raises:
            HintError: If a process dies before it is ready.
        """
        with processes() as start:
            work = _Work(setup, iter(jobs))
            seats = [_Seat(place) for place in self.places]
            while True:
                yield from work.in_order()  # first, since workers get no more jobs while too many results wait
                for seat in seats:
                    _feed(seat, work, start)
                busy = {seat.pipe: seat for seat in seats if seat.jobs}
                if not busy:
                    return
                for pipe in cast("list[Connection]", wait(list(busy))):
                    _hear(busy[pipe], work)


@dataclass
class _Numbered(Generic[Job]):
    number: int
    job: Job


class _Work(Generic[Job, Result]):
    """Jobs that are not given to a worker yet, and results that wait for earlier ones."""

    def __init__(self, setup: Setup[Job, Result], jobs: Iterator[Job]) -> None:
        self.setup, self._jobs = setup, jobs
        self.suspects: deque[_Numbered[Job]] = deque()
        self._deaths: Counter[int] = Counter()
        self._results: dict[int, Result] = {}
        self._given = self._yielded = 0

    def take(self) -> _Numbered[Job] | None:
        """Return the next job; None where there is none, or too many results wait already."""
        if len(self._results) >= _WINDOW:
            return None
        for job in self._jobs:
            self._given += 1
            return _Numbered(self._given - 1, job)
        return None

    def done(self, job: _Numbered[Job], result: Result) -> None:
        self._results[job.number] = result

    def died(self, jobs: Sequence[_Numbered[Job]], why: str) -> None:
        """Note the jobs of a worker that died."""
        for job in jobs:
            self._deaths[job.number] += 1
            if len(jobs) == 1 and self._deaths[job.number] > 1:
                self.done(job, self.setup.lost(job.job, why))
            else:
                self.suspects.append(job)

    def in_order(self) -> Iterator[Result]:
        """Yield the results that wait for no other."""
        while self._yielded in self._results:
            yield self._results.pop(self._yielded)
            self._yielded += 1


@dataclass
class _Seat:
    """A place, and the worker that sits there.

    Attributes:
        place: Where it computes.
        worker: The process and its pipe, None before it is needed.
        jobs: What it was given and has not answered.
        is_ready: Whether it has loaded what it needs.
        is_ending: Whether it was told that no job follows those it has.
    """

    place: Place
    worker: Worker | None = None
    jobs: deque[_Numbered[Any]] = field(default_factory=deque)
    is_ready: bool = False
    is_ending: bool = False

    @property
    def pipe(self) -> Connection:
        if self.worker is None:
            raise ValueError("nobody sits here")
        return self.worker[1]

    def leave(self) -> list[_Numbered[Any]]:
        """Return the jobs of a worker that died, and make room for another."""
        left, self.jobs = [*self.jobs], deque()
        self.worker, self.is_ready, self.is_ending = None, False, False
        return left


def _feed(seat: _Seat, work: _Work[Any, Any], start: Any) -> None:
    """Give a worker what it may work on; it must never wait for more than the word that nothing follows."""
    while not seat.is_ending and len(seat.jobs) < _AT_ONCE:
        suspect = work.suspects.popleft() if work.suspects and not seat.jobs else None
        job = suspect or (None if work.suspects else work.take())
        if job is not None:
            if seat.worker is None:
                seat.worker = start(_serve, seat.place.environment(), seat.place.device, seat.place.threads)
                _send(seat, work.setup)
            seat.jobs.append(job)
            _send(seat, (job.job,))
        if job is None or suspect:
            seat.is_ending = bool(seat.jobs)
            if seat.is_ending:
                _send(seat, ())
            return


def _send(seat: _Seat, message: Any) -> None:
    with suppress(ConnectionError):  # it died; its end of the pipe says so
        seat.pipe.send(message)


def _hear(seat: _Seat, work: _Work[Any, Any]) -> None:
    """Take what a worker says, or notice that it died."""
    try:
        message = seat.pipe.recv()
    except (EOFError, ConnectionError):
        why = _cause(cast(Any, seat.worker)[0])
        if not seat.is_ready:
            raise HintError(
                f"a process {why} while it loaded the method; if it did not say why, use fewer --devices, or none"
            ) from None
        work.died(seat.leave(), f"the process {why} twice at this hand or those beside it")
        return
    if message == _READY:
        seat.is_ready = True
        return
    result = unpacked(*message)
    work.done(seat.jobs.popleft(), result)
    if not seat.jobs:
        seat.is_ending = False


def _cause(process: SpawnProcess) -> str:
    process.join()
    code = process.exitcode or 0
    return f"was killed by signal {-code}, perhaps for lack of memory," if code < 0 else f"ended with code {code}"


def _serve(pipe: Connection, environment: dict[str, str], device: str, threads: int) -> None:
    """Load, then do jobs in streams, each of which ends with an empty message; an error ends them all."""
    os.environ.update(environment)
    stream, error, trace = answer(lambda: pipe.recv()(device))
    if "torch" in sys.modules:  # a script of the user's may have imported it before the environment was set
        sys.modules["torch"].set_num_threads(threads)
    pipe.send((None, error, trace) if error else _READY)
    while not error:
        results = iter(stream(_received(pipe)))
        while not error:
            result, error, trace = answer(partial(next, results, _END))
            if result is _END:
                break
            pipe.send((result, error, trace))


def _received(pipe: Connection) -> Iterator[Any]:
    while message := pipe.recv():
        yield message[0]
