"""Check annotation sets: read them, apply the rules, count."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from annotation.check.annotators import FEWEST, OUTLIER, habits, robust_z
from annotation.check.criterion import Criterion, Rule
from annotation.check.finding import Finding, found_by
from annotation.check.look import Onlooker
from annotation.check.measured_set import MeasuredSet, measure_set
from annotation.check.population import load_population
from annotation.check.report import CheckReport, RuleCount, SetCount, write_report
from annotation.check.rules import RULES
from annotation.check.splits import NEAR_DUPLICATE, SHARED_CLIP, LabelSet, near_duplicates, shared_clips
from hint.errors import InputError, UnknownNameError
from hint.files import read_labels, read_predictions
from hint.files.atomic import require_writable
from hint.files.evaluation_npz import part_of
from hint.files.path import as_path
from hint.names import subset_of_folder
from hint.types import Double, HandLabels, Predictions

#: Everything that is checked, in the order of the tables.
CRITERIA: tuple[Criterion, ...] = (*RULES, SHARED_CLIP, NEAR_DUPLICATE, OUTLIER)

#: Largest distance of an untouched point from its pre-label, px.
_UNTOUCHED = next(rule.threshold for rule in RULES if rule.id == "untouched")


def choose(ids: Sequence[str]) -> tuple[Criterion, ...]:
    """Return the criteria with these ids; all if none are given.

    Raises:
        UnknownNameError: If there is no such rule.
    """
    known = {criterion.id: criterion for criterion in CRITERIA}
    for name in ids:
        if name not in known:
            raise UnknownNameError("rule", name, known)
    return tuple(criterion for criterion in CRITERIA if not ids or criterion.id in ids)


def check(
    labels: HandLabels | str | Path,
    *,
    against: Sequence[HandLabels | str | Path] = (),
    images: str | Path | None = None,
    prelabels: Predictions | str | Path | None = None,
    population: str | Path | None = None,
    look: bool = False,
    rules: Sequence[str] = (),
    out: str | Path | None = None,
) -> CheckReport:
    """Check the consistency of annotations; nothing in them is changed.

    Args:
        labels: Annotations to check, or where they are.
        against: Annotations to compare with: other splits, other annotators.
        images: Folder of the pictures, if they are not beside the labels.
        prelabels: Predictions the annotators started from.
        population: File or labels with the usual bone lengths and bends; None for the built-in table.
        look: Whether to look at the pictures of the hands, too (a tenth of a second per hand and core).
        rules: Ids of the rules to apply; none for all.
        out: Folder for findings.jsonl, check.json and worst.png; None writes nothing.

    Raises:
        InputError: If something cannot be read, or there are no labels.
        UnknownNameError: If there is no such rule.
        MissingRequirementError: If packages to look at pictures are missing.
        WriteError: If something cannot be saved.
    """
    chosen = choose(rules)
    if out is not None:
        require_writable(as_path(out))
    usual = load_population(as_path(population) if population is not None else None)
    predictions = prelabels if isinstance(prelabels, Predictions | None) else read_predictions(as_path(prelabels))
    mine = read_sets(labels, images)
    others = [one for k, given in enumerate(against, 1) for one in read_sets(given, images, f"against {k}")]
    sizes = _picture_sizes(mine) if any(rule.needs == "pictures" for rule in chosen) else [_unknown(s) for s in mine]
    hand_rules = [rule for rule in chosen if isinstance(rule, Rule)]
    done = []
    onlooker = _onlooker(mine) if look else None
    for k, (one, size) in enumerate(zip([*mine, *others], [*sizes, *map(_unknown, others)], strict=True)):
        seen = onlooker.look(one.labels) if onlooker and k < len(mine) else None
        done.append(measure_set(one, usual, size, predictions, seen, hand_rules, is_reported=k < len(mine)))
    checked = done[: len(mine)]
    found = [finding for one in checked for finding in one.findings]
    counts = {rule.id: _judged(rule, checked, predictions) for rule in hand_rules}
    for criterion, judged, more in _across(chosen, mine, others, done, hand_rules):
        counts[criterion.id] = judged
        found += more
    found.sort(key=lambda f: (f.hand_id, f.rule))
    name = "the predictions" if isinstance(prelabels, Predictions) else str(prelabels or "")
    remarks = (*_remarks_on_prelabels(name, checked), *_remarks_on_pictures(mine, sizes))
    report = _report(chosen, done, mine, counts, found, usual.made, remarks)
    if out is not None:
        write_report(as_path(out), report)
    return report


def read_sets(
    labels: HandLabels | str | Path, images: str | Path | None = None, name: str = "labels"
) -> list[LabelSet]:
    """Read every subset of some labels, whatever its split.

    Args:
        labels: Labels, or where they are.
        images: Folder of the pictures, if they are not beside the labels.
        name: Source of labels that were not read from a path.

    Raises:
        InputError: If there are no labels.
    """
    if isinstance(labels, HandLabels):
        source, parts = Path(name), [labels]
    else:
        source, folder = as_path(labels), as_path(images) if images is not None else None
        parts = [read_labels(source, [subset], folder) for subset in _subsets(source)] or [
            read_labels(source, (), folder)
        ]
    sets = [LabelSet(source, part.part(s)) for part in parts for s in part.subsets]
    if not sets:
        raise InputError(f"{source} contains no hands")
    return sets


def _subsets(path: Path) -> list[str]:
    """Return the subsets of a folder by the names of its files or folders; none for anything else."""
    if not path.is_dir():
        return []
    npz = [part[0] for file in sorted(path.glob("*.npz")) if (part := part_of(file))]
    folders = [f.name for f in sorted(path.iterdir()) if f.is_dir() and subset_of_folder(f.name) != f.name]
    return list(dict.fromkeys(npz or folders))


def _have_pictures(sets: Sequence[LabelSet]) -> bool:
    return any(Path(image).is_file() for one in sets for image in one.labels.image.tolist() if image)


def _onlooker(sets: Sequence[LabelSet]) -> Onlooker:
    if not _have_pictures(sets):
        raise InputError(f"--look: {sets[0].source} comes without pictures; name their folder with --images DIR")
    return Onlooker()


def _unknown(one: LabelSet) -> Double:
    return np.full((len(one.labels), 2), np.nan)


def _picture_sizes(sets: Sequence[LabelSet]) -> list[Double]:
    """Return (N,2) sizes of each set's pictures from their headers; NaN where a picture is missing or unreadable."""
    if not _have_pictures(sets):
        return [_unknown(one) for one in sets]
    from annotation.prepare.hand_files import inspect_picture
    from annotation.prepare.reading import in_parallel

    paths = [Path(image) for one in sets for image in one.labels.image.tolist()]
    pictures = in_parallel(
        lambda path: inspect_picture(path) if path.is_file() else None, paths, "reading picture sizes"
    )
    sizes = np.array([p.size if p and p.size and not p.wrong else (np.nan, np.nan) for p in pictures], np.float64)
    ends = np.cumsum([len(one.labels) for one in sets])
    return np.split(sizes, ends[:-1])


