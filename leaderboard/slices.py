"""Parts of a subset that are hard in their own way: small hands, occluded ones, cut ones, frames before contact."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from benchmark.error_table import ErrorTable
from benchmark.intervals import Interval, intervals
from benchmark.pck import pck_sums, select
from benchmark.protocol import Protocol
from hint.names import FRAME_TYPES, parse_name
from hint.types import Strings
from leaderboard.compare import SEED

#: Upper ends of classes, the last one open. Box sides in px, occluded share of the joints in the frame, joints outside.
_BOX_SIDES = ((64.0, "below 64 px"), (128.0, "64 to 128 px"), (256.0, "128 to 256 px"), (np.inf, "256 px and more"))
_OCCLUDED = ((1e-9, "none"), (0.25, "below 25%"), (0.5, "25 to 50%"), (np.inf, "50% and more"))
_OUTSIDE = ((1, "none"), (6, "1 to 5 joints"), (np.inf, "6 joints and more"))

#: What manifests say of the contact of a hand, in the order of rows.
_CONTACT = ("hand_object", "hand_hand", "none", "unknown")


@dataclass(frozen=True)
class Slice:
    """PCK on a part of a subset.

    Attributes:
        by: What the parts differ in.
        name: The part.
        n_hands: Hands in it.
        n_clips: Clips of those.
        values: Percent at each threshold of the protocol.
        ci: Intervals over clips, None for a single clip.
    """

    by: str
    name: str
    n_hands: int
    n_clips: int
    values: tuple[float, ...]
    ci: tuple[Interval | None, ...]


def slice_scores(
    table: ErrorTable, subset: str, protocol: Protocol, contact: Mapping[str, str] | None = None
) -> list[Slice]:
    """Score the parts of a subset on all joints in the frame.

    Args:
        table: Errors of one method.
        subset: Part of the dataset.
        protocol: Rules.
        contact: Hand id -> what a manifest says it does; no such parts without.
    """
    hands = _pick(table, table.subset == subset)
    found: list[Slice] = []
    for by, names, order in _groupings(hands, contact or {}):
        for name in order:
            part = _pick(hands, names == name)
            cell = select(part, subset, "all") if len(part) else None
            if cell is None or not cell.n_keypoints.any():
                continue
            sums = [pck_sums(cell, t) for t in protocol.thresholds]
            values = tuple(s.value() for s in sums)
            ends = tuple(intervals(sums, protocol, SEED))
            found.append(Slice(by, name, len(part), len(set(part.clip_id.tolist())), values, ends))
    return found


def _pick(table: ErrorTable, mask: NDArray[np.bool_]) -> ErrorTable:
    return ErrorTable(**{f.name: getattr(table, f.name)[mask] for f in fields(ErrorTable)})


def _groupings(hands: ErrorTable, contact: Mapping[str, str]) -> Iterator[tuple[str, Strings, Sequence[str]]]:
    """Yield what parts differ in, the part of each hand ("" for none), and the parts in order."""
    inside = (hands.visibility > 0).sum(1)
    occluded = (hands.visibility == 1).sum(1) / np.maximum(inside, 1)
    yield "frame type", _named(hands, lambda hand: getattr(parse_name(hand), "frame_type", "")), FRAME_TYPES
    if contact:
        yield "contact", _named(hands, lambda hand: contact.get(hand, "")), _CONTACT
    for by, numbers, classes in (
        ("box size", hands.box_side, _BOX_SIDES),
        ("occluded share", occluded, _OCCLUDED),
        ("joints outside the frame", hands.visibility.shape[1] - inside, _OUTSIDE),
    ):
        ends, names = zip(*classes, strict=True)
        yield by, np.array(names)[np.searchsorted(ends, numbers, side="right").clip(max=len(ends) - 1)], names
    yield "side", _named(hands, _side), ("left", "right")


def _named(hands: ErrorTable, name: Callable[[str], str]) -> Strings:
    return np.array([name(hand) for hand in hands.hand_id.tolist()], dtype=np.str_)


def _side(hand: str) -> str:
    parsed = parse_name(hand)
    return "" if parsed is None else "right" if parsed.is_right else "left"
