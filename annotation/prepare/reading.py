"""Read many files in parallel, with results in a fixed order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from hint.progress import progress
from hint.workers import in_threads

Item = TypeVar("Item")
Result = TypeVar("Result")

#: More than cores, because cold or remote disks mostly wait.
THREADS = 8


def in_parallel(function: Callable[[Item], Result], items: Sequence[Item], label: str, batch: int = 64) -> list[Result]:
    """Call a function for every item in threads and show progress.

    Args:
        function: Reads files and changes nothing.
        items: Its arguments.
        label: Label of the progress.
        batch: Items per thread and turn.

    Returns:
        The results, in the order of the items.
    """
    parts = [items[k : k + batch] for k in range(0, len(items), batch)]
    found: dict[int, list[Result]] = {}
    with progress(label, len(items)) as advance:
        for k, results in in_threads(lambda k, _: [function(item) for item in parts[k]], range(len(parts)), THREADS):
            found[k] = results
            advance(len(results))
    return [result for k in range(len(parts)) for result in found[k]]
