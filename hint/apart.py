"""Hands apart: each goes alone through a network on the CPU, on one thread, so that only the hand decides its numbers.

The sums in a network are rounded in another order in every size of batch, and with every number of threads. Where
results must be the same however hands are shared out among batches, processes and machines, hands are kept apart; there
is work for all threads all the same, since as many hands are on the way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

Result = TypeVar("Result")

_APART = ContextVar("apart", default=False)


@contextmanager
def hands_apart() -> Iterator[None]:
    """Keep hands apart in what this thread does in this block; methods on a GPU, or of lower precision, do not."""
    token = _APART.set(True)
    try:
        yield
    finally:
        _APART.reset(token)


def are_hands_apart() -> bool:
    """Return whether :func:`hands_apart` holds."""
    return _APART.get()


def one_thread_each(work: Callable[[int], Result], count: int) -> list[Result]:
    """Return what ``work`` makes of 0 to ``count - 1``, several at the same time; PyTorch gives each one thread."""
    import torch

    threads = torch.get_num_threads()
    # A new thread takes over what was last set anywhere, so that is put back afterwards.
    with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        try:
            return list(pool.map(work, range(count)))
        finally:
            torch.set_num_threads(threads)
