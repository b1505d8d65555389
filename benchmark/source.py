"""Where predictions come from: a method that is run, or somebody's predictions."""

from __future__ import annotations

import os
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from benchmark.card import UNDESCRIBED, Card, method_card
from benchmark.matching import BoxedHand
from benchmark.results import PREDICTIONS, Results, name_of_file
from benchmark.task import Outcome, Task
from hint.engine import Engine, LoadedMethod, NamedMethod, Ready, Recipe, RunResult, Shard, Work, run
from hint.errors import InputError, some_ids
from hint.files.parquet_rows import is_parquet
from hint.files.path import as_path
from hint.files.predictions import RESULTS, TABLES, read_predictions
from hint.files.storage import Versions, is_file, is_folder, without_query
from hint.methods.table import as_labels, needs_labels
from hint.methods.table import check as check_method
from hint.progress import progress
from hint.types import Hand, HandLabels, Method, MethodCard, MethodOptions, Predictions

if TYPE_CHECKING:
    from hint.detection import Detector


@dataclass(frozen=True)
class Run:
    """How to run and score.

    Attributes:
        results: Where results go, None where nothing is written.
        limit: Hands to evaluate; None = all.
        seed: Of the intervals.
        work: Who runs a method, and how much at a time.
        engine: What that is.
    """

    results: Results | None
    limit: int | None
    seed: int
    work: Work
    engine: Engine

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
        _check(method, options, train_labels)

    def outcome(self, task: Task[Any], run: Run) -> Outcome[Any]:
        """Load the method where only its name is known, and run it.

        Raises:
            InputError: If the results are another method's, or no picture can be used.
            KeyboardInterrupt: On Ctrl-C, after saving.
        """
        started = time.perf_counter()
        ready = self._ready(task, run)
        load_seconds = time.perf_counter() - started
        result = self._predict(ready, task, run)
        if not len(result.predictions):
            raise InputError(f"no picture could be used: {some_ids(result.failures.values())}")
        answers = task.convert(result.predictions)
        if run.folder and run.limit is None:
            task.export(answers, run.folder)
        return Outcome(
            answers,
            ready.identity.card,
            ready.identity.fingerprint | task.fingerprint(),
            ready.identity.device,
            result.failures,
            result.reused,
            len(result.predictions) - result.reused,
            load_seconds,
            result.seconds,
        )

    def predict_shard(self, task: Task[Any], run: Run, shard: Shard) -> RunResult:
        """Predict a part of the hands of a task, and leave it to be joined.

        Raises:
            InputError: If the results are another method's.
            KeyboardInterrupt: On Ctrl-C, after saving.
        """
        return self._predict(self._ready(task, run), task, run, shard)

    def _ready(self, task: Task[Any], run: Run) -> Ready:
        options = self._options
        if isinstance(self._method, str):
            labels = task.labels if needs_labels(self._method) else None
            options = replace(options, labels=labels, train_labels=as_labels(self._train_labels, split="train"))
        return Ready.load(_recipe(self._method, options), run.engine)

    def _predict(self, ready: Ready, task: Task[Any], how: Run, shard: Shard | None = None) -> RunResult:
        hands = task.hands()
        if how.results:
            how.results.check_method(ready.identity.card.name, False, ready.identity.fingerprint | task.fingerprint())
        try:
            return run(
                ready,
                hands,
                save_to=how.folder / PREDICTIONS if how.folder else None,
                overwrite=how.results is not None and how.results.overwrite == "always",
                meshes=task.needs_meshes,
                shard=shard,
                work=how.work,
                show=progress,
            )
        except KeyboardInterrupt:
            if how.folder is None:
                raise
            is_saved = how.work.parts is not None or any(how.folder.rglob("*.npz"))
            there = f"what is done is in {how.folder}, the same command continues from there"
            raise KeyboardInterrupt(f"interrupted; {there if is_saved else 'nothing was saved yet'}") from None


def _check(method: Method | str, options: MethodOptions, train_labels: object = None) -> None:
    """Raise before any work if something is missing or does not go together."""
    if isinstance(method, str):
        check_method(method, options)
    elif options.extra or options.weights or options.mano or train_labels is not None:
        raise InputError("weights, mano, train_labels and settings go with the name of a method, not a loaded one")


def _recipe(method: Method | str, options: MethodOptions) -> Recipe:
    return NamedMethod(method, options) if isinstance(method, str) else LoadedMethod(method)


