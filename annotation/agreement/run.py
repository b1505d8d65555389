"""Agreement of two annotations: match, measure, audit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from annotation.agreement.measure import (
    LEVEL,
    WITHIN,
    Statistic,
    agreeing,
    clip_sums,
    close,
    contingency,
    divide,
    joint_means,
    kappas,
    ratios,
    replicate,
)
from annotation.agreement.pairs import SAME, Pairs, pair
from annotation.agreement.palm import Palm
from annotation.agreement.prelabels import audit
from annotation.agreement.result import (
    Agreement,
    AgreementCurve,
    Anchoring,
    Audit,
    Disagreement,
    JointRow,
    PalmEntry,
    Paper,
)
from annotation.agreement.scores import percent, score
from annotation.check.run import read_sets
from annotation.check.splits import LabelSet
from hint.errors import some_ids
from hint.files import read_predictions
from hint.skeleton import FINGER_OF_JOINT, FINGERS, JOINT_NAMES
from hint.types import Bool, Double, HandLabels

#: Thresholds of the curves: those hint-v1 tabulates, and twice the paper's distance.
_BOX_THRESHOLDS = np.linspace(0, 0.3, 61)
_PALM_THRESHOLDS = np.linspace(0, 0.5, 51)
#: Hands listed as the worst.
_WORST = 10
#: Percent of identical points from which two annotations are said to be anchored.
_ANCHORED = 1.0


@dataclass(frozen=True)
class Request:
    """What is asked for.

    Attributes:
        a: First annotations.
        b: Second ones.
        palm: Unit of distances.
        prelabels: Predictions both annotators started from, one file per method.
        images: Folder of the pictures, where they are not beside the labels.
        seed: Of the intervals.
    """

    a: Path
    b: Path
    palm: Palm
    prelabels: tuple[Path, ...] = ()
    images: Path | None = None
    seed: int = 0


def measure_agreement(request: Request) -> tuple[Agreement, Pairs]:
    """Compare two annotations of the same hands.

    Returns:
        The result, and the hands, for pictures.

    Raises:
        InputError: If something cannot be read or the two cannot be compared.
    """
    predictions = [(path, read_predictions(path)) for path in request.prelabels]
    first, second = (_labels(read_sets(path, request.images)) for path in (request.a, request.b))
    pairs = pair(first, second, request.palm)
    audits: list[Audit] = []
    anchoring: list[Anchoring] = []
    for path, guesses in predictions:
        both, anchored = audit(pairs, path, guesses, request.seed)
        audits += both
        anchoring.append(anchored)
    return _agreement(request, pairs, audits, anchoring), pairs


def _labels(sets: list[LabelSet]) -> list[HandLabels]:
    return [one.labels for one in sets]


def _agreement(request: Request, pairs: Pairs, audits: list[Audit], anchoring: list[Anchoring]) -> Agreement:
    seed = request.seed
    same = pairs.exists & (pairs.distance <= SAME)
    same_points = float(100 * same.sum() / max(1, pairs.exists.sum()))
    *rows, total = _rows(pairs, seed)
    names, clip = pairs.clips()
    every = clip_sums(contingency(pairs, "existence").sum(1), clip, len(names))
    existence_kappa = score(kappas(every[:, None], seed)[0])
    return Agreement(
        a=str(request.a),
        b=str(request.b),
        hands=len(pairs),
        clips=len(pairs.clips()[0]),
        only_a=pairs.only_a,
        only_b=pairs.only_b,
        palm=PalmEntry(
            definition=str(pairs.palm).partition(" ")[0],
            whose=pairs.palm.whose,
            median_px=float(np.nanmedian(pairs.palm_length)),
        ),
        within_palms=WITHIN,
        existence=total.existence,
        existence_kappa=existence_kappa,
        occlusion=total.occlusion,
        occlusion_kappa=total.occlusion_kappa,
        within=total.within,
        same_points=same_points,
        paper=Paper(),
        per_joint=tuple(rows[:21]),
        per_finger=tuple(rows[21:]),
        curves=tuple(_curves(pairs, seed)),
        prelabels=tuple(audits),
        anchoring=tuple(anchoring),
        worst=tuple(_worst(pairs)),
        remarks=tuple(_remarks(pairs, same_points, bool(audits))),
    )


def _rows(pairs: Pairs, seed: int) -> list[JointRow]:
    """Return a row for each joint, for wrist and each finger, and one for all joints."""
    names, clip = pairs.clips()
    fingers = {name: np.array(FINGER_OF_JOINT) == f for f, name in enumerate(("wrist", *FINGERS), -1)}
    groups = np.vstack([np.eye(21, dtype=bool), *fingers.values(), np.ones(21, bool)])

    def sums(values: Bool | Double) -> Double:
        return clip_sums(values.astype(np.float64) @ groups.T, clip, len(names))

    parts = (agreeing(pairs, "existence"), agreeing(pairs, "occlusion"), close(pairs))
    shares = [[percent(one) for one in ratios(sums(hit), sums(compared), seed)] for hit, compared in parts]
    cells = np.stack([sums(contingency(pairs, "occlusion")[..., k]) for k in range(4)], axis=2)
    kappa = [score(one) for one in kappas(cells, seed)]
    rows = zip((*JOINT_NAMES, *fingers, "all"), groups, *shares, kappa, strict=True)
    return [
        JointRow(
            name=name,
            existence=existence,
            occlusion=occlusion,
            occlusion_kappa=k,
            within=within,
            visible=within.n,
            median_distance=_median(pairs.in_palms[close(pairs)[1] & group]),
        )
        for name, group, existence, occlusion, within, k in rows
    ]


def _median(values: Double) -> float | None:
    return float(np.median(values)) if len(values) else None


def _curves(pairs: Pairs, seed: int) -> Iterator[AgreementCurve]:
    names, clip = pairs.clips()
    by_box = pairs.distance / pairs.box_side[:, None]
    jobs = [("palm", "joints", "visible", pairs.in_palms, _PALM_THRESHOLDS)]
    method = "mean_over_joints_of_subset_ratio"
    jobs += [("box_longest_side", method, v, by_box, _BOX_THRESHOLDS) for v in ("all", "visible", "occluded")]
    for normaliser, aggregation, visibility, error, thresholds in jobs:
        compared = pairs.both(visibility) & np.isfinite(error)
        if not compared.any():
            continue
        hits = (np.where(compared, error, np.inf)[:, None] <= thresholds[:, None]).astype(np.float64)
        if aggregation == "joints":
            columns, statistic = np.column_stack([hits.sum(2), compared.sum(1)]), _pooled
        else:
            columns, statistic = np.column_stack([hits.reshape(len(hits), -1), compared]), joint_means
        sums = clip_sums(columns, clip, len(names))
        low, high = _band(sums, statistic, seed)
        yield AgreementCurve.model_validate(
            {
                "normaliser": normaliser,
                "aggregation": aggregation,
                "visibility": visibility,
                "n": int(compared.sum()),
                "thresholds": tuple(thresholds.tolist()),
                "values": tuple((100 * statistic(sums.sum(0))).tolist()),
                "low": low,
                "high": high,
            }
        )


def _pooled(totals: Double) -> Double:
    """Return (...,T) shares of (...,T+1) totals."""
    count = totals[..., -1:]
    return divide(totals[..., :-1], count)


def _band(sums: Double, statistic: Statistic, seed: int) -> tuple[tuple[float, ...] | None, tuple[float, ...] | None]:
    if len(sums) < 2:
        return None, None
    drawn = 100 * replicate(sums, statistic, seed)
    low, high = np.nanquantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    return tuple(low.tolist()), tuple(high.tolist())


def _worst(pairs: Pairs) -> Iterator[Disagreement]:
    exists = pairs.exists & np.isfinite(pairs.in_palms)
    mean = np.where(exists, pairs.in_palms, 0.0).sum(1) / np.maximum(1, exists.sum(1))
    flags = (pairs.a.visibility != pairs.b.visibility).sum(1)
    for k in np.lexsort((pairs.a.hand_id, -flags, -mean))[:_WORST].tolist():
        yield Disagreement(hand_id=str(pairs.a.hand_id[k]), distance=float(mean[k]), flags=int(flags[k]))


def _remarks(pairs: Pairs, same_points: float, audited: bool) -> Iterator[str]:
    for which, other, ids in (("first", "second", pairs.only_a), ("second", "first", pairs.only_b)):
        if ids:
            yield f"{len(ids)} hands of the {which} annotation are not in the {other} one: {some_ids(ids)}"
    unknown = pairs.a.hand_id[np.isnan(pairs.palm_length)].tolist()
    if unknown:
        yield f"{len(unknown)} hands have a palm without length, their distances are left out: {some_ids(unknown)}"
    if len(pairs.clips()[0]) < 2:
        yield "all hands are of one clip: there are no intervals"
    if same_points >= _ANCHORED:
        yield (
            f"{same_points:.1f}% of the points are the same to {SAME:g} px in both: there neither annotator moved the "
            "pre-label, so both were anchored by it and agree on its mistakes too; blind annotators would agree less"
            + ("" if audited else " (--prelabels FILE.npz shows how much)")
        )
