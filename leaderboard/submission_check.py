"""Check submissions as a leaderboard does: read them as data of strangers, and compute every score from labels."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmark.card import Card
from benchmark.error_table import Coverage
from benchmark.evaluate import Evaluation, evaluate
from benchmark.protocol import Protocol
from benchmark.record import Record, TimingEntry
from benchmark.rules import Rules
from benchmark.submission import Submission, parse_submission
from benchmark.submission_zip import SubmissionError, read_bounded
from hint.errors import HintError, InputError, counted, some_ids
from hint.files import read_labels
from hint.files.path import as_path
from hint.types import HandLabels, Predictions
from hint.version import __version__
from leaderboard.controls import why_control
from leaderboard.protocols import all_protocols

#: Longest name of a method on a board, taken from its file, characters.
_LONGEST_NAME = 60


@dataclass(frozen=True)
class CheckedSubmission:
    """A submission, and what is wrong with it.

    Attributes:
        path: Its file.
        sha256: Of the file, "" if it could not be read.
        problems: Everything that is wrong, empty if nothing is.
        remarks: What a reader should know besides.
        submission: What it holds, None if that cannot be used.
        evaluation: Its scores, None without labels or if anything is wrong.
    """

    path: Path
    sha256: str = ""
    problems: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    submission: Submission | None = None
    evaluation: Evaluation | None = None

    @property
    def name(self) -> str:
        """Name of its results: that of the file, as a folder may be called anywhere."""
        shown = "".join(c if c.isprintable() else "_" for c in self.path.stem)
        return shown.strip(". ")[:_LONGEST_NAME] or "unnamed"

    def summary(self) -> dict[str, Any]:
        """Return what ``hint leaderboard check --json`` prints of it, as JSON values."""
        record, held = self.evaluation and self.evaluation.record, self.submission
        return {
            "file": str(self.path),
            "sha256": self.sha256,
            "ok": not self.problems,
            "problems": self.problems,
            "remarks": self.remarks,
            "card": held and held.card.model_dump(mode="json", exclude_defaults=True),
            "protocol": held and held.protocol.model_dump(),
            "hands": held and len(held.predictions),
            "scores": record and [_plain(score) for score in record.model_dump(mode="json")["scores"]],
        }


def _plain(score: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in score.items() if value is not None}


def check_submissions(
    submissions: Path | str | Sequence[Path | str],
    data: HandLabels | Path | str | None = None,
    *,
    subsets: Sequence[str] = (),
    protocols: Sequence[Path | str] = (),
) -> list[CheckedSubmission]:
    """Check submissions, each for everything that can be wrong, and score those that are right.

    Args:
        submissions: Zip files that :func:`hint.submit` wrote, or folders of them.
        data: Labels, or where they are; None checks what can be checked without.
        subsets: Subsets of the labels to read; none = the test ones.
        protocols: Protocol files of your own that may be meant.

    Raises:
        InputError: If there is no submission, or the labels or protocols cannot be read.
    """
    chosen = [submissions] if isinstance(submissions, Path | str) else submissions
    files = list(dict.fromkeys(file for path in chosen for file in find_submissions(as_path(path))))
    if not files:
        raise InputError("no submission; give .zip files that hint submit wrote, or folders of them")
    labels = data if isinstance(data, HandLabels) or data is None else read_labels(as_path(data), subsets)
    rules = all_protocols([as_path(file) for file in protocols])
    return [_check(file, labels, rules) for file in files]


def find_submissions(path: Path) -> list[Path]:
    """Return the zip files of a folder, by name; a file is one itself.

    Raises:
        InputError: If there is no such file or folder.
    """
    if not path.is_dir():
        if not path.exists() and not path.is_symlink():
            raise InputError(f"{path}: no such file or folder")
        return [path]
    return sorted(file for file in path.iterdir() if file.suffix.lower() == ".zip")


def _check(path: Path, labels: HandLabels | None, rules: Mapping[str, Rules]) -> CheckedSubmission:
    sha256 = ""
    try:
        content = read_bounded(path)
        sha256 = hashlib.sha256(content).hexdigest()
        submission = parse_submission(content, str(path))
    except SubmissionError as error:
        return CheckedSubmission(path, sha256, error.problems)
    except InputError as error:
        return CheckedSubmission(path, problems=(str(error),))
    read = CheckedSubmission(path, sha256, submission=submission)
    protocol = rules.get(submission.protocol.sha256)
    problems = [] if isinstance(protocol, Protocol) else [_unknown(submission, rules)]
    if labels is None:
        return replace(read, problems=tuple(problems), remarks=("not scored: no labels were given (--data)",))
    kept = _labelled(submission.predictions, labels)
    problems += _strange(submission.predictions, kept, labels)
    evaluation = None
    if isinstance(protocol, Protocol) and len(kept):
        evaluation, more = _score(read, submission.card, kept, labels, protocol)
        problems += more
    return replace(read, problems=tuple(problems), evaluation=None if problems else evaluation)


def _unknown(submission: Submission, rules: Mapping[str, Rules]) -> str:
    name = submission.protocol.id
    if name in {known.id for known in rules.values()}:
        return f"it is meant for another version of the protocol {name}; make it with the hint of this leaderboard"
    return f"it is meant for the protocol {name}, which is not known here; give its file with --protocol"


def _labelled(predictions: Predictions, labels: HandLabels) -> Predictions:
    kept: Predictions = predictions.select(np.isin(predictions.hand_id, labels.hand_id))
    return kept


def _strange(predictions: Predictions, kept: Predictions, labels: HandLabels) -> Iterator[str]:
    """Yield what is wrong with the ids."""
    strange = predictions.hand_id[~np.isin(predictions.hand_id, kept.hand_id)].tolist()
    if not len(predictions):
        yield "there are no predictions"
    elif strange:
        yield (
            f"{len(strange)} of {counted(len(predictions), 'prediction')} are for hands without a label: "
            f"{some_ids(strange)}; labels are named like {labels.hand_id[0]}"
        )


def _score(
    read: CheckedSubmission, card: Card, kept: Predictions, labels: HandLabels, protocol: Protocol
) -> tuple[Evaluation | None, list[str]]:
    """Score the subsets that have a prediction, and say what is wrong with the predictions."""
    touched = sorted(set(labels.subset[np.isin(labels.hand_id, kept.hand_id)].tolist()))
    chosen = labels.select(np.isin(labels.subset, touched))
    try:
        result = evaluate(chosen, kept, protocol, name=read.name, card=card)
    except HintError as error:
        return None, [str(error)]
    problems = [*_lacking(result.record.coverage, touched)]
    if reason := why_control(result.record.method, result.table):
        problems.append(f"it is {reason}")
    return replace(result, record=_declared(result.record, read, card)), problems


def _lacking(coverage: Coverage, subsets: Sequence[str]) -> Iterator[str]:
    if missing := coverage.missing:
        yield (
            f"{len(missing)} of {coverage.n_hands} hands of {some_ids(subsets)} have no row: {some_ids(missing)}; "
            "give hands that were not found a row of NaN"
        )


def _declared(record: Record, read: CheckedSubmission, card: Card) -> Record:
    """Add the speed that the card declares, and leave out what is only true of this machine and this hour."""
    nothing = dict.fromkeys(("load_seconds", "predict_seconds", "score_seconds"), 0.0)
    timing = TimingEntry(
        **nothing,
        hands_per_second=card.hands_per_second,
        reused=0,
        device=card.device or "",
        peak_memory_bytes=None,
        peak_gpu_memory_bytes=None,
    )
    made_with = {"hint": __version__, "submission_sha256": read.sha256}
    return record.model_copy(update={"timing": timing, "provenance": made_with})
