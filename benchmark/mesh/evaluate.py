"""A 3D dataset and a method, or a file of predictions, to a result record and the files behind it.

A run leaves ``errors.npz`` (the error table) and ``record.json``; that of a method ``predictions.npz``, ``pred.json``
and ``pred.zip`` for the dataset's competition too.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmark.evaluate import RECORDED_PACKAGES, Outcome, refuse_to_overwrite, spread
from benchmark.mesh.error_table import MeshErrors, compute_mesh_errors, write_mesh_errors
from benchmark.mesh.protocol import MeshProtocol
from benchmark.mesh.scores import score_mesh_errors
from benchmark.record import ProtocolEntry, Record, SubsetEntry, write_record
from hint.engine import run
from hint.errors import InputError, some_ids
from hint.files.competition import write_competition_files
from hint.files.freihand import freihand_views, read_freihand, to_freihand
from hint.files.hand_lists import read_two_lists
from hint.files.ho3d import FROM_HINT, ho3d_views, read_ho3d, to_ho3d
from hint.files.mesh_labels import MeshLabels, MeshViews
from hint.progress import progress
from hint.provenance import collect
from hint.skeleton import JOINT_NAMES
from hint.types import Double, Method, MethodCard, Predictions


class _Layout(NamedTuple):
    """How one dataset is read, shown to methods, and what its order of joints and axes is.

    Attributes:
        ahead: Sign of z before the camera.
    """

    read: Callable[[Path], MeshLabels]
    views: Callable[[Path, Sequence[str]], MeshViews]
    convert: Callable[[Predictions, MeshViews], tuple[Double, Double]]
    joint_names: tuple[str, ...]
    ahead: int


_LAYOUTS = {
    "freihand": _Layout(read_freihand, freihand_views, to_freihand, JOINT_NAMES, 1),
    "ho3d": _Layout(read_ho3d, ho3d_views, to_ho3d, tuple(JOINT_NAMES[k] for k in FROM_HINT), -1),
}


@dataclass(frozen=True)
class MeshEvaluation:
    """A record, the error table it was computed from, and what a reader must know beside it."""

    record: Record
    table: MeshErrors
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class MeshSettings:
    """How to run and score; see :class:`benchmark.evaluate.Settings`.

    Attributes:
        protocol: Rules of scoring.
        out: Folder for the files; None keeps none.
        limit: Number of hands to evaluate, spread evenly over the dataset; None = all.
        seed: Of the intervals.
        batch_size: Hands per forward pass.
        workers: Threads that read and crop pictures.
        overwrite: "missing" goes on from what an earlier run left, "never" refuses to touch it, "always" starts anew.
    """

    protocol: MeshProtocol
    out: Path | None = None
    limit: int | None = None
    seed: int = 0
    batch_size: int = 16
    workers: int = 2
    overwrite: str = "missing"


def evaluate_mesh_file(data: Path, predictions: Path, name: str, settings: MeshSettings) -> MeshEvaluation:
    """Score a ``pred.json`` as the competitions take it.

    Args:
        data: Folder of the dataset, with its ground truth.
        predictions: The file.
        name: What to call the predictions.
        settings: How.

    Raises:
        InputError: If a file is absent or malformed, or the two hold different numbers of hands.
    """
    refuse_to_overwrite(settings.out, settings.overwrite)
    joints, vertices = read_two_lists(predictions)
    labels = _LAYOUTS[settings.protocol.layout].read(data)
    _check_counts(predictions, joints, vertices, labels)
    card = MethodCard(name, name, "Predictions given as a file.", code_licence="")
    outcome = Outcome(len(joints), card, {"predictions_sha256": _digest(joints, vertices)})
    if settings.limit is not None:
        rows = spread(len(labels), settings.limit)
        labels, joints, vertices = labels.select(rows), joints[rows], vertices[rows]
    return _score(labels, joints, vertices, outcome, settings)


def _check_counts(path: Path, joints: Double, vertices: Double, labels: MeshLabels) -> None:
    if joints.shape[1] != 21:
        swapped = "; the first list must be the joints" if vertices.shape[1] == 21 else ""
        raise InputError(f"{path}: {joints.shape[1]} joints per hand, expected 21{swapped}")
    if len(joints) != len(vertices):
        raise InputError(f"{path}: joints of {len(joints)} hands and vertices of {len(vertices)}; give both of each")
    if len(joints) != len(labels):
        raise InputError(
            f"{path} holds {len(joints)} hands, the ground truth {len(labels)}; predict every hand, in its order"
        )


def evaluate_mesh_method(
    data: Path, create: Callable[[], tuple[Method, float]], settings: MeshSettings
) -> MeshEvaluation:
    """Predict every hand of a 3D dataset (or go on from an earlier run), score, and write the files.

    Args:
        data: Folder of the dataset, with pictures and ground truth.
        create: Sets up the method once the data was found to be fine; also returns the seconds that took.
        settings: How.

    Raises:
        MissingRequirementError: If pictures are absent.
        InputError: If the ground truth cannot be used, ``settings.out`` holds results of other settings, or the method
            gives no meshes.
    """
    refuse_to_overwrite(settings.out, settings.overwrite)
    layout = _LAYOUTS[settings.protocol.layout]
    labels = layout.read(data)
    if settings.limit is not None:
        labels = labels.select(spread(len(labels), settings.limit))
    views = layout.views(data, labels.hand_id.tolist())
    method, load_seconds = create()
    with progress(f"{method.card.title}: hands", len(labels)) as advance:
        result = run(
            method,
            views.hands,
            save_to=settings.out / "predictions.npz" if settings.out else None,
            overwrite=settings.overwrite == "always",
            batch_size=settings.batch_size,
            workers=settings.workers,
            meshes=True,
            advance=advance,
        )
    if not len(result.predictions):
        raise InputError(f"no picture could be used: {some_ids(result.failures.values())}")
    joints, vertices = _in_order(labels, result.predictions, layout.convert(result.predictions, views))
    if settings.out is not None and settings.limit is None:
        write_competition_files(settings.out, joints, vertices)
    outcome = Outcome(
        len(result.predictions),
        method.card,
        {**method.fingerprint, "boxes": views.boxes},
        str(getattr(method, "device", "cpu")),
        result.failures,
        result.reused,
        load_seconds,
        result.seconds,
    )
    return _score(labels, joints, vertices, outcome, settings)


def _in_order(labels: MeshLabels, predictions: Predictions, converted: tuple[Double, Double]) -> tuple[Double, Double]:
    """Return joints and vertices of every label; NaN where there is no prediction."""
    place = {hand_id: row for row, hand_id in enumerate(labels.hand_id.tolist())}
    rows = [place[hand_id] for hand_id in predictions.hand_id.tolist()]
    full = [np.full((len(labels), *part.shape[1:]), np.nan) for part in converted]
    for whole, part in zip(full, converted, strict=True):
        whole[rows] = part
    return full[0], full[1]


def _score(
    labels: MeshLabels, joints: Double, vertices: Double, outcome: Outcome, settings: MeshSettings
) -> MeshEvaluation:
    started = time.perf_counter()
    protocol = settings.protocol
    table, coverage = compute_mesh_errors(labels, joints, vertices, protocol)
    scores = score_mesh_errors(table, protocol, _LAYOUTS[protocol.layout].joint_names, settings.seed)
    partial = bool(coverage.missing) or settings.limit is not None
    subset = SubsetEntry(
        name=protocol.id,
        n_hands=len(labels),
        n_clips=len(set(labels.clip_id.tolist())),
        expected_hands=protocol.hands,
        labels_sha256=_labels_sha256(labels),
    )
    record = Record(
        status="partial" if partial else "complete",
        method=outcome.card,
        fingerprint=outcome.fingerprint,
        protocol=ProtocolEntry(id=protocol.id, sha256=protocol.sha256),
        data=(subset,),
        limit=settings.limit,
        seed=settings.seed,
        scores=scores.scores,
        per_joint=scores.per_joint,
        curve=scores.curves,
        empty_joints=scores.empty_joints,
        coverage=coverage,
        failures=outcome.failures,
        timing=outcome.timing(time.perf_counter() - started),
        provenance=collect(RECORDED_PACKAGES),
    )
    if settings.out is not None:
        write_mesh_errors(table, settings.out / "errors.npz")
        write_record(settings.out / "record.json", record)
    return MeshEvaluation(record, table, tuple(_axes_remarks(joints, _LAYOUTS[protocol.layout].ahead)))


def _axes_remarks(joints: Double, ahead: int) -> Iterator[str]:
    """Say so where hands are not before the camera: unaligned scores then compare different axes or origins."""
    behind = int((ahead * joints[..., 2] < 0).any(1).sum())
    if behind:
        sign = ">" if ahead > 0 else "<"
        yield (
            f"{behind} of {len(joints)} hands are not wholly before the camera, where z {sign} 0 in this dataset: "
            "unaligned scores mean nothing unless axes and origin are the camera's"
        )


def _labels_sha256(labels: MeshLabels) -> str:
    """Digest the ground truth; coordinates count to a thousandth of a millimetre."""
    digest = hashlib.sha256("\n".join(labels.hand_id.tolist()).encode())
    for points in (labels.joints, labels.vertices):
        digest.update(np.rint(points * 1e6).astype("<i8").tobytes())
    return digest.hexdigest()


def _digest(*arrays: Double) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(array.tobytes())
    return digest.hexdigest()
