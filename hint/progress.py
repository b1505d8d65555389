"""Progress of long work, on stderr: a bar on a terminal, a plain line now and then elsewhere."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

#: Seconds between two plain lines.
PLAIN_EVERY = 10.0


@contextmanager
def progress(label: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show progress of ``total`` steps; the yielded function takes the number of steps just done."""
    if not sys.stderr.isatty():
        yield _plain(label, total)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bars:
        task = bars.add_task(label, total=total)
        yield lambda steps: bars.advance(task, steps)


@contextmanager
def silence(label: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show nothing, where another process shows the progress."""
    yield lambda steps: None


def _plain(label: str, total: int) -> Callable[[int], None]:
    done, printed = 0, time.monotonic()

    def advance(steps: int) -> None:
        nonlocal done, printed
        done += steps
        if done == total or time.monotonic() - printed >= PLAIN_EVERY:
            printed = time.monotonic()
            sys.stderr.write(f"{label}: {done}/{total}\n")

    return advance


@contextmanager
def progress_of_total(label: str) -> Iterator[Callable[[int, int], None]]:
    """Show progress whose total is known only with the first step; the yielded function takes (done, total)."""
    with ExitStack() as stack:
        advance: Callable[[int], None] | None = None
        shown = 0

        def on_step(done: int, total: int) -> None:
            nonlocal advance, shown
            if advance is None:
                advance = stack.enter_context(progress(label, total))
            if done > shown:
                advance(done - shown)
                shown = done

        yield on_step