class PictureSource(Source):
    """A method on whole pictures, whose hands a detector finds; results are those of ``hint predict``.

    Args:
        method: The method, or its name.
        options: How to load it by its name.
        detector: What finds the hands, or its name; None for the default.

    Raises:
        MissingRequirementError: If the files or packages that either needs are missing.
    """

    def __init__(self, method: Method | str, options: MethodOptions, detector: str | Detector | None) -> None:
        from hint.prediction import DEFAULT_DETECTOR, find_detector

        _check(method, options)
        self._method, self._options = method, options
        self._detector = find_detector(detector=detector)
        self._found_by = (detector or DEFAULT_DETECTOR) if isinstance(detector, str | None) else detector.identity
        self.name = method if isinstance(method, str) else method.card.name
        self.variant = f"{self._found_by}-detector"

    def outcome(self, task: Task[Any], run: Run) -> Outcome[Any]:
        """Predict the pictures of the labelled hands.

        Raises:
            InputError: If the results are another method's, or no picture can be used.
            KeyboardInterrupt: On Ctrl-C, after saving.
        """
        from hint.prediction import Prediction, PredictOptions, ReadyMethod, find_source, predict_ready

        if run.results:
            run.results.check_method(self.name, False, {})
        files, started = _picture_files(task.hands()), time.perf_counter()
        ready = ReadyMethod.load(_recipe(self._method, self._options), run.engine)
        loaded = time.perf_counter()
        overwrite = run.results.overwrite if run.results else "missing"
        options = PredictOptions(run.folder, overwrite=overwrite, work=run.work)
        result = predict_ready(Prediction(find_source([*files]), self._detector, options), ready)
        if not result.frames:
            raise InputError(f"no picture could be used: {some_ids(result.failures.values())}")
        seconds, meta = time.perf_counter() - loaded, result.predictions.meta
        given = task.given(result.predictions, result.lines())
        return Outcome(
            given.answers,
            replace(result.card, title=f"{result.card.title}, {self._found_by} detector"),
            {**meta["fingerprint"], "found_by": meta["found_by"], **task.fingerprint()},
            ready.facts.identity.device,
            result.failures,
            result.reused,
            len(result) - result.reused,
            loaded - started,
            seconds,
            given.remarks,
        )


def _picture_files(hands: Sequence[Hand]) -> list[Path]:
    """Return the pictures of hands, each once.

    Raises:
        InputError: If labels have none, or a file is absent.
    """
    files = list(dict.fromkeys(hand.image for hand in hands if hand.image is not None))
    versions = Versions()
    absent = [str(file) for file in files if not versions.find(file)]
    if absent or not files:
        raise InputError(
            f"pictures are missing: {some_ids(absent) if absent else 'labels name none'}; give --images DIR"
        )
    return files


class PredictionSource(Source):
    """Predictions that somebody made.

    Args:
        predictions: What was predicted, or its file.
        name: What to call it, None to go by the predictions.
        match_boxes: Whether hands are those of whole pictures, to be matched with labelled ones.
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
        if path is not None and is_folder(path):
            whole = path / ("pred.json" if is_mesh else PREDICTIONS)
            path = path if is_parquet(path) and not is_file(whole) else whole
        self._path = path
        places = _places(path) if path else boxes
        if match_boxes and places is None:
            raise InputError(
                "hands in pictures need what hint.predict returned, or its file with hands.jsonl beside it"
            )
        self._boxes = places if match_boxes else None
        # A list of COCO results is read with the labels it is about.
        later = path is not None and (is_mesh or without_query(path).suffix.lower() == RESULTS)
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
    is_table = without_query(path).suffix.lower() in TABLES or is_parquet(path)
    return path if is_table else without_query(path).with_name("hands.jsonl")


def find_source(
    given: Method | Predictions | PredictedHands | str | Path,
    options: MethodOptions,
    *,
    train_labels: HandLabels | str | Path | None,
    name: str | None,
    match_boxes: bool,
    is_mesh: bool,
    whole_pictures: bool = False,
    detector: str | Detector | None = None,
    card: Card | None = None,
) -> Source:
    """Tell methods from predictions; text is the path of a file if it looks like one, else the name of a method.

    Args:
        given: What is evaluated.
        options: How to load a method by its name.
        train_labels: Labels a control is fitted on, or where they are.
        name: What to call predictions, None to go by what they say.
        match_boxes: Whether predictions are matched by box.
        is_mesh: Whether joints and meshes are scored.
        whole_pictures: Whether a method is run on whole pictures, or predictions are of those.
        detector: What finds hands there for a method, None for the default.
        card: What is said of predictions, None where nobody said anything.

    Raises:
        InputError: If something does not go together.
        MissingRequirementError: If the files or packages a method needs are missing.
    """
    if isinstance(given, str) and (given.endswith((".npz", RESULTS, *TABLES)) or os.sep in given):
        given = Path(given)
    if isinstance(given, Path | Predictions | PredictedHands):
        if detector is not None:
            raise InputError("a detector goes with a method; predictions have found their hands already")
        by_place = match_boxes or whole_pictures
        if isinstance(given, Path | Predictions):
            path = as_path(given) if isinstance(given, Path) else given
            return PredictionSource(path, name, by_place, is_mesh, card=card)
        return PredictionSource(given.predictions, name, by_place, is_mesh, _lines(given), card)
    if card is not None:
        raise InputError("--card describes predictions; a method has its own card")
    if match_boxes:
        raise InputError("--match-boxes matches predictions; give --predictions FILE.npz")
    if whole_pictures:
        if train_labels is not None:
            raise InputError("--train-data is for controls, which see no pictures")
        return PictureSource(given, options, detector)
    return MethodSource(given, options, train_labels)


def _lines(given: PredictedHands) -> Sequence[BoxedHand]:
    """Return where hands were found; of ``hint.predict`` with the detector's score, and pictures without hands."""
    from hint.prediction import PredictResult

    return given.lines() if isinstance(given, PredictResult) else list(given)
