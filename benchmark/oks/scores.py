"""All numbers of a record of OKS, from one table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from benchmark.intervals import Interval, percentile_interval
from benchmark.oks.coco import Matches, match
from benchmark.oks.precision import AP, AR, replicate_values, values
from benchmark.oks.protocol import OksProtocol
from benchmark.oks.table import OksTable
from benchmark.scores import Curve, EmptyJoints, Score, Scores
from hint.skeleton import JOINT_NAMES
from hint.types import Double

#: What is added to metrics that let a detection match a hand of the other side.
ANY_SIDE = "_any_side"

_Value = TypeVar("_Value", float, Double)


@dataclass(frozen=True, eq=False)
class OksCell:
    """One group of joints of one subset.

    Attributes:
        matches: "" -> matches of hands of one side; of whole pictures also :data:`ANY_SIDE` -> those of any.
        has_precision: Whether a detection without a hand is known to be wrong.
        protocol: Rules.
    """

    matches: dict[str, Matches]
    has_precision: bool
    protocol: OksProtocol

    def values(self) -> dict[str, float]:
        """Return metric -> percent; of any side AP and AR alone."""
        parts = {end: values(found, self.protocol, self.has_precision) for end, found in self.matches.items()}
        return _joined(parts)

    def replicates(self, seed: int) -> dict[str, Double]:
        """Return metric -> (R,) percent of samples of clips."""
        rules = self.protocol, self.has_precision, seed
        return _joined({end: replicate_values(found, *rules) for end, found in self.matches.items()})

    @property
    def n_clips(self) -> int:
        """Clips with a hand that counts."""
        return int((self.matches[""].hands > 0).sum())


def _joined(parts: Mapping[str, Mapping[str, _Value]]) -> dict[str, _Value]:
    """Name metrics after how sides are matched; of any side AP and AR are enough."""
    return {
        name + end: value for end, part in parts.items() for name, value in part.items() if not end or name in (AP, AR)
    }


def oks_cell(table: OksTable, subset: str, visibility: str, protocol: OksProtocol) -> OksCell | None:
    """Match the detections of a subset; None where no hand has a joint that counts.

    Args:
        table: Hands and detections.
        subset: Part of the record.
        visibility: Which joints count: "all", "visible" or "occluded".
        protocol: Rules.
    """
    ends = {"": False, ANY_SIDE: True} if table.is_whole else {"": False}
    found = {end: match(table, subset, visibility, any_side, protocol) for end, any_side in ends.items()}
    matches = {end: one for end, one in found.items() if one is not None}
    return OksCell(matches, table.has_precision, protocol) if matches else None


def score_oks(table: OksTable, protocol: OksProtocol, seed: int = 0, with_intervals: bool = True) -> Scores:
    """Compute every score of a table.

    Args:
        table: Hands and detections.
        protocol: Rules.
        seed: Of the resampling of clips.
        with_intervals: Whether to resample clips, which takes longer.
    """
    order = protocol.order
    scores: list[Score] = []
    curves: list[Curve] = []
    empty: list[EmptyJoints] = []
    for subset in sorted(table.subsets, key=lambda name: order.index(name) if name in order else len(order)):
        for visibility in protocol.visibilities:
            cell = oks_cell(table, subset, visibility, protocol)
            if cell is None:
                empty.append(EmptyJoints(subset, visibility, JOINT_NAMES))
                continue
            scores += _rows(cell, subset, visibility, seed if with_intervals else None)
            curves.append(_curve(cell, subset, visibility))
    return Scores(tuple(scores), (), tuple(curves), tuple(empty))


def _rows(cell: OksCell, subset: str, visibility: str, seed: int | None) -> Iterator[Score]:
    main, n_clips = cell.matches[""], cell.n_clips
    drawn = cell.replicates(seed) if seed is not None and n_clips > 1 else {}
    for metric, value in cell.values().items():
        ci: Interval | None = percentile_interval(drawn[metric], cell.protocol.level) if metric in drawn else None
        yield Score(subset, visibility, metric, None, value, int(main.hands.sum()), main.n_keypoints, n_clips, ci)


def _curve(cell: OksCell, subset: str, visibility: str) -> Curve:
    """Return AP at each threshold, or where there is none, recall."""
    main = cell.matches[""]
    metric, rows = (AP, main.precision.mean(1)) if cell.has_precision else (AR, main.recall)
    return Curve(subset, visibility, cell.protocol.thresholds, tuple((100 * np.asarray(rows)).tolist()), metric)
