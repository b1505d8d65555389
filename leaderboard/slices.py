"""PCK on the parts of a subset that :mod:`benchmark.slices` names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

from benchmark.error_table import ErrorTable
from benchmark.intervals import Interval, intervals
from benchmark.pck import ClipSums
from benchmark.protocol import Protocol
from benchmark.slices import slicings
from hint.skeleton import N_JOINTS
from hint.types import Strings
from leaderboard.draws import SEED

if TYPE_CHECKING:
    import pandas as pd


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
        contact: Hand id -> its contact in a manifest; without it there are no such parts.
    """
    hands = ErrorTable(**{f.name: getattr(table, f.name)[table.subset == subset] for f in fields(table)})
    counts = _counts(hands, protocol)
    found: list[Slice] = []
    for slicing in slicings(hands, contact):
        found += _scores(slicing.title, _sums(counts, slicing.part, hands.clip_id), slicing.parts, protocol)
    return found


def _counts(hands: ErrorTable, protocol: Protocol) -> pd.DataFrame:
    """Return a row for each hand: 1, then for each joint whether it is annotated, then 100 where it is correct."""
    import pandas as pd

    correct = [100 * (hands.distance_px <= hands.box_side[:, None] * t) for t in protocol.thresholds]
    columns = [np.ones((len(hands), 1)), hands.visibility > 0, *correct]
    return pd.DataFrame(np.hstack(columns).astype(np.float64))


def _sums(counts: pd.DataFrame, part: Strings, clip: Strings) -> dict[str, pd.DataFrame]:
    """Return part -> sums over the hands of each of its clips, by the clips' names."""
    sums = counts.groupby([part.astype(object), clip.astype(object)]).sum()
    return {str(name): block for name, block in sums.groupby(level=0)}


def _scores(by: str, sums: Mapping[str, pd.DataFrame], parts: tuple[str, ...], protocol: Protocol) -> Iterator[Slice]:
    for name in parts:
        if name not in sums:
            continue
        number, annotated, *correct = np.split(sums[name].to_numpy(), np.arange(1, sums[name].shape[1], N_JOINTS), 1)
        if not annotated.any():
            continue
        n_hands = int(number.sum())
        metrics = [ClipSums(one, annotated, n_hands) for one in correct]
        values = tuple(metric.value() for metric in metrics)
        yield Slice(by, name, n_hands, len(number), values, tuple(intervals(metrics, protocol, SEED)))