def _judged(rule: Rule, checked: Sequence[MeasuredSet], predictions: Predictions | None) -> int | None:
    judged = sum(one.judged[rule.id] for one in checked)
    absent = (rule.needs in ("pictures", "--look") and not judged) or (
        rule.needs == "prelabels" and predictions is None
    )
    return None if absent else judged


Across = tuple[Criterion, int | None, list[Finding]]


def _across(
    chosen: Sequence[Criterion],
    mine: Sequence[LabelSet],
    others: Sequence[LabelSet],
    done: Sequence[MeasuredSet],
    rules: Sequence[Rule],
) -> Iterator[Across]:
    """Yield the results of comparing sets: criterion, hands judged, findings."""
    sets = [*mine, *others]
    several = len({one.split for one in sets}) > 1
    if SHARED_CLIP in chosen:
        yield _shared(sets, len(mine)) if several else (SHARED_CLIP, None, [])
    if NEAR_DUPLICATE in chosen:
        yield _duplicates(sets, len(mine)) if several else (NEAR_DUPLICATE, None, [])
    if OUTLIER in chosen:
        yield _outliers(done, rules)


def _shared(sets: Sequence[LabelSet], mine: int) -> Across:
    found = [
        found_by(
            SHARED_CLIP, str(sets[s].labels.hand_id[k]), sets[s].subset, number, f"{SHARED_CLIP.description}: {names}"
        )
        for (s, k), (number, names) in shared_clips(sets).items()
        if s < mine
    ]
    return SHARED_CLIP, sum(len(one.labels) for one in sets[:mine]), found


