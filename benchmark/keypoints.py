"""Protocols that score keypoints in the picture, of single hands or of sequences."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmark.error_table import compute_errors, write_error_table
from benchmark.matching import MINIMUM_IOU, BoxedHand, match_boxes
from benchmark.protocol import Protocol, expected_hands
from benchmark.record import SubsetEntry, labels_sha256
from benchmark.scores import Score, score_table
from benchmark.task import Given, Scored, Task
from benchmark.temporal.motion import score_motion
from benchmark.temporal.sequences import labels_in_scope, whole_tracks
from hint.errors import InputError, some_ids
from hint.files import read_labels, read_predictions, write_predictions
from hint.hand_rows import spread
from hint.types import Hand, HandLabels, Predictions


class KeypointTask(Task[Predictions]):
    """Labelled hands under a protocol for keypoints.

    Args:
        labels: Labels, or where they are.
        protocol: Rules.
        limit: Hands to score, spread evenly; None = all. Of sequences, whole tracks that hold about as many.
        subsets: Which subsets to read; none = the test ones.
        images: Folder of the pictures, where they are not beside the labels.

    Raises:
        InputError: If the labels cannot be read, or there are none.
    """

    protocol: Protocol
    labels: HandLabels

    def __init__(
        self,
        labels: HandLabels | Path,
        protocol: Protocol,
        limit: int | None,
        subsets: Sequence[str] = (),
        images: Path | None = None,
    ) -> None:
        self.protocol = protocol
        self._path = None if isinstance(labels, HandLabels) else labels
        self.labels = labels if isinstance(labels, HandLabels) else read_labels(labels, subsets, images)
        if not len(self.labels):
            raise InputError("there is no hand to evaluate: the labels are empty")
        self._chosen = _choose(self.labels, protocol, limit)

    def hands(self) -> list[Hand]:
        """Return the hands that are scored."""
        return self._chosen.hands()

    def convert(self, predictions: Predictions) -> Predictions:
        """Return the predictions."""
        return predictions

    def given(self, predictions: Predictions | Path, boxes: Path | Sequence[BoxedHand] | None) -> Given[Predictions]:
        """Check predictions.

        Raises:
            InputError: If hands are predicted that have no label, or none that has one.
        """
        rows = read_predictions(predictions, self._path) if isinstance(predictions, Path) else predictions
        fingerprint: dict[str, Any] = {"predictions_sha256": predictions_digest(rows)}
        if boxes is None:
            check_ids(rows, self._chosen, self.labels, self._path)
            return Given(rows, fingerprint, rows.notes)
        matched, remark = match_boxes(self._chosen, rows, boxes)
        return Given(matched, fingerprint | {"matched_by_iou": MINIMUM_IOU}, (*rows.notes, remark))

    def score(self, answers: Predictions, seed: int) -> Scored:
        """Score every subset."""
        labels, protocol = self._chosen, self.protocol
        table, coverage = compute_errors(labels, answers, known=answers.hand_id.tolist())
        moving, data = list[Score](), list[SubsetEntry]()
        for name in _in_table_order(labels, protocol):
            part = labels.part(name)
            moving += score_motion(part, answers, protocol, seed)
            data.append(subset_entry(part, name, expected_hands(protocol, name, len(part))))
        scores = score_table(table, protocol, seed=seed)
        return Scored(scores.plus(moving), coverage, tuple(data), table, self.labels.notes)

    def keep(self, answers: Predictions, path: Path) -> None:
        """Keep ids and keypoints of given predictions."""
        write_predictions(path, Predictions(answers.hand_id, answers.keypoints_2d))

    def write_errors(self, table: Any, path: Path) -> None:
        """Write an error table."""
        write_error_table(table, path)


def check_ids(
    predictions: Predictions,
    chosen: HandLabels,
    labels: HandLabels,
    path: Path | None,
    otherwise: str = "match by box with --match-boxes",
) -> None:
    """Refuse predictions of unknown hands, or of none that is scored.

    Args:
        predictions: Rows in any order.
        chosen: Hands that are scored.
        labels: All hands that were read.
        path: Where from, None if they were given; predictions may be of other subsets there.
        otherwise: What to do with hands that hint predict found by itself.

    Raises:
        InputError: If hands are predicted that have no label, or none that has one.
    """
    given, wanted = set(predictions.hand_id.tolist()), set(chosen.hand_id.tolist())
    unknown = given - set(labels.hand_id.tolist())
    if unknown and path is not None:
        unknown -= set(read_labels(path).hand_id.tolist())  # they may be hands of other subsets
    example = f"labels are named like {_example(chosen.hand_id)}"
    if unknown:
        ids = [hand for hand in predictions.hand_id.tolist() if hand in unknown]
        raise InputError(
            f"predictions for hands that have no label: {some_ids(ids)}; {example}. If hint predict made them, "
            f"predict the labelled hands with hint predict --boxes LABELS, or {otherwise}"
        )
    if not given & wanted:
        named = f", predictions like {_example(predictions.hand_id)}" if given else ""
        raise InputError(f"none of {len(given)} predictions is for one of {len(wanted)} hands; {example}{named}")


def _choose(labels: HandLabels, protocol: Protocol, limit: int | None) -> HandLabels:
    if protocol.motion is not None:
        return whole_tracks(labels_in_scope(labels, protocol), limit)
    return labels if limit is None else labels.select(spread(len(labels), limit))


def _example(ids: Iterable[str]) -> str:
    return str(next(iter(ids)))


def predictions_digest(predictions: Predictions) -> str:
    """Digest what is scored of predictions, whatever the order of the rows."""
    order = np.argsort(predictions.hand_id)
    digest = hashlib.sha256("\n".join(predictions.hand_id[order].tolist()).encode())
    digest.update(predictions.keypoints_2d[order].tobytes())
    return digest.hexdigest()


def subset_entry(part: HandLabels, name: str, expected: int | None) -> SubsetEntry:
    """Describe a part of the data.

    Args:
        part: Its hands.
        name: Its name in the record.
        expected: Hands of its release, None where that is not known.
    """
    return SubsetEntry(
        name=name,
        n_hands=len(part),
        n_clips=len(set(part.clip_id.tolist())),
        expected_hands=expected,
        labels_sha256=labels_sha256(part),
    )


def _in_table_order(labels: HandLabels, protocol: Protocol) -> list[str]:
    """Return the subsets of the labels: the protocol's first and in its order, then any others."""
    official = [s.name for s in protocol.subsets]
    return sorted(labels.subsets, key=lambda name: official.index(name) if name in official else len(official))
