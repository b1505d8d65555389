"""Progress of long work, on stderr: a bar on a terminal, a plain line now and then elsewhere.

Both say how many steps are done, how many are done per second, and how long the rest will take at the present rate.
"""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

#: Seconds between two plain lines.
PLAIN_EVERY = 10.0

#: Seconds that the present rate is taken over.
_RECENT = 60.0


class Rate:
    """How fast steps are done at present, counted from the first report, which may tell of an earlier run."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def saw(self, done: int, now: float) -> None:
        """Note how many steps are done at a time, seconds."""
        self._seen.append((now, done))
        while len(self._seen) > 2 and self._seen[1][0] < now - _RECENT:
            self._seen.popleft()

    def per_second(self) -> float | None:
        """Return steps per second, None where that is not known yet."""
        if not self._seen:
            return None
        (start, before), (end, done) = self._seen[0], self._seen[-1]
        return (done - before) / (end - start) if end > start and done > before else None


def described(rate: float | None, left: int) -> str:
    """Return rate and time left as text, such as "12.5/s, 1:20 left"; "" where the rate is not known."""
    if rate is None:
        return ""
    shown = f"{rate:,.0f}/s" if rate >= 100 else f"{rate:.1f}/s" if rate >= 1 else f"{1 / rate:.1f} s each"
    return f"{shown}, {_clock(left / rate)} left" if left else shown


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


@contextmanager
def progress(label: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show progress of ``total`` steps, of 0 nothing; the yielded function takes the number of steps just done.

    The rate is counted from its first call, which so may tell of an earlier run, or of 0 steps.
    """
    if not total:
        yield lambda steps: None
        return
    if not sys.stderr.isatty():
        yield _plain(label, total)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    done, rate = 0, Rate()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[pace]}"))
    with Progress(*columns, console=Console(stderr=True)) as bars:
        task = bars.add_task(label, total=total, pace="")

        def advance(steps: int) -> None:
            nonlocal done
            done += steps
            rate.saw(done, time.monotonic())
            bars.update(task, advance=steps, pace=described(rate.per_second(), total - done))

        yield advance


@contextmanager
def silence(label: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show nothing, where another process shows the progress."""
    yield lambda steps: None


def _plain(label: str, total: int) -> Callable[[int], None]:
    done, printed, rate = 0, time.monotonic(), Rate()

    def advance(steps: int) -> None:
        nonlocal done, printed
        done += steps
        now = time.monotonic()
        rate.saw(done, now)
        if done == total or now - printed >= PLAIN_EVERY:
            printed = now
            pace = described(rate.per_second(), total - done)
            sys.stderr.write(f"{label}: {done}/{total}{', ' if pace else ''}{pace}\n")

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
