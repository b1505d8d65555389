"""The demo: a rendered set, five methods, their records, one page of pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmark.evaluate import Evaluation, evaluate
from benchmark.record import Record
from hint.demo import render_demo_set
from hint.errors import InputError, MissingRequirementError
from hint.files import read_labels, read_predictions
from hint.progress import progress
from hint.types import HandLabels
from leaderboard.gallery import sheet

METHODS = ("hamer-tiny", "mediapipe", "mean-pose", "box-centre", "oracle-noise")
#: Columns of the pictures.
SHOWN = ("hamer-tiny", "mediapipe", "mean-pose")


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
    """Render ``n`` hands below ``out`` (or take those of an earlier run), evaluate every method, draw twelve hands.

    Raises:
        InputError: If ``out`` holds results of another set.
    """
    data = out / "data" / f"seed{seed}-n{n}"
    with progress("rendering hands", n) as advance:
        render_demo_set(data, n, seed, on_done=advance)
    labels = read_labels(data)
    evaluations: dict[str, Evaluation] = {}
    skipped: dict[str, str] = {}
    for name in METHODS:
        try:
            evaluations[name] = _evaluate(labels, name, out, seed)
        except MissingRequirementError as error:
            skipped[name] = str(error)
    picture = out / "demo.png"
    columns = {_heading(evaluations[name]): out / name / "predictions.npz" for name in SHOWN if name in evaluations}
    sheet(picture, labels, {heading: read_predictions(path) for heading, path in columns.items()})
    return DemoResult([e.record for e in evaluations.values()], skipped, data, picture)


def _evaluate(labels: HandLabels, name: str, out: Path, seed: int) -> Evaluation:
    """Evaluate a method, continuing from what an earlier run left; results of anything else are replaced."""
    try:
        return evaluate(labels, name, out=out, seed=seed)
    except InputError:
        return evaluate(labels, name, out=out, seed=seed, overwrite="always")


def _heading(evaluation: Evaluation) -> str:
    method = evaluation.record.method
    return f"{method.title}\n({method.note})" if method.note else method.title
