"""Hands of tars that are read from their beginning, as object storage gives them fast.

A training process has one reader, or one per data-loading process. Each reads its own share of the tars, in an order
that is new in every epoch, and shuffles its hands within blocks. So a reader's n-th hand is a function of the seed, the
number of readers and n; to begin at the n-th, it passes over tars whose numbers of hands are known.
"""

from __future__ import annotations

import zlib
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from itertools import count, islice
from typing import NamedTuple

import numpy as np

from hint.errors import InputError, some_ids, without_url_secrets
from hint.images import decode_image
from hint.training.filters import Filters
from hint.training.mixture import Layout, Mixture
from hint.training.record import Record
from hint.training.remote import Shard
from hint.training.sample import TRIES, Sample
from hint.training.tar_index import PICTURES, TRUTH, read_hands, traits_of

#: Hands that a reader holds and shuffles.
BLOCK = 1000

_SHARDS, _HANDS = 4, 5


@dataclass(frozen=True)
class Lane:
    """One of several readers that share a set.

    Attributes:
        number: Its number.
        of: Number of readers.
        seed: Seed of the order.
    """

    number: int
    of: int
    seed: int

    @property
    def place(self) -> tuple[int, int]:
        """Number and number of readers."""
        return self.number, self.of


class _Hand(NamedTuple):
    """A hand that is not decoded yet."""

    key: str
    name: str
    picture: bytes
    record: Record


class StreamSource:
    """The hands of some tars that pass the filters, to be read in order.

    Attributes:
        name: Name in messages and in the seed of the order.
        urls: Where the tars are.
        filters: Which hands are used, and what of them is supervised.
    """

    def __init__(
        self,
        name: str,
        urls: Sequence[str],
        filters: Filters | None = None,
        hands: int = 0,
        box_factor: float = 1.0,
        block: int = BLOCK,
    ) -> None:
        """Name the tars.

        Args:
            name: Name of the source.
            urls: Where the tars are.
            filters: By default those of the released training.
            hands: Number of hands, 0 if unknown.
            box_factor: What boxes are enlarged by.
            block: Hands that are shuffled together.
        """
        self.name, self.urls, self.filters = name, list(urls), filters or Filters()
        self._hands, self._box_factor, self._block = hands, box_factor, block

    def __len__(self) -> int:
        """Return the number of hands that was told, 0 if it is unknown."""
        return self._hands

    def read(self, lane: Lane, start: int = 0) -> Iterator[tuple[Sample, tuple[str, ...]]]:
        """Yield the hands of a reader endlessly, each with what could not be read before it.

        Args:
            lane: Which reader.
            start: Number of the first hand.

        Raises:
            InputError: If a tar cannot be read, or no hand passes the filters.
        """
        broken: list[str] = []
        for epoch in count():
            number, within = divmod(start, self._block)
            hands = _Counted(self._epoch(lane, epoch, number * self._block, broken))
            row = iter(hands)
            while block := list(islice(row, self._block)):
                rng = np.random.default_rng((lane.seed, _HANDS, self._crc, *lane.place, epoch, number))
                order = rng.permutation(len(block)).tolist()
                for place in range(within, len(order)):
                    yield self._decode([block[k] for k in order[place:] + order[:place]], broken), tuple(broken)
                    broken.clear()
                number, within = number + 1, 0
            if not hands.total:
                raise InputError(f"{self.name}: no hand to train on in {len(self.urls)} tars: {some_ids(broken)}")
            start = max(start - hands.total, 0)

    def _epoch(self, lane: Lane, epoch: int, first: int, broken: list[str]) -> Generator[_Hand, None, int]:
        """Yield a reader's hands of an epoch in stored order, from a number on; return how many it has in all."""
        rng = np.random.default_rng((lane.seed, _SHARDS, self._crc, epoch))
        order = rng.permutation(len(self.urls)).tolist()
        # Where tars are fewer than readers, each passes over all of them and takes every so-manieth hand.
        own = len(order) >= lane.of
        offset, stride = (0, 1) if own else lane.place
        wanted, passed = offset + first * stride, 0
        for k in order[lane.number :: lane.of] if own else order:
            shard = Shard(self.urls[k], repr(self.filters))
            known = shard.known_count()
            if known is not None and passed + known <= wanted:
                passed += known
                continue
            inside = 0
            for hand in self._kept(shard, broken):
                if passed + inside == wanted:
                    yield hand
                    wanted += stride
                inside += 1
            shard.keep_count(inside)
            passed += inside
        return max(-(-(passed - offset) // stride), 0)

    def _kept(self, shard: Shard, broken: list[str]) -> Iterator[_Hand]:
        for key, parts in shard.pictures():
            name = f"{without_url_secrets(shard.url)}: {key}"
            picture = next((parts[suffix] for suffix in PICTURES if suffix in parts), None)
            if picture is None or TRUTH not in parts:
                broken.append(f"{name}: has no {TRUTH if picture else 'picture'}")
                continue
            records, reasons = read_hands(parts[TRUTH], name)
            broken += reasons
            kept = self.filters.keep(traits_of(list(records.values())))
            for (number, record), keep in zip(records.items(), kept, strict=True):
                if keep:
                    yield _Hand(f"{key}#{number}" if number else key, name, picture, record)

    def _decode(self, hands: list[_Hand], broken: list[str]) -> Sample:
        """Return the first of some hands whose picture is whole."""
        reasons: list[str] = []
        for hand in hands[:TRIES]:
            try:
                image = decode_image(hand.picture, hand.name)
            except InputError as error:
                reasons.append(str(error))
                continue
            broken += reasons
            return self.filters.supervise(hand.record.sample(hand.key, image)).padded(self._box_factor)
        raise InputError(f"{self.name}: {len(reasons)} hands in a row are unreadable; the first: {reasons[0]}")

    @property
    def _crc(self) -> int:
        return zlib.crc32(self.name.encode())


class _Counted:
    """A generator's values, then what it returned."""

    total = 0

    def __init__(self, hands: Generator[_Hand, None, int]) -> None:
        self._hands = hands

    def __iter__(self) -> Iterator[_Hand]:
        self.total = yield from self._hands


class Streams:
    """The open streams of one reader.

    Args:
        mixture: Which source each hand comes from.
        layout: Who reads which hand.
        step: Step the training begins with.
    """

    def __init__(self, mixture: Mixture, layout: Layout, step: int) -> None:
        self._mixture, self._layout, self._step = mixture, layout, step
        self._open: dict[str, Iterator[tuple[Sample, tuple[str, ...]]]] = {}

    def next(self, source: StreamSource, k: int) -> tuple[Sample, tuple[str, ...]]:
        """Return the next hand of a source, to be hand k of the training."""
        if source.name not in self._open:
            lane = self._layout.lane(k)
            start = self._mixture.drawn(self._step * self._layout.global_batch, self._layout, lane)[source.name]
            self._open[source.name] = source.read(Lane(lane, self._layout.lanes, self._mixture.seed), start)
        return next(self._open[source.name])
