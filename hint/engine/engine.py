"""What runs jobs: in this process, in several, or on a cluster; all give the same results in the same order."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from typing import Protocol, TypeVar

Job = TypeVar("Job")
Result = TypeVar("Result")
_Job = TypeVar("_Job", contravariant=True)
_Result = TypeVar("_Result", covariant=True)


class Setup(Protocol[_Job, _Result]):
    """What a worker loads once, for all of its jobs; a frozen dataclass that can be pickled."""

    def __call__(self, device: str | None) -> Callable[[Iterable[_Job]], Iterator[_Result]]:
        """Load what jobs need.

        Args:
            device: "cpu" or "cuda", which is the one GPU the worker sees; None as the options of the method say.

        Returns:
            A stream: results in order of jobs. The next job may be begun before a result is taken, not the one after.
        """
        ...

    def lost(self, job: _Job, why: str) -> _Result:
        """Return what stands for the result of a job that killed every worker that tried it."""
        ...


class Engine(Protocol):
    """What runs jobs."""

    @property
    def is_local(self) -> bool:
        """Whether jobs run in this process, with objects of this process."""
        ...

    @property
    def takes_all(self) -> bool:
        """Whether all jobs are taken before the first one is done."""
        ...

    def run(self, setup: Setup[Job, Result], jobs: Iterable[Job]) -> Generator[Result, None, None]:
        """Yield the results of jobs, in order of jobs.

        Jobs are taken lazily, a few ahead, unless :attr:`takes_all`. Closing the iterator, or Ctrl-C, stops the work.

        Raises:
            Exception: Whatever a job raises.
        """
        ...


class LocalEngine:
    """Runs jobs in this process; threads read and crop meanwhile."""

    is_local, takes_all = True, False

    def run(self, setup: Setup[Job, Result], jobs: Iterable[Job]) -> Generator[Result, None, None]:
        """Yield the results of jobs, in order of jobs; see :class:`Engine`."""
        results = setup(None)(jobs)
        if isinstance(results, Generator):
            with closing(results):
                yield from results
        else:
            yield from results
