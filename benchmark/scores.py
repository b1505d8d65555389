"""All numbers of a record, from one error table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields, replace
from itertools import chain

from benchmark.error_table import ErrorTable
from benchmark.intervals import Interval, intervals
from benchmark.pck import (
    Cell,
    ClipSums,
    auc_sums,
    cells,
    curve_thresholds,
    epe_median_px,
    epe_sums,
    pck_curve,
    pck_sums,
)
from benchmark.protocol import Protocol
from hint.skeleton import JOINT_NAMES


@dataclass(frozen=True)
class Score:
    """One number of the main table.

    Attributes:
        subset: Part of the dataset.
        visibility: "all", "visible" or "occluded".
        metric: "pck" and "auc" (percent), "epe_mean_px" or "epe_median_px"; of sequences "accel_error" (box sides /
            s^2), "jitter" and "jitter_ground_truth" (box sides / s^3), "accel_coverage" and "jitter_coverage"
            (percent); of OKS "oks_ap", "oks_ar" and the like (percent); of 3D protocols "pa_mpjpe_mm", "f_at_5mm"
            (0..1) and the like.
        threshold: Of the PCK, else None.
        value: The number.
        n_hands: Hands with at least one keypoint in it.
        n_keypoints: Keypoints in it; of sequences, joints of windows.
        n_clips: Clips with at least one keypoint in it.
        ci: Interval; None for the median, which is not a ratio of sums over clips, and where fewer than two clips have
            keypoints.
    """

    subset: str
    visibility: str
    metric: str
    threshold: float | None
    value: float
    n_hands: int
    n_keypoints: int
    n_clips: int
    ci: Interval | None


@dataclass(frozen=True)
class JointScore:
    """One joint's PCK (percent), or its mean error in mm."""

    subset: str
    visibility: str
    threshold: float | None
    joint: str
    value: float
    n_keypoints: int
    metric: str = "pck"


@dataclass(frozen=True)
class Curve:
    """PCK (percent, mean over joints) as a function of the threshold.

    Of 3D protocols "pck_j" and "pck_v" over mm, of OKS "oks_ap", or "oks_ar" where there is no precision.
    """

    subset: str
    visibility: str
    thresholds: tuple[float, ...]
    values: tuple[float, ...]
    metric: str = "pck"


@dataclass(frozen=True)
class EmptyJoints:
    """Joints without a keypoint, which no mean includes; all 21 where a whole cell has none and thus no score."""

    subset: str
    visibility: str
    joints: tuple[str, ...]


@dataclass(frozen=True)
class Scores:
    """Everything the protocol asks for; no value is NaN or infinite."""

    scores: tuple[Score, ...]
    per_joint: tuple[JointScore, ...]
    curves: tuple[Curve, ...]
    empty_joints: tuple[EmptyJoints, ...]

    @property
    def subsets(self) -> list[str]:
        """Names of the subsets, in order, those without a score last."""
        names = [*(score.subset for score in self.scores), *(empty.subset for empty in self.empty_joints)]
        return list(dict.fromkeys(names))

    def plus(self, scores: Iterable[Score]) -> Scores:
        """Return all of this and more numbers of the main table."""
        return replace(self, scores=(*self.scores, *scores))


def score_table(table: ErrorTable, protocol: Protocol, with_intervals: bool = True, seed: int = 0) -> Scores:
    """Score every subset of a table: the protocol's in its order, then any others.

    A cell without a keypoint gives no score, and no end-point error is given where nothing was predicted.

    Args:
        table: Errors of one method.
        protocol: Rules.
        with_intervals: Whether to resample clips, which takes longer.
        seed: Of the resampling.
    """
    parts = [_score_cell(cell, protocol, with_intervals, seed) for cell in _cells(table, protocol)]
    return Scores(*(tuple(chain.from_iterable(getattr(part, f.name) for part in parts)) for f in fields(Scores)))


def _cells(table: ErrorTable, protocol: Protocol) -> Iterator[Cell]:
    present = table.subsets
    official = [s.name for s in protocol.subsets]
    for subset in [*(s for s in official if s in present), *(s for s in present if s not in official)]:
        yield from cells(table, subset, protocol.visibilities)


def _score_cell(cell: Cell, protocol: Protocol, with_intervals: bool, seed: int) -> Scores:
    count = cell.n_keypoints
    empty = tuple(name for name, n in zip(JOINT_NAMES, count, strict=True) if n == 0)
    unscored = (EmptyJoints(cell.subset, cell.visibility, empty),) if empty else ()
    if not count.any():
        return Scores((), (), (), unscored)
    pcks = [pck_sums(cell, t) for t in protocol.thresholds]
    others = [auc_sums(cell, protocol.auc_maximum), epe_sums(cell)]
    drawn = intervals([*pcks, *others], protocol, seed) if with_intervals else None
    thresholds = curve_thresholds(protocol.auc_maximum, protocol.curve_points)
    curve = tuple(pck_curve(cell, thresholds).tolist())
    return Scores(
        tuple(_main_rows(cell, pcks, others, drawn, protocol)),
        tuple(_joint_rows(cell, pcks, protocol)),
        (Curve(cell.subset, cell.visibility, tuple(thresholds.tolist()), curve),),
        unscored,
    )


def _main_rows(
    cell: Cell, pcks: list[ClipSums], others: list[ClipSums], drawn: list[Interval | None] | None, protocol: Protocol
) -> Iterator[Score]:
    names = [*(("pck", t) for t in protocol.thresholds), ("auc", None), ("epe_mean_px", None)]
    sums = [*pcks, *others]
    intervals_of = drawn or [None] * len(sums)
    for (metric, threshold), s, ci in zip(names, sums, intervals_of, strict=True):
        if s.n_keypoints:
            yield _row(cell, metric, threshold, s.value(), s, ci)
    if others[-1].n_keypoints:
        yield _row(cell, "epe_median_px", None, epe_median_px(cell), others[-1], None)


def _row(cell: Cell, metric: str, threshold: float | None, value: float, sums: ClipSums, ci: Interval | None) -> Score:
    return Score(
        cell.subset,
        cell.visibility,
        metric,
        threshold,
        value,
        n_hands=sums.n_hands,
        n_keypoints=sums.n_keypoints,
        n_clips=sums.n_clips,
        ci=ci,
    )


def _joint_rows(cell: Cell, pcks: list[ClipSums], protocol: Protocol) -> Iterator[JointScore]:
    for threshold, sums in zip(protocol.thresholds, pcks, strict=True):
        for name, value, n in zip(JOINT_NAMES, sums.per_joint().tolist(), cell.n_keypoints.tolist(), strict=True):
            if n:
                yield JointScore(cell.subset, cell.visibility, threshold, name, value, n)
