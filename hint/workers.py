"""Run jobs side by side, in threads or in processes, so that one Ctrl-C ends them all."""

from __future__ import annotations

import os
import pickle
import signal
import sys
import traceback
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from itertools import islice
from multiprocessing import current_process, get_context, parent_process
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from os import cpu_count
from threading import Event, Thread, main_thread
from time import sleep
from typing import Any, NoReturn, TypeVar, cast

from hint.errors import HintError, InputError

Job = TypeVar("Job")
Result = TypeVar("Result")

#: Seconds that processes have to remove their temporary files before they are killed.
_GRACE = 0.5


def in_threads(
    work: Callable[[Job, Event], Result], jobs: Iterable[Job], workers: int | None = None
) -> Iterator[tuple[Job, Result]]:
    """Yield each job with its result as soon as it is done.

    For work that waits for disks, other processes, or libraries that release Python's lock.

    Args:
        work: Takes a job, and an event that is set when no further step should be started.
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


def one_ahead(work: Callable[[Job], Result], jobs: Iterable[Job]) -> Iterator[tuple[Job, Result]]:
    """Yield each job with its result, in order; a thread is already busy with the next one meanwhile.

    Args:
        work: Takes a job.
        jobs: What to do.
    """
    waiting = iter(jobs)
    with ThreadPoolExecutor(1) as pool:
        submitted = [(job, pool.submit(work, job)) for job in islice(waiting, 1)]
        while submitted:
            job, future = submitted.pop()
            result = future.result()
            submitted = [(following, pool.submit(work, following)) for following in islice(waiting, 1)]
            yield job, result


def in_processes(
    work: Callable[[Job], Result], jobs: Iterable[Job], workers: int | None = None
) -> Generator[tuple[Job, Result], None, None]:
    """Yield each job with its result as soon as it is done.

    The processes ignore Ctrl-C. Closing the iterator (``with closing(in_processes(...))``), after Ctrl-C in this
    process for example, ends them within a second in the middle of their jobs, so files must be written atomically.

    Args:
        work: A function of a module, called in another process.
        jobs: What to do.
        workers: Processes, by default one per core.

    Raises:
        HintError: If a process dies; whatever ``work`` raises is raised here.
    """
    waiting = iter(jobs)
    with processes() as start:
        busy: dict[Connection, Job] = {}
        for job in islice(waiting, workers or cpu_count() or 1):
            _, pipe = start(_answer_all)
            pipe.send(work)
            pipe.send(job)
            busy[pipe] = job
        while busy:
            for pipe in cast("list[Connection]", wait(list(busy))):
                job, result = busy.pop(pipe), _receive(pipe)
                for following in islice(waiting, 1):
                    pipe.send(following)
                    busy[pipe] = following
                yield job, result


#: A process that serves this one, and the pipe to it.
Worker = tuple[SpawnProcess, Connection]


@contextmanager
def processes() -> Iterator[Callable[..., Worker]]:
    """Give a function that starts a process, and end all of them afterwards.

    It takes a function of a module, called in the process with its end of a pipe and further arguments. The process
    ignores Ctrl-C, and ends when the pipe is closed, when this process is gone, whatever it is doing then, or with
    SIGTERM, so that ``finally`` removes temporary files.

    Raises:
        InputError: If processes cannot read the script that starts them.
    """
    _check_script()
    context = get_context("spawn")
    started: list[Worker] = []

    def start(serve: Callable[..., None], *arguments: Any) -> Worker:
        mine, theirs = context.Pipe()
        process = context.Process(target=_main, args=(serve, theirs, *arguments), daemon=True)
        with ignore_sigint():
            process.start()
            started.append((process, mine))
        theirs.close()
        return process, mine

    try:
        yield start
    finally:
        _end(started)


def _check_script() -> None:
    """Refuse to go on where processes could not begin: each of them first reads the script that starts it again."""
    if getattr(current_process(), "_inheriting", False):  # this is one of them, in the middle of reading
        sys.exit('this script starts processes, which read it again: put what it does under if __name__ == "__main__":')
    if getattr(sys.modules["__main__"], "__file__", None) == "<stdin>":
        raise InputError("a script on standard input cannot start processes, which read it again: save it as a file")


def _end(started: list[Worker]) -> None:
    """End processes and wait for them; a second Ctrl-C only skips the grace they are given."""
    with ExitStack() as stack:
        for process, pipe in started:
            stack.callback(pipe.close)
            stack.callback(process.kill)
            process.terminate()
        for process, _ in started:
            process.join(_GRACE / len(started))


@contextmanager
def ignore_sigint() -> Iterator[None]:
    """Make processes that start in this block ignore Ctrl-C; this process hears it when the block ends."""
    if sys.platform == "win32":  # no such masks; the processes start to ignore it a moment later
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _main(serve: Callable[..., None], pipe: Connection, *arguments: Any) -> NoReturn:
    """Serve until the pipe is closed, SIGTERM arrives, or the process that started this one is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    Thread(target=_end_with_parent, daemon=True).start()
    with suppress(SystemExit, EOFError, ConnectionError):
        serve(pipe, *arguments)
    os._exit(0)  # without the slow clean-up of large libraries


def _end_with_parent() -> None:
    """End this process when the one that started it is gone, also in the middle of a job or an import."""
    if (parent := parent_process()) is not None:
        parent.join()
        if sys.platform != "win32":  # which ends no sleep early
            signal.pthread_kill(cast(int, main_thread().ident), signal.SIGTERM)
            sleep(_GRACE)
        os._exit(1)


def _answer_all(pipe: Connection) -> None:
    """Do one job after the other; what to do with them comes first, as it takes seconds to import."""
    work = pipe.recv()
    while True:
        pipe.send(answer(partial(work, pipe.recv())))


def answer(work: Callable[[], Any]) -> tuple[Any, Exception | None, str]:
    """Return the result of a job, or its error and traceback."""
    try:
        return work(), None, ""
    except Exception as error:
        return None, _portable(error), traceback.format_exc()


def _portable(error: Exception) -> Exception:
    """Return an error that survives the way to another process: not all can be made again from what they say."""
    try:
        pickle.loads(pickle.dumps(error))
        return error
    except Exception:
        kinds: tuple[type[Exception], ...] = (InputError, HintError)
        return next((kind for kind in kinds if isinstance(error, kind)), RuntimeError)(str(error))


def _receive(pipe: Connection) -> Any:
    """Return the result of a job, or raise what it raised."""
    try:
        result, error, trace = pipe.recv()
    except (EOFError, ConnectionError) as end:
        raise HintError(
            "a worker process was killed, perhaps for lack of memory; run the same command again to go on"
        ) from end
    return unpacked(result, error, trace)


def unpacked(result: Any, error: Exception | None, trace: str) -> Any:
    """Return what :func:`answer` returned in a process, or raise what was raised there."""
    if error is not None:
        raise error from RuntimeError(trace)
    return result
