"""Check records: all that is wrong at once, and error tables computed again from predictions and labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from benchmark.error_table import ErrorTable, compute_errors
from benchmark.ground_truth import GroundTruth, ground_truth_of
from benchmark.oks.protocol import WHOLE
from benchmark.oks.table import OksTable
from benchmark.protocol import Protocol
from benchmark.results import ERRORS, PREDICTIONS, RECORD
from benchmark.rules import Rules
from benchmark.scores import Scores
from benchmark.temporal.motion import score_motion
from hint.errors import InputError, some_ids
from hint.files import read_labels, read_predictions
from hint.files.path import as_path
from hint.types import HandLabels, Predictions
from leaderboard.bounds import check_file
from leaderboard.candidate import Candidate, Problem, Problems, read_candidate
from leaderboard.protocols import all_protocols

#: What happens with records whose error table was not computed again: they are ranked and marked, or not ranked.
OPTIONAL, REQUIRED = "optional", "required"
VERIFY = (OPTIONAL, REQUIRED)


@dataclass(frozen=True, eq=False)
class LabelledSubsets:
    """Labels that a board holds.

    Attributes:
        labels: All of them.
    """

    labels: HandLabels

    @cached_property
    def parts(self) -> dict[str, HandLabels]:
        """Subset -> its labels."""
        return {name: self.labels.select(self.labels.subset == name) for name in self.labels.subsets}

    @cached_property
    def truths(self) -> dict[str, GroundTruth]:
        """Subset -> digests of its labels."""
        return {name: ground_truth_of(part) for name, part in self.parts.items()}


def verify(
    folder: Path | str, data: HandLabels | Path | str | None = None, protocols: Sequence[Path] = ()
) -> list[Problem]:
    """Say everything that is wrong with a candidate.

    Args:
        folder: Folder with ``record.json``, ``errors.npz`` and ``predictions.npz``.
        data: Labels, or where they are, to compute the error table again, which must then be possible.
        protocols: Protocol files that do not come with the toolkit.

    Returns:
        Problems, none if there is nothing wrong.

    Raises:
        InputError: If labels or protocols cannot be read; whatever is wrong with the candidate is returned.
    """
    path = as_path(folder) / RECORD
    rules = all_protocols(protocols)
    candidate = read_candidate(path, rules)
    found = list(candidate.problems)
    place = path.parent.name
    if candidate.why_no_table:
        found.append(Problem(f"{place}/{ERRORS}", candidate.why_no_table))
    if data is None or found or candidate.record is None:
        return found
    names = [part.name for part in candidate.record.data]
    labels = data if isinstance(data, HandLabels) else read_labels_of(as_path(data), names)
    checked = compute_again(candidate, LabelledSubsets(labels), rules.get(candidate.record.protocol.sha256))
    found += checked.problems
    if not found and not checked.verified:
        found.append(Problem(f"{place}/{PREDICTIONS}", f"cannot be verified: {checked.why_not_verified}"))
    return found


def read_labels_of(data: Path, subsets: Sequence[str], images: Path | None = None) -> HandLabels:
    """Read the labels of parts of records; if the folder lacks those of one, its default ones."""
    names = dict.fromkeys(name.removesuffix(WHOLE) for name in subsets)
    try:
        return read_labels(data, list(names), images)
    except InputError:
        return read_labels(data, images=images)


def compute_again(candidate: Candidate, labelled: LabelledSubsets, rules: Rules | None) -> Candidate:
    """Compute the error table of a candidate again; a table that is not the same, bit for bit, is a problem.

    Args:
        candidate: A record without problems.
        labelled: Ground truth.
        rules: Of the record's protocol; motion is scored by them.

    Returns:
        The candidate, verified or with problems, or with why it could not be verified.
    """
    problems, path = Problems(candidate.path.parent.name), candidate.path.with_name(PREDICTIONS)
    predictions = problems.tried(path, read_bounded_predictions) if path.exists() else None
    if problems.found:
        return replace(candidate, problems=tuple(problems.found))
    reason = _why_not(candidate, labelled)
    if reason or predictions is None or candidate.record is None or not isinstance(candidate.table, ErrorTable):
        return replace(candidate, why_not_verified=reason)
    names = [part.name for part in candidate.record.data]
    labels = labelled.labels.select(np.isin(labelled.labels.subset, names))
    table, _ = compute_errors(labels, predictions, known=predictions.hand_id.tolist())
    if text := _difference(table, candidate.table):
        problems.add(ERRORS, text)
        return replace(candidate, problems=tuple(problems.found))
    scores = _with_motion(candidate.scores, [labelled.parts[name] for name in names], predictions, rules)
    return replace(candidate, scores=scores, verified=True)


def read_bounded_predictions(path: Path) -> Predictions:
    """Read predictions that may come from anybody.

    Raises:
        InputError: If they cannot be read, or are too large.
    """
    check_file(path)
    return read_predictions(path)


def _why_not(candidate: Candidate, labelled: LabelledSubsets) -> str:
    """Return why a table cannot be computed again, "" if it can."""
    if isinstance(candidate.table, OksTable):
        return "tables of OKS are not computed again"
    if not isinstance(candidate.table, ErrorTable) or candidate.record is None:
        return "there is no 2D error table"
    if not candidate.path.with_name(PREDICTIONS).is_file():
        return f"there is no {PREDICTIONS} beside the record"
    for part in candidate.record.data:
        truth = labelled.truths.get(part.name)
        if truth is None:
            return f"there are no labels of {part.name}"
        if truth.labels_sha256 != part.labels_sha256:
            return f"{part.name} was scored on other labels"
    return ""


def _difference(computed: ErrorTable, given: ErrorTable) -> str:
    """Return how an error table differs from the one computed again, "" if it is the same."""
    a, b = (np.argsort(table.hand_id) for table in (computed, given))
    if computed.hand_id[a].tolist() != given.hand_id[b].tolist():
        other = set(computed.hand_id.tolist()) ^ set(given.hand_id.tolist())
        return f"its hands are not the labelled ones: {some_ids(sorted(other))}"
    columns = ("subset", "clip_id", "box_side", "visibility", "distance_px")
    for name in columns:
        first, second = getattr(computed, name)[a], getattr(given, name)[b]
        same = (first == second) | ((first != first) & (second != second))
        wrong = ~same.reshape(len(same), -1).all(1)
        if wrong.any():
            ids = computed.hand_id[a][wrong].tolist()
            return (
                f"{name.replace('_', ' ')} is not what predictions and labels give for {len(ids)} of {len(wrong)} "
                f"hands: {some_ids(ids)}"
            )
    return ""


def _with_motion(scores: Scores, parts: Sequence[HandLabels], predictions: Predictions, rules: Rules | None) -> Scores:
    if not isinstance(rules, Protocol) or rules.motion is None:
        return scores
    return scores.plus(row for part in parts for row in score_motion(part, predictions, rules))
