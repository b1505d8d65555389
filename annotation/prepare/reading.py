"""Look at many files at once, in an order that does not change."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from hint.progress import progress

Item = TypeVar("Item")
Result = TypeVar("Result")

#: More than cores, because most of the time of a cold or a distant disk is waiting.
THREADS = 8


def in_parallel(function: Callable[[Item], Result], items: Sequence[Item], label: str, batch: int = 64) -> list[Result]:
    """Call a function for every item in threads, showing progress.

    Args:
        function: What to call; it reads files and changes nothing.
        items: What to call it with.
        label: What the progress is of.
        batch: Items a thread takes at a time.

    Returns:
        The results, in the order of the items.
    """
    pool = ThreadPoolExecutor(THREADS)
    results: list[Result] = []
    try:
        parts = [items[k : k + batch] for k in range(0, len(items), batch)]
        futures = [pool.submit(lambda part: [function(item) for item in part], part) for part in parts]
        with progress(label, len(items)) as advance:
            for future in futures:
                done = future.result()
                results += done
                advance(len(done))
    finally:  # an interrupt waits for what runs now, not for what is to come
        pool.shutdown(cancel_futures=True)
    return results
