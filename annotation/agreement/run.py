"""Agreement of two annotations: match, measure, audit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
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
from annotation.agreement.palm import Palm, parse_palm
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
    write_agreement,
)
from annotation.agreement.scores import percent, score
from annotation.check.run import read_sets
from hint.errors import some_ids
from hint.files import read_predictions
from hint.files.atomic import require_writable
from hint.files.path import as_path
from hint.skeleton import FINGER_OF_JOINT, FINGERS, JOINT_NAMES
from hint.types import Bool, Double, HandLabels

#: Thresholds of the curves: those of hint-v1, and up to twice the paper's distance.
_BOX_THRESHOLDS = np.linspace(0, 0.3, 61)
_PALM_THRESHOLDS = np.linspace(0, 0.5, 51)
#: Hands listed as the worst.
_WORST = 10
#: Percent of identical points from which two annotations count as anchored.
_ANCHORED = 1.0


def agreement(
    first: HandLabels | str | Path,
    second: HandLabels | str | Path,
    *,
    palm: str = "wrist-middle",
    palm_of: str = "mean",
    prelabels: Sequence[str | Path] = (),
    images: str | Path | None = None,
    out: str | Path | None = None,
    seed: int = 0,
) -> Agreement:
    """Measure how well two annotations of the same hands agree.

    Args:
        first: First annotations, or where they are.
        second: Second ones.
        palm: Palm length, the unit of distances: "wrist-middle", "wrist-knuckles", "box" or "box:FACTOR".
        palm_of: Whose points it is measured on: "a", "b", or the "mean" of both.
        prelabels: Predictions both annotators started from, one file per method.
        images: Folder of the pictures, if they are not beside the labels.
        out: Folder for agreement.json, agreement.png and worst.png; None writes nothing.
        seed: Seed of the intervals.

    Raises:
        InputError: If something cannot be read or the two cannot be compared.
        UnknownNameError: If there is no such palm length.
        WriteError: If something cannot be saved.
    """
    folder = None if out is None else as_path(out)
    if folder is not None:
        require_writable(folder)
    result, pairs = measure_agreement(first, second, parse_palm(palm, palm_of), prelabels, images, seed)
    if folder is not None:
        from annotation.agreement.plots import draw_agreement, draw_worst

        draw_agreement(folder / "agreement.png", result)
        draw_worst(folder / "worst.png", pairs, result)
        write_agreement(folder / "agreement.json", result)
    return result


def measure_agreement(
    first: HandLabels | str | Path,
    second: HandLabels | str | Path,
    palm: Palm,
    prelabels: Sequence[str | Path] = (),
    images: str | Path | None = None,
    seed: int = 0,
) -> tuple[Agreement, Pairs]:
    """Compare two annotations of the same hands.

    Args:
        first: As for :func:`agreement`, like the others.
        second: Second annotations.
        palm: Unit of distances.
        prelabels: Predictions files.
        images: Folder of the pictures.
        seed: Seed of the intervals.

    Returns:
        The result, and the hands, for pictures.
    """
    predictions = [(as_path(path), read_predictions(as_path(path))) for path in prelabels]
    names, pairs = _paired(first, second, palm, images)
    audits: list[Audit] = []
    anchoring: list[Anchoring] = []
    for path, guesses in predictions:
        both, anchored = audit(pairs, path, guesses, seed)
        audits += both
        anchoring.append(anchored)
    return _agreement(names, pairs, audits, anchoring, seed), pairs


def _paired(
    first: HandLabels | str | Path, second: HandLabels | str | Path, palm: Palm, images: str | Path | None
) -> tuple[list[str], Pairs]:
    """Return where the two annotations are from, and their hands; what was read is not kept beside those."""
    sets = [read_sets(labels, images, name) for labels, name in ((first, "first"), (second, "second"))]
    a, b = ([one.labels for one in some] for some in sets)
    return [str(some[0].source) for some in sets], pair(a, b, palm)


def _agreement(
    names: Sequence[str], pairs: Pairs, audits: list[Audit], anchoring: list[Anchoring], seed: int
) -> Agreement:
    same = pairs.exists & (pairs.distance <= SAME)
    same_points = float(100 * same.sum() / max(1, pairs.exists.sum()))
    *rows, total = _rows(pairs, seed)
    clips, clip = pairs.clips
    every = clip_sums(contingency(pairs, "existence").sum(2).T, clip, len(clips))
    existence_kappa = score(kappas(every[:, None], seed)[0])
    return Agreement(
        a=names[0],
        b=names[1],
        hands=len(pairs),
        clips=len(clips),
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
    """Return one row per joint, one for the wrist and each finger, and one for all joints."""
    names, clip = pairs.clips
    fingers = {name: np.array(FINGER_OF_JOINT) == f for f, name in enumerate(("wrist", *FINGERS), -1)}
    groups = np.vstack([np.eye(21, dtype=bool), *fingers.values(), np.ones(21, bool)])

    def sums(values: Bool | Double) -> Double:
        return clip_sums(values.astype(np.float64) @ groups.T, clip, len(names))

    parts = (agreeing(pairs, "existence"), agreeing(pairs, "occlusion"), close(pairs))
    shares = [[percent(one) for one in ratios(sums(hit), sums(compared), seed)] for hit, compared in parts]
    cells = np.stack([sums(cell) for cell in contingency(pairs, "occlusion")], axis=2)
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
            sigma=_root_mean(pairs.variance[pairs.exists & group]),
        )
        for name, group, existence, occlusion, within, k in rows
    ]


def _median(values: Double) -> float | None:
    return float(np.median(values)) if len(values) else None


def _root_mean(values: Double) -> float | None:
    return float(np.sqrt(values.mean())) if len(values) else None


def _curves(pairs: Pairs, seed: int) -> Iterator[AgreementCurve]:
    names, clip = pairs.clips
    by_box = pairs.distance / pairs.box_side[:, None]
    jobs = [("palm", "joints", "visible", pairs.in_palms, _PALM_THRESHOLDS)]
    method = "mean_over_joints_of_subset_ratio"
    jobs += [("box_longest_side", method, v, by_box, _BOX_THRESHOLDS) for v in ("all", "visible", "occluded")]
    for normaliser, aggregation, visibility, error, thresholds in jobs:
        compared = pairs.both(visibility) & np.isfinite(error)
        if not compared.any():
            continue
        distance, joints = np.where(compared, error, np.inf), aggregation == "joints"
        # One threshold at a time: the hits at all of them take 10 kB for each hand.
        hits = chain((distance <= threshold for threshold in thresholds.tolist()), [compared])
        counts = (hit.sum(1, keepdims=True) if joints else hit for hit in hits)
        sums = np.hstack([clip_sums(count, clip, len(names)) for count in counts])
        statistic = _pooled if joints else joint_means
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
        yield f"{len(unknown)} hands have a palm of zero length; their distances are left out: {some_ids(unknown)}"
    if len(pairs.clips[0]) < 2:
        yield "all hands come from one clip: there are no intervals"
    if same_points >= _ANCHORED:
        yield (
            f"{same_points:.1f}% of the points are identical to {SAME:g} px: neither annotator moved the pre-label, so "
            "both were anchored by it and share its mistakes; blind annotators would agree less"
            + ("" if audited else " (--prelabels FILE.npz shows how much)")
        )
