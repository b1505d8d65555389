"""Make a submission of what ``hint eval`` left, or of a file of predictions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmark.card import Card, read_card
from benchmark.error_table import read_error_table, rows_of
from benchmark.keypoints import predictions_digest
from benchmark.protocol import MESH, list_protocols, load_protocol, protocol_kind
from benchmark.record import Record, read_record
from benchmark.results import ERRORS, PREDICTIONS, RECORD
from benchmark.submission import ProtocolName, Submission
from benchmark.submission_zip import LARGEST_ZIP, SubmissionError
from hint.errors import InputError, UnknownNameError, counted, some_ids
from hint.files import write_bytes
from hint.files.atomic import OVERWRITE, require_writable
from hint.files.path import as_path
from hint.files.predictions import RESULTS, read_predictions
from hint.skeleton import N_JOINTS
from hint.types import Predictions, Strings

#: The protocol of predictions that no record says one of.
_USUAL = "hint-v1"


@dataclass(frozen=True)
class Submitted:
    """A submission that was written.

    Attributes:
        path: The zip.
        submission: What it holds.
        remarks: What its sender should know.
    """

    path: Path
    submission: Submission
    remarks: tuple[str, ...] = ()


def submit(
    results: Path | str,
    card: Card | Path | str,
    out: Path | str = "submission.zip",
    *,
    predictions: Path | str | None = None,
    protocol: str | None = None,
    overwrite: str = "missing",
) -> Submitted:
    """Pack predictions and the card of their method for a leaderboard; equal input gives equal bytes.

    Args:
        results: Folder that ``hint eval`` wrote, or a file of predictions whose ids are those of the labels.
        card: Card of the method, or its file.
        out: The zip to write.
        predictions: File of the predictions, where the folder has none.
        protocol: Rules that a file of predictions is meant for; results say it themselves.
        overwrite: "missing" replaces no other file, "never" not even the same one, "always" any.

    Raises:
        UnknownNameError: If ``overwrite`` or the protocol is none that is known.
        SubmissionError: If the results cannot be submitted; the message says everything that is wrong.
        InputError: If a file cannot be used, or ``out`` holds something else.
        WriteError: If the zip cannot be written.
    """
    results, out = as_path(results), as_path(out)
    _check_out(out, overwrite)
    own_card = card if isinstance(card, Card) else read_card(card)
    submission = _read(results, own_card, as_path(predictions) if predictions else None, protocol)
    content = submission.to_bytes()
    if len(content) > LARGEST_ZIP:
        raise SubmissionError(str(results), [f"{len(content):,} bytes are more than a submission's {LARGEST_ZIP:,}"])
    if overwrite != "always" and out.exists() and out.read_bytes() != content:
        raise InputError(f"{out} holds something else; give another --out, or --overwrite always")
    write_bytes(out, content)
    return Submitted(out, submission, tuple(_remarks(submission.predictions)))


def _check_out(out: Path, overwrite: str) -> None:
    if overwrite not in OVERWRITE:
        raise UnknownNameError("way to overwrite", overwrite, OVERWRITE)
    if out.suffix.lower() != ".zip" or out.is_dir():
        raise InputError(f"--out {out}: give the name of a file, something.zip")
    if overwrite == "never" and out.exists():
        raise InputError(f"{out} is there already; give another --out, or --overwrite always")
    require_writable(out.parent)


def _read(results: Path, card: Card, predictions: Path | None, protocol: str | None) -> Submission:
    if not results.is_dir():
        if predictions is not None:
            raise InputError(f"{results} is no folder of results; leave out --predictions, or name the folder")
        return _of_file(results, card, protocol or _USUAL)
    if protocol is not None:
        raise InputError(f"{results} says its protocol itself; leave out --protocol")
    return _of_results(results, card, predictions)


def _remarks(predictions: Predictions) -> Iterator[str]:
    lost = predictions.hand_id[~np.isfinite(predictions.keypoints_2d).all((1, 2))].tolist()
    if lost:
        yield f"{counted(len(lost), 'hand')} without all keypoints, each of them a miss: {some_ids(lost)}"


def _of_file(path: Path, card: Card, protocol: str) -> Submission:
    if path.suffix.lower() == RESULTS:
        raise InputError(
            f"{path} numbers pictures of a COCO file; type hint export {path} --format npz --data LABELS.json "
            "--out mine.npz, and submit that"
        )
    return Submission(card, read_predictions(path), _rules(protocol))


def _rules(protocol: str) -> ProtocolName:
    if not protocol.endswith(".toml") and protocol_kind(protocol) == MESH:
        raise InputError(_for_competition(protocol))
    rules = load_protocol(protocol)
    return ProtocolName(id=rules.id, sha256=rules.sha256)


def _for_competition(protocol: str) -> str:
    return f"results of {protocol} go to its competition: upload the pred.zip that hint eval wrote"


def _of_results(folder: Path, card: Card, given: Path | None) -> Submission:
    record = read_record(folder / RECORD)
    if problems := list(_unfit(record)):
        raise SubmissionError(str(folder), problems)
    path = given or folder / PREDICTIONS
    if not path.is_file():
        raise InputError(
            f"{path}: no such file" if given else f"{folder} has no {PREDICTIONS}; name the file with --predictions"
        )
    predictions, is_matched = read_predictions(path), _is_matched(record)
    if is_matched and given:
        raise InputError(f"hands of {folder} were matched by box and lie there as they were; leave out --predictions")
    scored = record.fingerprint.get("predictions_sha256")
    if scored is not None and not is_matched and scored != predictions_digest(predictions):
        raise InputError(f"{path} is not what {folder} was scored from; repeat hint eval, or name the right file")
    rows = _scored(predictions, read_error_table(folder / ERRORS).hand_id)
    return Submission(card, rows, ProtocolName(**record.protocol.model_dump()))


def _is_matched(record: Record) -> bool:
    """Whether hands were found in whole pictures; those that were not found have no row."""
    return "matched_by_iou" in record.fingerprint


def _unfit(record: Record) -> Iterator[str]:
    """Yield why results cannot be submitted."""
    if record.protocol.id in list_protocols() and protocol_kind(record.protocol.id) == MESH:
        yield _for_competition(record.protocol.id)
    if record.method.needs_labels:
        yield f"{record.method.name} is a control that sees the ground truth"
    if record.limit is not None:
        yield f"only {record.limit} hands were asked for; repeat hint eval without --limit"
    if (missing := record.coverage.missing) and not _is_matched(record):
        yield (
            f"{len(missing)} of {record.coverage.n_hands} hands have no row: {some_ids(missing)}; repeat hint eval, "
            "or give hands that were not found a row of NaN"
        )


def _scored(predictions: Predictions, ids: Strings) -> Predictions:
    """Return a row for every hand that was scored, of NaN where there is none, and no other."""
    rows = rows_of(ids, predictions.hand_id)
    keypoints = np.full((len(ids), N_JOINTS, 2), np.nan, np.float32)
    keypoints[rows >= 0] = predictions.keypoints_2d[rows[rows >= 0]]
    return Predictions(ids, keypoints)
