"""Where predictions come from: a method that is run, or somebody's predictions."""

from __future__ import annotations

import os
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from benchmark.card import UNDESCRIBED, Card, method_card
from benchmark.matching import BoxedHand
from benchmark.results import PREDICTIONS, Results, name_of_file
from benchmark.task import Outcome, Task
from hint.engine import RunResult, run
from hint.errors import InputError, some_ids
from hint.files.path import as_path
from hint.files.predictions import READERS, RESULTS, read_predictions
from hint.progress import progress
from hint.types import HandLabels, Method, MethodCard, MethodOptions, Predictions


@dataclass(frozen=True)
class Run:
    """How to run and score.

    Attributes:
        results: Where results go, None where nothing is written.
        limit: Hands to evaluate; None = all.
        seed: Of the intervals.
        batch_size: Hands per forward pass.
        workers: Threads that read and crop pictures.
    """

    results: Results | None
    limit: int | None
    seed: int
    batch_size: int
    workers: int

    @property
    def folder(self) -> Path | None:
        """Folder of the results."""
        return self.results.folder if self.results else None


@runtime_checkable
class PredictedHands(Protocol):
    """What ``hint.predict`` returns: hands with their boxes, and all of them as arrays."""

    @property
    def predictions(self) -> Predictions:
        """A row for every hand."""
        ...

    def __iter__(self) -> Iterator[BoxedHand]:
        """Yield the hands."""
        ...


class Source(ABC):
    """Where predictions come from.

    Attributes:
        name: What to call results.
        variant: What else tells them from others of that name, "" where nothing does.
    """

    name: str
    variant: str = ""

    @abstractmethod
    def outcome(self, task: Task[Any], run: Run) -> Outcome[Any]:
        """Return predictions of the hands of a task."""


class MethodSource(Source):
    """A method.

    Args:
        method: The method, or its name.
        options: How to load it by its name.
        train_labels: Labels a control is fitted on, or where they are.

    Raises:
        MissingRequirementError: If the files or packages a method needs by default are missing.
    """

    def __init__(
        self, method: Method | str, options: MethodOptions, train_labels: HandLabels | str | Path | None
    ) -> None:
        self._method, self._options, self._train_labels = method, options, train_labels
        self.name = method if isinstance(method, str) else method.card.name
        self.variant = f"{options.extra['crop']}-crop" if "crop" in options.extra else ""
        self._check()

    def _check(self) -> None:
        """Raise before any work if something is missing or does not go together."""
        from hint.methods.table import check

        options = self._options
        if isinstance(self._method, str):
            check(self._method, options)
        elif options.extra or options.weights or options.mano or self._train_labels is not None:
            raise InputError("weights, mano, train_labels and settings go with the name of a method, not a loaded one")

    def outcome(self, task: Task[Any], run: Run) -> Outcome[Any]:
        """Load the method where only its name is known, and run it.

        Raises:
            InputError: If the results are another method's, or no picture can be used.
            KeyboardInterrupt: On Ctrl-C, after saving.
        """
        hands = task.hands()
        started = time.perf_counter()
        method = self._load(self._method, task) if isinstance(self._method, str) else self._method
        load_seconds = time.perf_counter() - started
        fingerprint = method.fingerprint | task.fingerprint()
        if run.results:
            run.results.check_method(method.card.name, False, fingerprint)
        result = _run(method, hands, task.needs_meshes, run)
        if not len(result.predictions):
            raise InputError(f"no picture could be used: {some_ids(result.failures.values())}")
        answers = task.convert(result.predictions)
        if run.folder and run.limit is None:
            task.export(answers, run.folder)
        return Outcome(
            answers,
            method.card,
            fingerprint,
            str(getattr(method, "device", "cpu")),
            result.failures,
            result.reused,
            len(result.predictions) - result.reused,
            load_seconds,
            result.seconds,
        )

    def _load(self, name: str, task: Task[Any]) -> Method:
        from hint.methods.table import load_method

        options = self._options
        return load_method(
            name,
            device=options.device,
            precision=options.precision,
            weights=options.weights,
            mano=options.mano,
            seed=options.seed,
            labels=task.labels,
            train_labels=self._train_labels,
            **options.extra,
        )


