"""Labels and a method, or predictions, to a result record and the files behind it.

A run leaves up to three files in its folder: ``predictions.npz`` (of a method), ``errors.npz`` (the error table) and
``record.json``; 3D protocols add the files their competitions take.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmark.arguments import as_folder, check_inputs, check_name, check_numbers
from benchmark.card import Card, read_card
from benchmark.error_table import ErrorTable
from benchmark.keypoints import KeypointTask
from benchmark.protocol import MESH, Protocol, load_protocol, protocol_kind
from benchmark.record import ProtocolEntry, Record, write_record
from benchmark.results import ERRORS, RECORD, folder_name, open_results
from benchmark.source import PredictedHands, Run, Source, find_source
from benchmark.task import Outcome, Scored, Task
from hint.errors import InputError
from hint.files.path import as_path
from hint.provenance import collect
from hint.types import HandLabels, Method, MethodOptions, Predictions

if TYPE_CHECKING:
    import pandas as pd

    from benchmark.mesh.error_table import MeshErrors
    from benchmark.mesh.protocol import MeshProtocol

#: Packages whose versions can change a number.
RECORDED_PACKAGES = (
    *("numpy", "opencv-python-headless", "torch", "timm", "smplx", "ai-edge-litert"),
    *("mmpose", "mmengine", "mmcv-lite"),
)


@dataclass(frozen=True, repr=False)
class Evaluation:
    """What :func:`evaluate` returns.

    Attributes:
        record: All numbers, and how they came about.
        table: The error table they follow from.
        folder: Where the files are, None where none were written.
        remarks: What a reader must know beside the numbers.
    """

    record: Record
    table: ErrorTable | MeshErrors
    folder: Path | None = None
    remarks: tuple[str, ...] = ()

    def to_frame(self) -> pd.DataFrame:
        """Return a data frame with a row for each score.

        Raises:
            MissingRequirementError: If pandas is not installed.
        """
        return self.record.to_frame()

    def hands(self) -> pd.DataFrame:
        """Return a data frame with a row for each hand and joint: error, visibility, clip, and parts such as box size.

        Raises:
            MissingRequirementError: If pandas is not installed.
        """
        from benchmark.frames import hands_frame

        return hands_frame(self.record, self.table)

    def __repr__(self) -> str:
        record = self.record
        hands = sum(part.n_hands for part in record.data)
        return f"Evaluation({record.method.title}, {record.protocol.id}, {hands:,} hands, {record.status})"

    def _repr_html_(self) -> str:
        return self.record._repr_html_()


def evaluate(
    labels: HandLabels | str | Path,
    method_or_predictions: Method | Predictions | PredictedHands | str | Path,
    protocol: str | Path | Protocol | MeshProtocol = "hint-v1",
    *,
    out: str | Path | None = None,
    name: str | None = None,
    subsets: Sequence[str] | None = None,
    images: str | Path | None = None,
    limit: int | None = None,
    seed: int = 0,
    batch_size: int = 16,
    workers: int = 2,
    overwrite: str = "missing",
    match_boxes: bool = False,
    card: Card | str | Path | None = None,
    train_labels: HandLabels | str | Path | None = None,
    device: str = "auto",
    precision: str = "fp32",
    weights: str | Path | None = None,
    mano: str | Path | None = None,
    **settings: Any,
) -> Evaluation:
    """Evaluate a method, or predictions, on labelled hands.

    Args:
        labels: Labels, or where they are: whatever :func:`hint.load_labels` reads. Of 3D protocols the folder of the
            dataset.
        method_or_predictions: A method, the name of one, predictions, what :func:`hint.predict` returned, or the path
            of a file.
        protocol: Rules of scoring: a name, or the path of a TOML file.
        out: Folder for results; each gets a folder of its own in it. None writes nothing.
        name: Name of that folder, and of predictions that were given: at most 100 characters, no slash. By default the
            name of the method, or what the file of predictions says, or its own name.
        subsets: Subsets to read ("newdays", "val_ego4d"); None = the test ones.
        images: Folder of the pictures, where they are not beside the labels.
        limit: Number of hands to evaluate, spread evenly; None = all. Of sequences, whole tracks with about as many.
        seed: Of the intervals, and of methods that draw random numbers.
        batch_size: Hands per forward pass.
        workers: Threads that read and crop pictures.
        overwrite: "missing" continues from what an earlier run left, "never" refuses, "always" starts over.
        match_boxes: Match predictions of ``hint predict`` with labels by picture, side and box instead of by id.
        card: What is known of given predictions, or the TOML file that says it; see :func:`benchmark.card.read_card`.
        train_labels: Labels a control is fitted on, or where they are.
        device: "auto", "cpu" or "cuda".
        precision: "fp32", "bf16", ... as the method understands it.
        weights: File, or a name the method documents; None for its default.
        mano: MANO file, "procedural", or None for the default places.
        **settings: Settings of the method, such as ``crop="hamer"``.

    Raises:
        UnknownNameError: If a protocol, method, subset or setting has no such name.
        InputError: If an argument, labels or predictions cannot be used, or results that are there must stay.
        MissingRequirementError: If weights, packages or pictures are missing.
        WriteError: If results cannot be saved.
        KeyboardInterrupt: On Ctrl-C, after saving what is done.
    """
    check_inputs(labels, method_or_predictions)
    check_name(name)
    check_numbers(0, seed=seed)
    check_numbers(1, batch_size=batch_size, workers=workers, **({} if limit is None else {"limit": limit}))
    folder = as_folder(out)
    rules = _load_rules(protocol)
    extra = {key: str(value) for key, value in settings.items()}
    options = MethodOptions(device, precision, _text(weights), _text(mano), seed=seed, extra=extra)
    is_mesh = not isinstance(rules, Protocol)
    source = find_source(
        method_or_predictions,
        options,
        train_labels=train_labels,
        name=name,
        match_boxes=match_boxes,
        is_mesh=is_mesh,
        card=read_card(card) if isinstance(card, str | Path) else card,
    )
    results = None
    if folder is not None:
        results = open_results(folder / _folder(source, rules, name), limit, overwrite)
    if isinstance(rules, Protocol):
        task: Task[Any] = _keypoint_task(labels, rules, limit, subsets, images)
    else:
        unused = {"--subset": subsets, "--images": images, "--train-data": train_labels, "--match-boxes": match_boxes}
        task = _mesh_task(labels, rules, limit, unused)
    run = Run(results, limit, seed, batch_size, workers)
    return _finish(task, source.outcome(task, run), run)


def _text(path: str | Path | None) -> str | None:
    return None if path is None else str(path)


def _load_rules(protocol: str | Path | Protocol | MeshProtocol) -> Protocol | MeshProtocol:
    if not isinstance(protocol, str | Path):
        return protocol
    if protocol_kind(str(protocol)) != MESH:
        return load_protocol(str(protocol))
    from benchmark.mesh.protocol import load_mesh_protocol

    return load_mesh_protocol(str(protocol))


def _folder(source: Source, rules: Protocol | MeshProtocol, name: str | None) -> str:
    """Name the folder of the results; those of single hands, the usual ones, do not name the protocol."""
    is_usual = isinstance(rules, Protocol) and rules.motion is None
    return folder_name(name or source.name, "" if name else source.variant, "" if is_usual else rules.id)


def _keypoint_task(
    labels: HandLabels | str | Path,
    rules: Protocol,
    limit: int | None,
    subsets: Sequence[str] | None,
    images: str | Path | None,
) -> KeypointTask:
    if isinstance(labels, HandLabels):
        if subsets or images:
            raise InputError("subsets and images are for labels given as a path")
        return KeypointTask(labels, rules, limit)
    folder = as_path(images) if images else None
    return KeypointTask(as_path(labels), rules, limit, subsets or (), folder)


def _mesh_task(
    labels: HandLabels | str | Path, rules: MeshProtocol, limit: int | None, unused: Mapping[str, object]
) -> Task[Any]:
    from benchmark.mesh.task import MeshTask

    wrong = [option for option, value in unused.items() if value]
    if wrong:
        raise InputError(f"protocol {rules.id} scores one whole evaluation set; leave out {' and '.join(wrong)}")
    if isinstance(labels, HandLabels):
        raise InputError(f"protocol {rules.id} scores a dataset in 3D; give the path of its folder")
    return MeshTask(as_path(labels), rules, limit)


def _finish(task: Task[Any], outcome: Outcome[Any], run: Run) -> Evaluation:
    """Score, and write the error table and the record."""
    started = time.perf_counter()
    scored = task.score(outcome.answers, run.seed)
    record = _record(task, outcome, scored, run, time.perf_counter() - started)
    if run.folder is not None:
        task.write_errors(scored.table, run.folder / ERRORS)
        write_record(run.folder / RECORD, record)
    return Evaluation(record, scored.table, run.folder, (*outcome.remarks, *scored.remarks))


def _record(task: Task[Any], outcome: Outcome[Any], scored: Scored, run: Run, seconds: float) -> Record:
    return Record(
        status="complete" if run.limit is None else "partial",
        method=outcome.card,
        fingerprint=outcome.fingerprint,
        protocol=ProtocolEntry(id=task.protocol.id, sha256=task.protocol.sha256),
        data=scored.data,
        limit=run.limit,
        seed=run.seed,
        scores=scored.scores.scores,
        per_joint=scored.scores.per_joint,
        curve=scored.scores.curves,
        empty_joints=scored.scores.empty_joints,
        coverage=scored.coverage,
        failures=outcome.failures,
        timing=outcome.timing(seconds),
        provenance=collect(RECORDED_PACKAGES),
    )
