"""Several jobs at the same time that Ctrl-C ends in good order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from os import cpu_count
from threading import Event
from typing import TypeVar

Job = TypeVar("Job")
Result = TypeVar("Result")


def in_threads(
    work: Callable[[Job, Event], Result], jobs: Iterable[Job], workers: int | None = None
) -> Iterator[tuple[Job, Result]]:
    """Yield jobs with their results as they get done.

    For work that waits for disks, other processes or libraries that let other threads run meanwhile.

    Args:
        work: Takes a job, and an event that is set once no further step should be begun.
        jobs: What to do.
        workers: Jobs at the same time, by default one per core.
    """
    stop = Event()
    with ThreadPoolExecutor(workers or cpu_count() or 1) as pool:
        try:
            futures = {pool.submit(work, job, stop): job for job in jobs}
            for future in as_completed(futures):
                yield futures[future], future.result()
        finally:
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