def _run(method: Method, hands: list[Any], meshes: bool, how: Run) -> RunResult:
    try:
        with progress(f"{method.card.title}: hands", len(hands)) as advance:
            return run(
                method,
                hands,
                save_to=how.folder / PREDICTIONS if how.folder else None,
                overwrite=how.results is not None and how.results.overwrite == "always",
                batch_size=how.batch_size,
                workers=how.workers,
                meshes=meshes,
                advance=advance,
            )
    except KeyboardInterrupt:
        if how.folder is None:
            raise
        raise KeyboardInterrupt(
            f"interrupted; what is done is in {how.folder}, the same command continues from there"
        ) from None


class PredictionSource(Source):
    """Predictions that somebody made.

    Args:
        predictions: What was predicted, or its file.
        name: What to call it, None to go by the predictions.
        match_boxes: Whether hands are matched by box instead of by id.
        is_mesh: Whether the file is the ``pred.json`` of a competition.
        boxes: Where the hands were found, if that is neither in the predictions nor in a file beside them.
        card: What their author says of the method, None where nobody did.
    """

    def __init__(
        self,
        predictions: Predictions | Path,
        name: str | None,
        match_boxes: bool,
        is_mesh: bool,
        boxes: Sequence[BoxedHand] | None = None,
        card: Card | None = None,
    ) -> None:
        self._card = card
        path = predictions if isinstance(predictions, Path) else None
        if path is not None and path.is_dir():
            path = path / ("pred.json" if is_mesh else PREDICTIONS)
        self._path = path
        places = _places(path) if path else boxes
        if match_boxes and places is None:
            raise InputError("match_boxes needs what hint.predict returned, or its file with hands.jsonl beside it")
        self._boxes = places if match_boxes else None
        # A list of COCO results is read with the labels it is about.
        later = path is not None and (is_mesh or path.suffix.lower() == RESULTS)
        self._given = path if path and later else read_predictions(path) if path else predictions
        meta = {} if isinstance(self._given, Path) else self._given.meta
        made_by = meta.get("method")
        own = str(made_by) if made_by else name_of_file(path) if path else "predictions"
        self.name = name or own

    def outcome(self, task: Task[Any], run: Run) -> Outcome[Any]:
        """Check the predictions.

        Raises:
            InputError: If they do not fit the hands of the task, or the results are another method's.
        """
        given = task.given(self._given, self._boxes)
        if run.results:
            run.results.check_method(self.name, True, given.fingerprint)
            place = run.results.folder / PREDICTIONS
            if self._path is None or self._path.resolve() != place.resolve():
                task.keep(given.answers, place)
        card = MethodCard(self.name, self.name, UNDESCRIBED, code_licence="")
        if self._card is not None:
            card = method_card(self._card, self.name)
        return Outcome(given.answers, card, given.fingerprint, remarks=given.remarks)


def _places(path: Path) -> Path:
    """Return what says where predicted hands are: the table itself, else what ``hint predict`` writes beside them."""
    return path if path.suffix.lower() in READERS else path.with_name("hands.jsonl")


def find_source(
    given: Method | Predictions | PredictedHands | str | Path,
    options: MethodOptions,
    *,
    train_labels: HandLabels | str | Path | None,
    name: str | None,
    match_boxes: bool,
    is_mesh: bool,
    card: Card | None = None,
) -> Source:
    """Tell methods from predictions; text is the path of a file if it looks like one, else the name of a method.

    Raises:
        InputError: If something does not go together.
    """
    if isinstance(given, str) and (given.endswith((".npz", RESULTS, *READERS)) or os.sep in given):
        given = Path(given)
    if isinstance(given, Path | Predictions):
        path = as_path(given) if isinstance(given, Path) else given
        return PredictionSource(path, name, match_boxes, is_mesh, card=card)
    if isinstance(given, PredictedHands):
        return PredictionSource(given.predictions, name, match_boxes, is_mesh, list(given), card)
    if card is not None:
        raise InputError("--card describes predictions; a method has its own card")
    if match_boxes:
        raise InputError("--match-boxes matches predictions; give --predictions FILE.npz")
    return MethodSource(given, options, train_labels)
