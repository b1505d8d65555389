"""Submissions among the records of a board: each is scored, and takes its place as the results of an evaluation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmark.error_table import ErrorTable, write_error_table
from benchmark.record import write_record
from benchmark.results import ERRORS, PREDICTIONS, RECORD
from hint.errors import InputError, printable, some_ids
from hint.files import write_predictions
from leaderboard.candidate import Problem
from leaderboard.submission_check import CheckedSubmission, check_submissions, find_submissions


@dataclass(frozen=True)
class ScoredRecords:
    """Records without submissions.

    Attributes:
        paths: Records, and folders of results in place of submissions.
        refused: What is wrong with submissions that could not be scored.
    """

    paths: tuple[Path, ...]
    refused: tuple[Problem, ...] = ()


@contextmanager
def scored(records: Sequence[Path], data: Path | None, protocols: Sequence[Path] = ()) -> Iterator[ScoredRecords]:
    """Score the submissions among records; their results are there as long as the context lasts.

    Args:
        records: Records, folders of results, submissions, and folders of submissions.
        data: Labels to score with.
        protocols: Protocol files of your own that submissions may be meant for.

    Raises:
        InputError: If there is a submission but no data, nothing can be used, or labels or protocols cannot be read.
    """
    found = {path: _submissions(path) for path in records}
    files = [file for held in found.values() for file in held]
    rest = tuple(path for path, held in found.items() if not held)
    if not files:
        yield ScoredRecords(rest)
        return
    if data is None:
        raise InputError(f"{some_ids(map(str, files))}: submissions hold no scores; give the labels with --data")
    checked = check_submissions(files, data, protocols=protocols)
    with TemporaryDirectory(prefix="hint-submissions-") as folder:
        paths = [_write(each, Path(folder, str(k), each.name)) for k, each in enumerate(checked) if not each.problems]
        refused = [
            Problem(printable(each.path.name), printable(problem)) for each in checked for problem in each.problems
        ]
        if refused and not (rest or paths):
            more = f" ({len(refused)} problems in all)" if len(refused) > 1 else ""
            raise InputError(f"no submission can be used: {refused[0]}{more}")
        yield ScoredRecords((*rest, *paths), tuple(refused))


def _submissions(path: Path) -> list[Path]:
    """Return the submissions that a path names; none if it is a record or a folder of them."""
    if path.is_dir():
        return find_submissions(path)
    return [path] if path.suffix.lower() == ".zip" else []


def _write(checked: CheckedSubmission, folder: Path) -> Path:
    """Write what ``hint eval`` would have left."""
    assert checked.evaluation is not None
    assert checked.submission is not None
    assert isinstance(checked.evaluation.table, ErrorTable)
    write_predictions(folder / PREDICTIONS, checked.submission.predictions)
    write_error_table(checked.evaluation.table, folder / ERRORS)
    write_record(folder / RECORD, checked.evaluation.record)
    return folder
