"""Labels and a method, or predictions, to a result record and the files behind it.

A run leaves up to three files in its folder: ``predictions.npz`` (of a method), ``errors.npz`` (the error table) and
``record.json``; 3D protocols add the files their competitions take.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmark.arguments import as_folder, check_inputs, check_name
from benchmark.card import Card, read_card
from benchmark.error_table import ErrorTable
from benchmark.keypoints import KeypointTask
from benchmark.oks.protocol import OksProtocol
from benchmark.oks.sigmas import with_agreement
from benchmark.oks.task import OksOptions, OksTask
from benchmark.protocol import Protocol
from benchmark.record import ProtocolEntry, Record, write_record
from benchmark.results import ERRORS, RECORD, folder_name, open_results
from benchmark.rules import Rules, load_rules
from benchmark.source import PredictedHands, Run, Source, find_source
from benchmark.task import Outcome, Scored, Task
from hint.engine import HERE, Work
from hint.engine.work import require_work
from hint.errors import InputError, check_numbers
from hint.files.path import as_path
from hint.methods.options import method_options
from hint.provenance import collect
from hint.types import HandLabels, Method, Predictions

if TYPE_CHECKING:
    import pandas as pd

    from benchmark.mesh.error_table import MeshErrors
    from benchmark.mesh.protocol import MeshProtocol
    from benchmark.oks.table import OksTable
    from hint.detection import Detector

#: Packages whose versions can change a number.
RECORDED_PACKAGES = (
    *("numpy", "opencv-python-headless", "torch", "timm", "smplx", "ai-edge-litert"),
    *("mmpose", "mmengine", "mmcv-lite", "pycocotools"),
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
    table: ErrorTable | MeshErrors | OksTable
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

        Of OKS with a row for each hand: the highest similarity of a detection.

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
    protocol: str | Path | Protocol | MeshProtocol | OksProtocol = "hint-v1",
    *,
    out: str | Path | None = None,
    name: str | None = None,
    subsets: Sequence[str] | None = None,
    images: str | Path | None = None,
    limit: int | None = None,
    seed: int = 0,
    overwrite: str = "missing",
    match_boxes: bool = False,
    whole_pictures: bool = False,
    detector: str | Detector | None = None,
    all_hands_labelled: bool = False,
    agreement: str | Path | None = None,
    card: Card | str | Path | None = None,
    train_labels: HandLabels | str | Path | None = None,
    device: str = "auto",
    precision: str = "auto",
    weights: str | Path | None = None,
    mano: str | Path | None = None,
    settings: Mapping[str, object] | None = None,
    work: Work = HERE,
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
        overwrite: "missing" continues from what an earlier run left, "never" refuses, "always" starts over.
        match_boxes: Match predictions of ``hint predict`` with labels by picture, side and box instead of by id.
        whole_pictures: Score whole pictures (OKS): a detector and a method, or predictions of ``hint predict``.
        detector: What finds the hands there for a method, or its name; None for the default of ``hint predict``.
        all_hands_labelled: State that every hand of these pictures has a label, so that precision can be told.
        agreement: agreement.json of two annotators, for sigmas of the data's own (OKS).
        card: What is known of given predictions, or the TOML file that says it; see :func:`benchmark.card.read_card`.
        train_labels: Labels a control is fitted on, or where they are.
        device: "auto", "cpu" or "cuda".
        precision: "auto", "fp32", "bf16", ... as the method understands it.
        weights: File, or a name the method documents; None for its default.
        mano: MANO file, "procedural", or None for the default places.
        settings: The method's own settings, as ``--set`` takes them, such as ``{"crop": "hamer"}``.
        work: Who runs a method, such as ``hint.Work(devices="all")``; by default this process.

    Raises:
        UnknownNameError: If a protocol, method, subset or setting has no such name.
        InputError: If an argument, labels or predictions cannot be used, or results that are there must stay.
        MissingRequirementError: If weights, packages or pictures are missing.
        WriteError: If results cannot be saved.
        KeyboardInterrupt: On Ctrl-C, after saving what is done.
    """
    check_inputs(labels, method_or_predictions)
    require_work(work)
    check_name(name)
    check_numbers(0, seed=seed)
    check_numbers(1, limit=1 if limit is None else limit)
    folder = as_folder(out)
    rules = load_rules(protocol) if isinstance(protocol, str | Path) else protocol
    rules, of_oks = _oks_rules(rules, whole_pictures, detector, all_hands_labelled, agreement, match_boxes)
    options = method_options(device, precision, weights, mano, seed, settings)
    source = find_source(
        method_or_predictions,
        options,
        train_labels=train_labels,
        name=name,
        match_boxes=match_boxes,
        is_mesh=not isinstance(rules, Protocol | OksProtocol),
        whole_pictures=whole_pictures,
        detector=detector,
        card=read_card(card) if isinstance(card, str | Path) else card,
    )
    results = None
    if folder is not None:
        results = open_results(folder / result_folder(source, rules, name), limit, overwrite)
    for_pictures = {"--train-data": train_labels, "--match-boxes": match_boxes}
    task = find_task(labels, rules, limit, subsets, images, of_oks, for_pictures)
    run = Run(results, limit, seed, work, work.find_engine(device))
    return _finish(task, source.outcome(task, run), run)


