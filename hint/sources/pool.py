"""The result of a reader: the hands of a source, what was left out, and the files read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from pathlib import Path

from hint.errors import InputError, some_ids
from hint.sources.hand import LeftOut, SourceHand

#: Called with what is done and the total, in files or bytes.
OnProgress = Callable[[int, int], None]

_CLIP = attrgetter("clip_id")

#: Reason for leaving out broken entries.
BROKEN = "broken"


def silent(done: int, total: int) -> None:
    """Show no progress."""


@dataclass(frozen=True)
class Pool:
    """Hands that can be sampled.

    Attributes:
        hands: Sorted by clip, then by hand_id, which is unique.
        left_out: What was skipped, and why.
        files: (path, bytes) of the files read; a folder of many small files counts as one.
        pictures: Folder to which ``file`` of every hand is relative.
    """

    hands: list[SourceHand]
    left_out: LeftOut
    files: tuple[tuple[Path, int], ...]
    pictures: Path


class Problems:
    """Broken input: collected for one message, or left out if the caller wants to continue."""

    def __init__(self, root: Path, left_out: LeftOut, skip: bool) -> None:
        self._root = root
        self._left_out = left_out
        self._skip = skip
        self._found: list[str] = []

    def add(self, where: str, why: str) -> None:
        """Record a file, line or entry that cannot be read."""
        if self._skip:
            self._left_out.add(BROKEN, f"{where} ({why})")
        else:
            self._found.append(f"{where} ({why})")

    def check(self) -> None:
        """Stop if anything broken must not be left out.

        Raises:
            InputError: With the first five and the total.
        """
        if self._found:
            raise InputError(
                f"{len(self._found)} broken in {self._root}: {some_ids(self._found)}; "
                "fix them, or leave them out with --skip-broken"
            )


def make_pool(
    hands: Iterable[SourceHand], left_out: LeftOut, files: Iterable[tuple[Path, int]], pictures: Path
) -> Pool:
    """Sort hands, keeping the first of several with the same id."""
    unique: list[SourceHand] = []
    last = ""
    for hand in in_order(hands):
        hand_id = hand.hand_id
        if hand_id == last:
            left_out.add("annotated again under the same name", hand_id)
        else:
            unique.append(hand)
        last = hand_id
    return Pool(unique, left_out, tuple(files), pictures)


def in_order(hands: Iterable[SourceHand]) -> Iterator[SourceHand]:
    """Yield hands by clip and id, building the ids of one clip at a time rather than millions."""
    for _, group in groupby(sorted(hands, key=_CLIP), key=_CLIP):
        yield from sorted(group, key=attrgetter("hand_id"))