def _duplicates(sets: Sequence[LabelSet], mine: int) -> Across:
    found, judged = [], 0
    for s, k, bits, other in near_duplicates(sets):
        judged += s < mine
        if s < mine and bits <= NEAR_DUPLICATE.threshold:
            message = f"{NEAR_DUPLICATE.message(bits)}: {other}"
            found.append(found_by(NEAR_DUPLICATE, str(sets[s].labels.hand_id[k]), sets[s].subset, bits, message))
    return NEAR_DUPLICATE, judged or None, found


def _outliers(done: Sequence[MeasuredSet], rules: Sequence[Rule]) -> Across:
    paths = list(dict.fromkeys(one.labels.source for one in done))
    if len(paths) < FEWEST:
        return OUTLIER, None, []
    mine = []
    for path in paths:
        parts = [one for one in done if one.labels.source == path]
        found_in = {rule.id: np.concatenate([one.found[rule.id] for one in parts]) for rule in rules}
        moved = np.concatenate([one.moved for one in parts])
        mine.append(habits([one.labels.labels for one in parts], moved, found_in))
    found = []
    for name in mine[0]:
        scores = robust_z([habit[name] for habit in mine])
        for path, habit, score in zip(paths, mine, scores.tolist(), strict=True):
            if abs(score) > OUTLIER.threshold:
                message = f"{name} {habit[name].value:.3g}, others {np.median([h[name].value for h in mine]):.3g}"
                message = f"{OUTLIER.description}: {message} (robust z {score:.1f}, limit {OUTLIER.threshold:g})"
                found.append(found_by(OUTLIER, "", str(path), abs(score), message, name))
    return OUTLIER, len(paths), found


def _report(
    chosen: Sequence[Criterion],
    done: Sequence[MeasuredSet],
    mine: Sequence[LabelSet],
    counts: dict[str, int | None],
    found: list[Finding],
    population: str,
    remarks: tuple[str, ...],
) -> CheckReport:
    number = Counter(finding.rule for finding in found)
    hands: dict[str, set[str]] = {one.subset: set() for one in mine}
    for finding in found:
        if finding.hand_id:
            hands[finding.set].add(finding.hand_id)
    return CheckReport(
        sets=tuple(_set_count(one, hands[one.labels.subset] if s < len(mine) else None) for s, one in enumerate(done)),
        rules=tuple(RuleCount(criterion, counts[criterion.id], number[criterion.id]) for criterion in chosen),
        findings=tuple(found),
        population=population,
        remarks=remarks,
        label_sets=tuple(mine),
    )


def _set_count(one: MeasuredSet, found: set[str] | None) -> SetCount:
    labels, exists = one.labels.labels, one.labels.labels.existence
    flagged = [hand_id in found for hand_id in labels.hand_id.tolist()] if found is not None else []
    return SetCount(
        source=str(one.labels.source),
        subset=one.labels.subset,
        hands=len(labels),
        occluded=float((labels.occlusion & exists).sum() / max(1, exists.sum())),
        absent=float(1 - exists.mean()),
        untouched=float((one.farthest <= _UNTOUCHED).mean()) if len(one.farthest) else None,
        displacement=float(np.nanmedian(one.moved_joints)) if np.isfinite(one.moved_joints).any() else None,
        with_findings=float(np.mean(flagged)) if found is not None else None,
    )


def _remarks_on_prelabels(name: str, checked: Sequence[MeasuredSet]) -> Iterator[str]:
    if not name:
        return
    hands = sum(len(one.labels.labels) for one in checked)
    known = sum(len(one.farthest) for one in checked)
    if not known:
        raise InputError(f"{name} contains none of these {hands} hands; is it the right file of pre-labels?")
    if known < hands:
        yield f"{hands - known} of {hands} hands have no pre-label in {name}"


def _remarks_on_pictures(mine: Sequence[LabelSet], sizes: Sequence[Double]) -> Iterator[str]:
    unread = sum(_unread(one.labels, size) for one, size in zip(mine, sizes, strict=True))
    if unread:
        yield f"{unread} pictures cannot be read; their hands were checked without (see: hint prepare verify)"


def _unread(labels: HandLabels, size: Double) -> int:
    """Count pictures that exist but whose size could not be read."""
    if np.isnan(size).all():
        return 0
    rows = np.flatnonzero(np.isnan(size).any(1)).tolist()
    return sum(Path(labels.image[k]).is_file() for k in rows)