def _oks_rules(
    rules: Rules,
    whole_pictures: bool,
    detector: str | Detector | None,
    all_labelled: bool,
    agreement: str | Path | None,
    match_boxes: bool,
) -> tuple[Rules, OksOptions]:
    """Check and apply the options that OKS alone has."""
    if isinstance(rules, OksProtocol):
        if match_boxes:
            raise InputError("--match-boxes leaves out what matches no label, which OKS counts: use --whole-pictures")
        if detector is not None and not whole_pictures:
            raise InputError("--detector finds hands in whole pictures; add --whole-pictures")
        options = OksOptions(whole_pictures, all_labelled)
        if agreement is None:
            return rules, options
        rules, remarks = with_agreement(rules, as_path(agreement))
        return rules, replace(options, remarks=remarks)
    given = {
        "--whole-pictures": whole_pictures,
        "--detector": detector,
        "--all-hands-labelled": all_labelled,
        "--agreement": agreement,
    }
    if wrong := [option for option, value in given.items() if value]:
        raise InputError(f"{' and '.join(wrong)}: that is for OKS; add --protocol hint-oks-v1")
    return rules, OksOptions()


def result_folder(source: Source, rules: Rules, name: str | None) -> str:
    """Name the folder of the results; those of single hands, the usual ones, do not name the protocol."""
    is_usual = isinstance(rules, Protocol) and rules.motion is None
    return folder_name(name or source.name, "" if name else source.variant, "" if is_usual else rules.id)


def find_task(
    labels: HandLabels | str | Path,
    rules: Rules,
    limit: int | None,
    subsets: Sequence[str] | None,
    images: str | Path | None,
    of_oks: OksOptions,
    for_pictures: Mapping[str, object],
) -> Task[Any]:
    """Return the task that rules set on labels.

    Args:
        labels: Labels, or where they are.
        rules: The protocol.
        limit: Number of hands, None for all.
        subsets: Subsets to read, None for the test ones.
        images: Folder of the pictures, None for beside the labels.
        of_oks: What OKS alone is told.
        for_pictures: Further options that a protocol in 3D has no use for, and what they say.

    Raises:
        InputError: If something does not go together.
    """
    if not isinstance(rules, Protocol | OksProtocol):
        return _mesh_task(labels, rules, limit, {"--subset": subsets, "--images": images, **for_pictures})
    if isinstance(labels, HandLabels) and (subsets or images):
        raise InputError("subsets and images are for labels given as a path")
    given = labels if isinstance(labels, HandLabels) else as_path(labels)
    folder = as_path(images) if images else None
    if isinstance(rules, Protocol):
        return KeypointTask(given, rules, limit, subsets or (), folder)
    return OksTask(given, rules, limit, subsets or (), folder, of_oks)


def _mesh_task(
    labels: HandLabels | str | Path, rules: MeshProtocol, limit: int | None, unused: Mapping[str, object]
) -> Task[Any]:
    from benchmark.mesh.task import MeshTask

    if wrong := [option for option, value in unused.items() if value]:
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
