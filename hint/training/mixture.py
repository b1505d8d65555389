"""The order of training hands: a pure function of the seed and the hand's number.

There is no state, so a training resumes exactly where it was interrupted, and any number of processes share the same
global batches: step t of size G consists of hands t*G to (t+1)*G-1, and process r of W takes every W-th of them.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from hint.errors import InputError

#: Number of hands in which every source has exactly its share.
BLOCK = 1000


class Place(NamedTuple):
    """Source of a hand, and its index there."""

    source: str
    hand: int


@dataclass(frozen=True)
class Mixture:
    """Sources, their shares, and the order of their hands.

    Each source is traversed in a new random order per epoch, every hand once. The shares are exact to a thousandth in
    every 1000 hands.

    Attributes:
        sizes: Number of hands of each source.
        weights: Share of each source; they need not sum to 1.
        seed: Seed of the order.

    Raises:
        InputError: If sources and weights differ, a source is empty, or a weight is not positive.
    """

    sizes: Mapping[str, int]
    weights: Mapping[str, float]
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.sizes or set(self.sizes) != set(self.weights):
            raise InputError(f"a mixture of {sorted(self.sizes)} needs one weight per source, not {dict(self.weights)}")
        bad = [name for name in self.sizes if self.sizes[name] < 1 or not 0 < self.weights[name] < np.inf]
        if bad:
            raise InputError(f"sources need hands and positive weights: {', '.join(bad)}")
        if len(self.sizes) > BLOCK:
            raise InputError(f"{len(self.sizes)} sources are too many; {BLOCK} at most")

    def source(self, k: int) -> str:
        """Return the source of hand k, from 0."""
        return self._drawn(k)[0]

    def drawn(self, end: int, layout: Layout, lane: int) -> dict[str, int]:
        """Return how many of the hands before ``end`` a reader takes from each source."""
        quotas, total = self._quotas, np.zeros(len(self.sizes), np.int64)
        for block in range(-(-end // BLOCK)):
            k = np.arange(block * BLOCK, min((block + 1) * BLOCK, end))
            order = _block(self.seed, quotas, block)[0][: len(k)]
            total += np.bincount(order[layout.lane(k) == lane], minlength=len(quotas))
        return dict(zip(self.sizes, total.tolist(), strict=True))

    def _drawn(self, k: int) -> tuple[str, int]:
        """Return the source of hand k, and how many hands it gave before."""
        block, within = divmod(k, BLOCK)
        quotas = self._quotas
        order, before = _block(self.seed, quotas, block)
        number = int(order[within])
        return list(self.sizes)[number], block * quotas[number] + int(before[within])

    def place(self, k: int) -> Place:
        """Return the source and index of hand k, from 0."""
        name, drawn = self._drawn(k)
        round_, position = divmod(drawn, self.sizes[name])
        return Place(name, int(_order(self.seed, name, self.sizes[name], round_)[position]))

    def generator(self, k: int) -> np.random.Generator:
        """Return the random generator for the augmentation of hand k."""
        return np.random.default_rng((self.seed, _AUGMENTATION, k))

    @cached_property
    def _quotas(self) -> tuple[int, ...]:
        """How many hands of a block come from each source: at least 1, rounded so that they add up."""
        weights = np.array([self.weights[name] for name in self.sizes], float)
        exact = weights / weights.sum() * (BLOCK - len(weights))
        quotas = np.floor(exact).astype(int)
        rest = BLOCK - len(weights) - quotas.sum()
        quotas[np.argsort(quotas - exact, kind="stable")[:rest]] += 1
        return tuple((quotas + 1).tolist())


_BLOCKS, _ORDERS, _AUGMENTATION = 1, 2, 3


@lru_cache(maxsize=8)
def _block(seed: int, quotas: tuple[int, ...], block: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the source of each hand of a block, and the number of its earlier hands in the block."""
    order = np.repeat(np.arange(len(quotas)), quotas)
    np.random.default_rng((seed, _BLOCKS, block)).shuffle(order)
    before = np.empty(BLOCK, np.int64)
    for number, quota in enumerate(quotas):
        before[order == number] = np.arange(quota)
    return order, before


@lru_cache(maxsize=64)
def _order(seed: int, name: str, size: int, round_: int) -> NDArray[np.int32]:
    """Return the order of a source's hands in one epoch."""
    rng = np.random.default_rng((seed, _ORDERS, zlib.crc32(name.encode()), round_))
    return rng.permutation(np.arange(size, dtype=np.int32))


Number = TypeVar("Number", int, NDArray[np.int64])


@dataclass(frozen=True)
class Layout:
    """Who reads which hand: a lane for each data-loading process of each training process.

    Attributes:
        global_batch: Hands per step over all training processes.
        world: Training processes.
        workers: Data-loading processes of each, at least 1.
    """

    global_batch: int
    world: int
    workers: int

    @property
    def lanes(self) -> int:
        """Number of lanes."""
        return self.world * self.workers

    def lane(self, k: Number) -> Number:
        """Return the lane of hand k, or of several hands; steps go round the loading processes."""
        return k % self.world + self.world * (k // self.global_batch % self.workers)


def numbers(start_step: int, global_batch: int, rank: int = 0, world: int = 1) -> Iterator[list[int]]:
    """Yield the numbers of the hands of one process, step by step, endlessly.

    Raises:
        InputError: If the processes cannot share the batch evenly.
    """
    if global_batch < 1 or world < 1 or global_batch % world or not 0 <= rank < world:
        raise InputError(f"a global batch of {global_batch} cannot be shared by {world} processes; take a multiple")
    step = start_step
    while True:
        yield list(range(step * global_batch + rank, (step + 1) * global_batch, world))
        step += 1
