"""Labelled hands under a protocol of OKS: one prediction for each, or whole pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmark.error_table import Coverage
from benchmark.keypoints import check_ids, subset_entry
from benchmark.matching import BoxedHand
from benchmark.oks.coco import require_pycocotools
from benchmark.oks.pictures import Sighting, hands_of_labels, hands_of_lines, hands_of_results, name_pictures
from benchmark.oks.protocol import WHOLE, OksProtocol
from benchmark.oks.scores import score_oks
from benchmark.oks.table import OksTable, write_oks_table
from benchmark.task import Given, Scored, Task
from hint.errors import InputError, counted
from hint.files import read_labels, read_predictions
from hint.files.predictions import RESULTS
from hint.hand_rows import spread
from hint.types import Hand, HandLabels, Predictions


@dataclass(frozen=True)
class OksOptions:
    """What is scored, besides labels and rules.

    Attributes:
        whole_pictures: Whether predictions are of whole pictures.
        all_labelled: Whether all hands of these are labelled.
        remarks: What a reader must know about the rules.

    Raises:
        InputError: If they contradict each other.
    """

    whole_pictures: bool = False
    all_labelled: bool = False
    remarks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.all_labelled and not self.whole_pictures:
            raise InputError("--all-hands-labelled is about whole pictures; add --whole-pictures")


class OksTask(Task[Sighting]):
    """Labelled hands under a protocol of OKS.

    Args:
        labels: Labels, or where they are.
        protocol: Rules.
        limit: Hands to score, spread evenly, of whole pictures with all others of theirs; None = all.
        subsets: Which subsets to read; none = the test ones.
        images: Folder of the pictures, where they are not beside the labels.
        options: What is scored.

    Raises:
        InputError: If the labels cannot be read, or there are none.
        MissingRequirementError: If pycocotools is absent.
    """

    protocol: OksProtocol
    labels: HandLabels

    def __init__(
        self,
        labels: HandLabels | Path,
        protocol: OksProtocol,
        limit: int | None,
        subsets: Sequence[str] = (),
        images: Path | None = None,
        options: OksOptions | None = None,
    ) -> None:
        require_pycocotools()
        self.protocol, self._options = protocol, options or OksOptions()
        self._path = None if isinstance(labels, HandLabels) else labels
        self.labels = labels if isinstance(labels, HandLabels) else read_labels(labels, subsets, images)
        if not len(self.labels):
            raise InputError("there is no hand to evaluate: the labels are empty")
        whole = self._options.whole_pictures
        pictures = name_pictures(self.labels) if whole else self.labels.hand_id
        chosen = np.isin(pictures, pictures[spread(len(pictures), limit)])
        self._chosen, self._pictures = self.labels.select(chosen), pictures[chosen]

    def hands(self) -> list[Hand]:
        """Return the hands that are scored."""
        return self._chosen.hands()

    def fingerprint(self) -> dict[str, Any]:
        """Return the rules that an option changes."""
        options = self._options
        whole = {"whole_pictures": True, "all_hands_labelled": options.all_labelled} if options.whole_pictures else {}
        return {"sigmas": self.protocol.sigma_source, **whole}

    def convert(self, predictions: Predictions) -> Sighting:
        """Take what a method returned for each hand."""
        return hands_of_labels(self._chosen, predictions)

    def given(self, predictions: Predictions | Path, boxes: Path | Sequence[BoxedHand] | None) -> Given[Sighting]:
        """Check predictions of the labelled hands, or with ``boxes`` of whole pictures.

        Raises:
            InputError: If they are of other hands or pictures, or lack a side or a score.
        """
        seen, notes = self._seen(predictions, boxes)
        return Given(seen, {"predictions_sha256": seen.found.digest(), **self.fingerprint()}, notes)

    def _seen(
        self, predictions: Predictions | Path, boxes: Path | Sequence[BoxedHand] | None
    ) -> tuple[Sighting, tuple[str, ...]]:
        if boxes is not None and isinstance(predictions, Path) and predictions.suffix.lower() == RESULTS:
            return hands_of_results(self._chosen, predictions, self._path), ()
        rows = read_predictions(predictions, self._path) if isinstance(predictions, Path) else predictions
        if boxes is not None:
            return hands_of_lines(self._chosen, rows, boxes), rows.notes
        check_ids(rows, self._chosen, self.labels, self._path, "score whole pictures with --whole-pictures")
        return self.convert(rows), rows.notes

    def score(self, answers: Sighting, seed: int) -> Scored:
        """Score every subset."""
        options = self._options
        end = WHOLE if options.whole_pictures else ""
        parts = np.array([name + end for name in self._chosen.subset.tolist()], np.str_)
        table = OksTable(
            replace(self._chosen, subset=parts),
            self._pictures,
            answers.found,
            np.array(self.protocol.sigmas),
            options.whole_pictures,
            options.all_labelled,
        )
        scores = score_oks(table, self.protocol, seed)
        chosen = {name: self._chosen.select(parts == name) for name in scores.subsets}
        entries = [subset_entry(p, name, self.protocol.expected_hands(name, len(p))) for name, p in chosen.items()]
        return Scored(scores, self._coverage(answers), tuple(entries), table, tuple(self._remarks(answers)))

    def _coverage(self, answers: Sighting) -> Coverage:
        names = list(zip(self._chosen.hand_id.tolist(), self._pictures.tolist(), strict=True))
        missing = tuple(hand for hand, picture in names if picture not in answers.looked_at)
        partial = tuple(hand for hand, picture in names if picture in answers.partial)
        return Coverage(missing, partial, len(names))

    def _remarks(self, answers: Sighting) -> Iterator[str]:
        yield from self.labels.notes
        yield from self._options.remarks
        scores = answers.found.score
        if len(scores) > 1 and (scores == scores[0]).all():
            yield "all predictions have the same score, so the order of ids decides AP; AR does not depend on it"
        if not self._options.whole_pictures:
            return
        pictures = len(set(self._pictures.tolist()))
        yield f"{counted(len(answers.found), 'detection')} in {counted(pictures, 'picture')}"
        if answers.elsewhere:
            yield f"{counted(answers.elsewhere, 'detection')} in pictures without labels are left out"
        if not self._options.all_labelled:
            yield (
                "other hands of these pictures may be unlabelled, so there is recall and no precision; where all are "
                "labelled, add --all-hands-labelled"
            )

    def write_errors(self, table: Any, path: Path) -> None:
        """Write the hands and the detections."""
        write_oks_table(table, path)
