"""Labels and a method, or a file of predictions, to a result record and the files behind it.

A run leaves three files in its folder: ``predictions.npz``, ``errors.npz`` (the error table) and ``record.json``.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmark.error_table import ErrorTable, compute_errors, write_error_table
from benchmark.protocol import Protocol
from benchmark.record import (
    ProtocolEntry,
    Record,
    SubsetEntry,
    TimingEntry,
    labels_sha256,
    write_record,
)
from benchmark.scores import score_table
from benchmark.temporal.motion import score_motion
from benchmark.temporal.sequences import labels_in_scope, whole_tracks
from hint.engine import RunResult, run
from hint.errors import InputError
from hint.files import read_labels
from hint.progress import progress
from hint.provenance import collect, peak_gpu_memory_bytes, peak_memory_bytes
from hint.types import HandLabels, Method, MethodCard, Predictions

#: Packages whose versions can change a number.
RECORDED_PACKAGES = (
    *("numpy", "opencv-python-headless", "torch", "timm", "smplx", "mediapipe"),
    *("mmpose", "mmengine", "mmcv-lite"),
)


@dataclass(frozen=True)
class Evaluation:
    """A record and the error table it was computed from."""

    record: Record
    table: ErrorTable


@dataclass(frozen=True)
class Settings:
    """How to run and score.

    Attributes:
        protocol: Rules of scoring.
        out: Folder for the three files; None keeps none.
        limit: Number of hands to evaluate, spread evenly over the labels; None = all. Of sequences, whole tracks that
            hold about as many.
        seed: Of the intervals.
        batch_size: Hands per forward pass.
        workers: Threads that read and crop pictures.
        overwrite: "missing" goes on from what an earlier run left, "never" refuses to touch it, "always" starts anew.
    """

    protocol: Protocol
    out: Path | None = None
    limit: int | None = None
    seed: int = 0
    batch_size: int = 16
    workers: int = 2
    overwrite: str = "missing"


@dataclass(frozen=True)
class Outcome:
    """How predictions came about.

    Attributes:
        n_hands: How many there are.
        card: What made them.
        fingerprint: What could change them.
        device: Where they were computed, "" where that is not known.
        failures: hand_id -> why its picture could not be used.
        reused: How many an earlier run had made.
        load_seconds: What loading the method took.
        predict_seconds: What predicting took.
    """

    n_hands: int
    card: MethodCard
    fingerprint: dict[str, Any]
    device: str = ""
    failures: dict[str, str] = field(default_factory=dict)
    reused: int = 0
    load_seconds: float = 0.0
    predict_seconds: float = 0.0

    def timing(self, score_seconds: float) -> TimingEntry:
        """Return the entry of the record."""
        computed = self.n_hands - self.reused
        return TimingEntry(
            load_seconds=round(self.load_seconds, 3),
            predict_seconds=round(self.predict_seconds, 3),
            score_seconds=round(score_seconds, 3),
            hands_per_second=round(computed / self.predict_seconds, 3) if computed and self.predict_seconds else None,
            reused=self.reused,
            device=self.device,
            peak_memory_bytes=peak_memory_bytes(),
            peak_gpu_memory_bytes=peak_gpu_memory_bytes(),
        )


def evaluate_method(labels: HandLabels, method: Method, settings: Settings, load_seconds: float = 0.0) -> Evaluation:
    """Predict every labelled hand (or go on from an earlier run), score, and write the files.

    Args:
        labels: Hands to evaluate.
        method: What to run.
        settings: How.
        load_seconds: What loading the method took, for the record.

    Raises:
        InputError: If pictures are absent or ``settings.out`` holds results of other settings.
    """
    wanted = _chosen(labels, settings)
    refuse_to_overwrite(settings.out, settings.overwrite)
    with progress(f"{method.card.title}: hands", len(wanted)) as advance:
        result: RunResult = run(
            method,
            wanted.hands(),
            save_to=settings.out / "predictions.npz" if settings.out else None,
            overwrite=settings.overwrite == "always",
            batch_size=settings.batch_size,
            workers=settings.workers,
            advance=advance,
        )
    outcome = Outcome(
        len(result.predictions),
        method.card,
        method.fingerprint,
        str(getattr(method, "device", "cpu")),
        result.failures,
        result.reused,
        load_seconds,
        result.seconds,
    )
    return _score(wanted, result.predictions, outcome, settings, labels.hand_id.tolist())


def evaluate_predictions(
    labels: HandLabels, predictions: Predictions, name: str, settings: Settings, known: Collection[str] = ()
) -> Evaluation:
    """Score predictions somebody made.

    Args:
        labels: Hands to evaluate.
        predictions: Rows in any order.
        name: What to call them.
        settings: How.
        known: Ids that may be predicted without being in ``labels``.

    Raises:
        InputError: If a predicted id is neither labelled nor known.
    """
    refuse_to_overwrite(settings.out, settings.overwrite)
    card = MethodCard(name, name, "Predictions given as a file.", code_licence="")
    outcome = Outcome(len(predictions), card, {"predictions_sha256": _digest(predictions)})
    wanted = _chosen(labels, settings)
    return _score(wanted, predictions, outcome, settings, {*labels.hand_id.tolist(), *known})


def _digest(predictions: Predictions) -> str:
    """Digest what is scored of predictions, whatever the order of the rows."""
    order = np.argsort(predictions.hand_id)
    digest = hashlib.sha256("\n".join(predictions.hand_id[order].tolist()).encode())
    digest.update(predictions.keypoints_2d[order].tobytes())
    return digest.hexdigest()


def known_ids(path: Path, labels: HandLabels, predictions: Predictions) -> Collection[str]:
    """Return ids of every subset at ``path`` if the predictions hold more than ``labels``; they may lie in others."""
    inside = set(labels.hand_id.tolist())
    return () if inside.issuperset(predictions.hand_id.tolist()) else read_labels(path).hand_id.tolist()


def limited(labels: HandLabels, limit: int | None) -> HandLabels:
    """Return ``limit`` hands spread evenly over the labels.

    Raises:
        InputError: If the limit is below 1.
    """
    return labels if limit is None or limit >= len(labels) else labels.select(spread(len(labels), limit))


def spread(n_hands: int, limit: int | None) -> NDArray[np.int64]:
    """Return the rows of ``limit`` hands spread evenly over all, or all rows.

    Raises:
        InputError: If the limit is below 1.
    """
    if limit is None or limit >= n_hands:
        return np.arange(n_hands)
    if limit < 1:
        raise InputError(f"--limit {limit}: evaluate at least one hand")
    return np.linspace(0, n_hands - 1, limit).round().astype(np.int64)


def refuse_to_overwrite(out: Path | None, overwrite: str) -> None:
    """Raise if a folder holds results and ``overwrite`` is "never"."""
    if overwrite != "never" or out is None:
        return
    if any((out / name).exists() for name in ("predictions.npz", "errors.npz", "record.json")):
        raise InputError(f"{out} holds results already; choose another --out, or --overwrite missing|always")


def _chosen(labels: HandLabels, settings: Settings) -> HandLabels:
    if settings.protocol.motion is None:
        return limited(labels, settings.limit)
    return whole_tracks(labels_in_scope(labels, settings.protocol), settings.limit)


def _score(
    labels: HandLabels, predictions: Predictions, outcome: Outcome, settings: Settings, known: Collection[str]
) -> Evaluation:
    started = time.perf_counter()
    table, coverage = compute_errors(labels, predictions, known)
    scores = score_table(table, settings.protocol, seed=settings.seed)
    parts = [(name, labels.select(labels.subset == name)) for name in _in_table_order(labels, settings.protocol)]
    motion = [row for _, part in parts for row in score_motion(part, predictions, settings.protocol, settings.seed)]
    partial = bool(coverage.missing) or settings.limit is not None
    record = Record(
        status="partial" if partial else "complete",
        method=outcome.card,
        fingerprint=outcome.fingerprint,
        protocol=ProtocolEntry(id=settings.protocol.id, sha256=settings.protocol.sha256),
        data=tuple(_subset_entry(part, name, settings.protocol) for name, part in parts),
        limit=settings.limit,
        seed=settings.seed,
        scores=(*scores.scores, *motion),
        per_joint=scores.per_joint,
        curve=scores.curves,
        empty_joints=scores.empty_joints,
        coverage=coverage,
        failures=outcome.failures,
        timing=outcome.timing(time.perf_counter() - started),
        provenance=collect(RECORDED_PACKAGES),
    )
    if settings.out is not None:
        write_error_table(table, settings.out / "errors.npz")
        write_record(settings.out / "record.json", record)
    return Evaluation(record, table)


def _subset_entry(part: HandLabels, name: str, protocol: Protocol) -> SubsetEntry:
    official = next((s for s in protocol.subsets if s.name == name), None)
    expected = official.hands if official else None
    return SubsetEntry(
        name=name,
        n_hands=len(part),
        n_clips=len(set(part.clip_id.tolist())),
        expected_hands=len(part) if official and len(part) == official.hands_npz else expected,
        labels_sha256=labels_sha256(part),
    )


def _in_table_order(labels: HandLabels, protocol: Protocol) -> list[str]:
    """Return the subsets of the labels: the protocol's first and in its order, then any others."""
    official = [s.name for s in protocol.subsets]
    return sorted(labels.subsets, key=lambda name: official.index(name) if name in official else len(official))
