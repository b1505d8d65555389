"""The demo: a rendered set, six methods, their records, one page of pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import hint
from benchmark.evaluate import evaluate
from benchmark.protocol import load_protocol
from benchmark.record import Record, labels_sha256, read_record
from hint.demo import render_demo_set
from hint.errors import InputError, MissingRequirementError
from hint.files import read_labels, read_predictions
from hint.progress import progress
from hint.provenance import git_state
from hint.types import HandLabels
from leaderboard.gallery import sheet

METHODS = ("mediapipe-mano", "hamer-tiny", "mediapipe", "mean-pose", "box-centre", "oracle-noise")
#: Columns of the pictures.
SHOWN = ("mediapipe-mano", "hamer-tiny", "mean-pose")


@dataclass(frozen=True)
class DemoResult:
    """What the demo made, and where.

    Attributes:
        records: One per method that ran.
        skipped: Method -> what is missing on this machine.
        data: Rendered set.
        sheet: Picture of labels and predictions.
    """

    records: Sequence[Record]
    skipped: dict[str, str]
    data: Path
    sheet: Path


def run_demo(out: Path, n: int, seed: int) -> DemoResult:
    """Render ``n`` hands below ``out``, evaluate every method, draw twelve hands; what is finished is kept."""
    data = out / "data" / f"seed{seed}-n{n}"
    with progress("rendering hands", n) as advance:
        render_demo_set(data, n, seed, on_done=advance)
    labels = read_labels(data)
    records: dict[str, Record] = {}
    skipped: dict[str, str] = {}
    for name in METHODS:
        try:
            records[name] = _evaluate(labels, name, out, seed)
        except MissingRequirementError as error:
            skipped[name] = str(error)
    picture = out / "demo.png"
    columns = {_heading(records[name]): out / name / "predictions.npz" for name in SHOWN if name in records}
    sheet(picture, labels, {heading: read_predictions(path) for heading, path in columns.items()})
    return DemoResult(list(records.values()), skipped, data, picture)


def _evaluate(labels: HandLabels, name: str, out: Path, seed: int) -> Record:
    """Evaluate a method, or keep what an earlier run finished; results of anything else are replaced."""
    if (record := _finished(labels, out / name, seed)) is not None:
        return record
    try:
        return evaluate(labels, name, out=out, seed=seed).record
    except InputError:
        return evaluate(labels, name, out=out, seed=seed, overwrite="always").record


def _finished(labels: HandLabels, folder: Path, seed: int) -> Record | None:
    """Return the record in a folder if this version of the toolkit would write the same one."""
    try:
        record = read_record(folder / "record.json")
    except InputError:
        return None
    git = git_state(Path(hint.__file__).parent)
    same = (
        (folder / "predictions.npz").is_file()
        and (record.status, record.seed) == ("complete", seed)
        and record.protocol.sha256 == load_protocol().sha256
        and [part.labels_sha256 for part in record.data] == [labels_sha256(labels)]
        and (record.provenance["hint"], record.provenance["git"]) == (hint.__version__, git)
        and not (git and git["dirty"])
    )
    return record if same else None


def _heading(record: Record) -> str:
    """Break a title into lines as wide as a column."""
    method = record.method
    title = method.title.replace(" + ", "\n+ ")
    return f"{title}\n({method.note})" if method.note else title
