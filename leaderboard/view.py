"""Labelled hands beside the predictions of several records, worst first, for the viewers of others: ``hint view``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmark.error_table import ErrorTable, rows_of
from hint.errors import InputError, UnknownNameError
from hint.files import read_labels, read_predictions
from hint.files.atomic import require_writable
from hint.files.path import as_path
from hint.images import read_image
from hint.types import Double, HandLabels
from hint.viewers.fiftyone import FILES, Run, write_fiftyone
from hint.viewers.recording import Recording, check_recording
from leaderboard.entry import Entry, read_entries
from leaderboard.site.pictures import is_ego4d

#: Viewer -> where its files go if nobody says.
VIEWERS = {"fiftyone": "hint-view", "rerun": "hint-view.rrd"}


@dataclass(frozen=True)
class View:
    """What was written.

    Attributes:
        path: The dataset's folder, or the recording.
        hands: Number of hands.
        runs: Names of the records.
        without_pictures: Hands that are left out, since their picture is not there.
        left_out: Folders of records that are left out: those of 3D protocols and of OKS.
        holds_ego4d: Whether pictures of Ego4D are in the file, which may not be passed on.
    """

    path: Path
    hands: int
    runs: tuple[str, ...]
    without_pictures: tuple[str, ...]
    left_out: tuple[str, ...]
    holds_ego4d: bool


def view(
    records: Path | str | Sequence[Path | str],
    data: Path | str,
    viewer: str,
    *,
    out: Path | str | None = None,
    images: Path | str | None = None,
    limit: int | None = None,
    replace: bool = False,
) -> View:
    """Write labelled hands with the predictions and errors of records for FiftyOne or rerun.

    Args:
        records: Records, or folders of results, with their predictions and error tables.
        data: The labels they were scored on, with pictures.
        viewer: "fiftyone" or "rerun".
        out: Folder of the dataset, or file of the recording.
        images: Folder of the pictures, if they are not beside the labels.
        limit: Show so many hands, the worst of the first record.
        replace: Whether to replace what is there.

    Raises:
        InputError: If records or labels do not suit, or something is there already.
        MissingRequirementError: If rerun is not installed.
    """
    if viewer not in VIEWERS:
        raise UnknownNameError("viewer", viewer, VIEWERS)
    path = as_path(VIEWERS[viewer] if out is None else out)
    _check(path, viewer, replace)
    given = [records] if isinstance(records, str | Path) else records
    entries, others = _split(read_entries([as_path(record) for record in given]))
    tables = [_table(entry) for entry in entries]
    labels, absent = _labels(as_path(data), None if images is None else as_path(images), entries, tables)
    order = _worst_first(labels, tables[0])[:limit]
    labels = labels.select(order)
    runs = [_run(entry, table, labels) for entry, table in zip(entries, tables, strict=True)]
    if viewer == "fiftyone":
        write_fiftyone(path, labels, runs)
    else:
        _record(path, labels, runs)
    pairs = zip(labels.hand_id.tolist(), labels.subset.tolist(), strict=True)
    ego4d = viewer == "rerun" and any(is_ego4d(*pair) for pair in pairs)
    return View(path, len(labels), tuple(entry.name for entry in entries), absent, others, ego4d)


def _check(path: Path, viewer: str, replace: bool) -> None:
    if viewer == "rerun":
        check_recording(path, replace=replace)
        return
    if path.is_file():
        raise InputError(f"{path} is a file; name a folder for the dataset with --out")
    others = [file.name for file in path.iterdir() if file.name not in FILES] if path.is_dir() else []
    if others or (path.is_dir() and not replace and any(path.iterdir())):
        advice = "" if others else ", or --overwrite always"
        raise InputError(f"{path} holds files already; give another --out{advice}")
    require_writable(path)


def _split(entries: Sequence[Entry]) -> tuple[list[Entry], tuple[str, ...]]:
    """Return the records to show, and the folders of those of 3D protocols and of OKS."""
    shown = [entry for entry in entries if entry.oks is None and entry.mesh_errors is None]
    if not shown:
        raise InputError(
            f"{entries[0].name}: records of OKS and of 3D protocols are not shown; hint eval --protocol hint-v1 on the "
            "same labels and predictions makes one that is"
        )
    return shown, tuple(entry.path.parent.name for entry in entries if entry not in shown)


def _table(entry: Entry) -> ErrorTable:
    if entry.errors is None:
        raise InputError(f"{entry.name}: {entry.problem}; repeat its hint eval command")
    if entry.predictions is None:
        raise InputError(f"{entry.name}: there is no predictions.npz beside {entry.path}; repeat its hint eval command")
    return entry.errors


def _labels(
    data: Path, images: Path | None, entries: Sequence[Entry], tables: Sequence[ErrorTable]
) -> tuple[HandLabels, tuple[str, ...]]:
    """Return the labelled hands that some record scores and whose picture is there, and the ids of the others."""
    scored = list(dict.fromkeys(part.name for entry in entries for part in entry.record.data))
    try:
        labels = read_labels(data, scored, images)
    except InputError:  # labels that were not read as subsets
        labels = read_labels(data, images=images, split="")
    known = {hand_id for table in tables for hand_id in table.hand_id.tolist()}
    labels = labels.select([hand_id in known for hand_id in labels.hand_id.tolist()])
    if not len(labels):
        raise InputError(f"{data} holds none of the hands of {entries[0].name}; name the labels it was scored on")
    there = np.array([bool(path) and Path(path).is_file() for path in labels.image.tolist()])
    if not there.any():
        raise InputError(f"{data}: none of the pictures is there; name their folder with --images")
    return labels.select(there), tuple(labels.hand_id[~there].tolist())


def _worst_first(labels: HandLabels, table: ErrorTable) -> list[int]:
    """Return rows of labels by mean error: first those without a prediction, last those without a scored joint."""
    errors = _hand_errors(_rows(labels, table, table.error))
    order: list[int] = np.argsort(-np.nan_to_num(errors, nan=-1.0, posinf=np.inf), kind="stable").tolist()
    return order


def _rows(labels: HandLabels, table: ErrorTable, values: Double) -> Double:
    """Return rows (N,21) of a table for labelled hands, NaN for those that it does not score."""
    rows = rows_of(labels.hand_id, table.hand_id)
    return np.where(rows[:, None] < 0, np.nan, values[rows])


def _hand_errors(errors: Double) -> Double:
    """Return (N,) mean of each hand over its joints; NaN without any, inf where one is missing."""
    known = ~np.isnan(errors)
    total = np.where(known, errors, 0).sum(1)
    return np.where(known.any(1), total / np.maximum(known.sum(1), 1), np.nan)


def _run(entry: Entry, table: ErrorTable, labels: HandLabels) -> Run:
    found = read_predictions(entry.predictions) if entry.predictions is not None else None
    points = np.full((len(labels), 21, 2), np.nan, np.float32)
    if found is not None:
        rows = rows_of(labels.hand_id, found.hand_id)
        points[rows >= 0] = found.keypoints_2d[rows[rows >= 0]]
    errors, distances = _rows(labels, table, table.error), _rows(labels, table, table.distance_px)
    thresholds = {score.threshold for score in entry.record.scores if score.metric == "pck"}
    pck = {t: _hand_pck(distances, labels, t) for t in sorted(t for t in thresholds if t is not None)}
    return Run(entry.slug.replace("-", "_"), entry.name, points, errors, _hand_errors(errors), pck)


def _hand_pck(distances: Double, labels: HandLabels, threshold: float) -> Double:
    """Return (N,) percent of the joints of each hand that are right, rounded as the official evaluation does."""
    known = ~np.isnan(distances)
    right = (distances <= labels.longest_side[:, None] * threshold) & known
    return np.where(known.any(1), 100 * right.sum(1) / np.maximum(known.sum(1), 1), np.nan)


def _record(path: Path, labels: HandLabels, runs: Sequence[Run]) -> None:
    """Write a recording with two timelines: worst hands first, and the order of their ids."""
    by_name = {hand_id: k for k, hand_id in enumerate(sorted(labels.hand_id.tolist()))}
    title = ", ".join(run.name for run in runs)
    names = [run.field for run in runs]
    with Recording(path, title, scene=False, errors=True, runs=names) as recording:
        for row, hand_id in enumerate(labels.hand_id.tolist()):
            recording.at(worst=row, hand=by_name[hand_id])
            recording.picture(read_image(Path(labels.image[row])))
            x1, y1, x2, y2 = labels.box_xyxy[row].tolist()
            side = "right" if labels.is_right[row] else "left"
            recording.box("box", (x1, y1, x2, y2), side, hand_id)
            recording.keypoints("labels", labels.keypoints_2d[row], "labels", labels.visibility[row])
            for run in runs:
                recording.keypoints(f"runs/{run.field}", run.keypoints_2d[row], run.field)
                recording.error(run.field, float(100 * run.mean[row]))
