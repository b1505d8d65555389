"""Parts of a subset that are hard in their own way: small hands, occluded ones, cut ones, frames before contact."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from benchmark.error_table import ErrorTable
from hint.names import FRAME_TYPES, HandName, parse_name
from hint.types import Strings

#: Upper ends of classes, the last one open. Box sides in px, occluded share of the joints in the frame, joints outside.
_BOX_SIZES = ((64.0, "below 64 px"), (128.0, "64 to 128 px"), (256.0, "128 to 256 px"), (np.inf, "256 px and more"))
_OCCLUDED = ((1e-9, "none"), (0.25, "below 25%"), (0.5, "25 to 50%"), (np.inf, "50% and more"))
_OUTSIDE = ((1, "none"), (6, "1 to 5 joints"), (np.inf, "6 joints and more"))

#: Values of a manifest's contact column, in the order of rows.
_CONTACT = ("hand_object", "hand_hand", "none", "unknown")


@dataclass(frozen=True, eq=False)
class Slicing:
    """One way to divide hands.

    Attributes:
        column: Name in data frames.
        title: Name in tables.
        part: (N,) part of each hand, "" for none.
        parts: The parts, in order.
    """

    column: str
    title: str
    part: Strings
    parts: tuple[str, ...]


def slicings(table: ErrorTable, contact: Mapping[str, str] | None = None) -> Iterator[Slicing]:
    """Yield the ways to divide the hands of an error table.

    Args:
        table: Errors of one method.
        contact: Hand id -> its contact in a manifest; without it there is no such division.
    """
    ids = table.hand_id.tolist()
    names = [parse_name(hand) for hand in ids]
    inside = (table.visibility > 0).sum(1)
    yield Slicing("frame_type", "frame type", _strings(n.frame_type if n else "" for n in names), FRAME_TYPES)
    if contact:
        yield Slicing("contact", "contact", _strings(contact.get(hand, "") for hand in ids), _CONTACT)
    for column, title, values, classes in (
        ("box_size", "box size", table.box_side, _BOX_SIZES),
        ("occluded_share", "occluded share", (table.visibility == 1).sum(1) / np.maximum(inside, 1), _OCCLUDED),
        ("joints_outside", "joints outside the frame", table.visibility.shape[1] - inside, _OUTSIDE),
    ):
        ends, parts = zip(*classes, strict=True)
        place = np.searchsorted(ends, values, side="right").clip(max=len(ends) - 1)
        yield Slicing(column, title, np.array(parts)[place], parts)
    yield Slicing("side", "side", _strings(map(_side, names)), ("left", "right"))


def _strings(values: Iterator[str]) -> Strings:
    return np.array(list(values), dtype=np.str_)


def _side(name: HandName | None) -> str:
    return "" if name is None else "right" if name.is_right else "left"
