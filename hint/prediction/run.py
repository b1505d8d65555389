"""Predict the hands of pictures or of a video: say what is to be done, and put together what was done.

Workers detect, crop, predict and draw (:mod:`hint.prediction.worker`). What must be in order is done here: frames of a
video are decoded, followed, smoothed and drawn, and everything that was found is noted in the order of the pictures.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hint.detection import ChoosingDetector, Detection, Detector, Picture, Tracked, Tracker
from hint.engine.engine import Engine
from hint.engine.parts import marked
from hint.engine.recipe import Recipe
from hint.engine.results import only_run
from hint.errors import InputError
from hint.files import remove_abandoned
from hint.prediction.boxes import KnownBoxes
from hint.prediction.detections import DetectedHand, FrameDetections, row_key
from hint.prediction.drawing import PictureFiles
from hint.prediction.facts import MethodFacts, ReadyMethod
from hint.prediction.options import PredictOptions
from hint.prediction.outputs import Outputs
from hint.prediction.recording import PredictionRecording
from hint.prediction.result import PredictResult
from hint.prediction.rows import join
from hint.prediction.smoothing import Smoother
from hint.prediction.source import Source, Stills
from hint.prediction.store import PredictionStore
from hint.prediction.summary import PredictSummary
from hint.prediction.tasks import EarlierRow, HandResult, PictureDone, PictureTask, in_jobs, pictures_of_job
from hint.prediction.video_pass import find_and_follow, is_searched_first
from hint.prediction.worker import PictureSetup, inside, named
from hint.types import Method

if TYPE_CHECKING:
    from hint.prediction.video_file import VideoFile

Advance = Callable[[int], None]
#: What takes the hands of each picture.
Take = Callable[[FrameDetections, Sequence[HandResult]], None]


class Prediction:
    """What is to be predicted, checked before a method is loaded.

    Args:
        source: The pictures or the video.
        detector: What finds the hands.
        options: What to write, and how.

    Attributes:
        source: The pictures or the video that this run predicts.
        is_searched_first: Whether every frame is looked at twice.

    Raises:
        InputError: If the options do not suit, or no box fits any picture.
        WriteError: If the folder cannot be written to.
    """

    def __init__(self, source: Source, detector: Detector, options: PredictOptions | None = None) -> None:
        self.source, self._options = source, options or PredictOptions()
        self._options.check(source)
        self._boxes = detector.match(source) if isinstance(detector, KnownBoxes) else None
        if self._boxes is not None and self._options.choice.selects:
            raise InputError(
                "a minimum score or number of hands chooses among what a detector finds; shorten the list of boxes"
            )
        self._inputs = [str(path or name) for name, path in source.files().items()]
        if (shard := self._options.shard) is not None and isinstance(source, Stills):
            # Names and boxes are those among all pictures.
            self.source = Stills([source.listed[k] for k in shard.of(range(source.total))])
        self._detector = ChoosingDetector(detector, self._options.choice)
        self.is_searched_first = is_searched_first(source, detector)

    def run(self, method: Method | ReadyMethod, advance: Advance = lambda steps: None) -> PredictResult:
        """Predict the hands, and return all that was predicted.

        Args:
            method: What predicts: a loaded method, in this process, or one that is ready on an engine.
            advance: Called with the number of pictures just done.

        Raises:
            InputError: If the method cannot do what is asked for, the folder holds results of other settings, or
                another run is writing to it.
            KeyboardInterrupt: On Ctrl-C, after saving.
        """
        frames: list[FrameDetections] = []
        rows: list[HandResult] = []

        def take(frame: FrameDetections, found: Sequence[HandResult]) -> None:
            frames.append(frame)
            rows.extend(found)

        ready = method if isinstance(method, ReadyMethod) else ReadyMethod.load(method)
        facts = ready.facts
        summary = self.write(ready, advance, take)
        results = join(rows)
        parameters = None
        if facts.faces is not None:
            from hint.prediction.mano_file import no_parameters

            parameters = results.parameters or no_parameters()
        meta = {**facts.header, "found_by": self._detector.identity}
        predictions = replace(results.predictions, meta=meta)
        counts = summary.failures, summary.reused, summary.files, summary.stored, self._boxes
        return PredictResult(predictions, parameters, frames, facts.card, *counts)

    def write(self, ready: ReadyMethod, advance: Advance, take: Take | None = None) -> PredictSummary:
        """Predict the hands, and write the files; memory does not grow with their number.

        Args:
            ready: What predicts.
            advance: Called with the number of pictures just done.
            take: Called with every picture and what was predicted for its hands.

        Raises:
            InputError: As :meth:`run`.
            KeyboardInterrupt: On Ctrl-C, after saving.
        """
        options, facts = self._options, ready.facts
        options.check_method(facts)
        is_video = self.source.rate is not None
        with only_run(options.file("predictions.npz"), options.shard) if options.out is not None else nullcontext():
            for folder in options.folders():
                remove_abandoned(folder)
            summary = PredictSummary(facts.card, facts.faces is not None, self._boxes, is_video)
            with PredictionStore(facts.header, facts.faces, self._detector.identity, options, self._inputs) as store:
                run = _Run(self.source, self._detector, options, store, facts, summary, take)
                try:
                    run.work(ready.recipe, ready.engine, advance)
                finally:
                    store.save()
                run.outputs.write()
            summary.stored = store.count
            if options.out is not None:
                summary.files = options.files(run.shown)
        return summary


def _video(source: Source, options: PredictOptions) -> Any:
    if source.rate is None or not options.overlay:
        return nullcontext()
    from hint.prediction.video_file import VideoFile

    return VideoFile(options.file("overlay.mp4"), source.rate)


def _recording(source: Source, options: PredictOptions, facts: MethodFacts) -> Any:
    if options.rerun is None or options.shard is not None:
        return nullcontext()
    return PredictionRecording(options.rerun, source, options, facts)


class _Run:
    def __init__(
        self,
        source: Source,
        detector: ChoosingDetector,
        options: PredictOptions,
        store: PredictionStore,
        facts: MethodFacts,
        summary: PredictSummary,
        take: Take | None,
    ) -> None:
        self._source, self._detector, self._options, self._store = source, detector, options, store
        self._facts, self._summary, self._take = facts, summary, take
        self.outputs = Outputs(options, facts, source.rate, store.parts)
        self._video: VideoFile | None = None
        self._recording: PredictionRecording | None = None
        self._files = PictureFiles(options, facts.faces, facts.focal_length)
        self._given = detector.detector if isinstance(detector.detector, KnownBoxes) else None
        self._tracker = Tracker(sure_sides=True)
        self._smoother = Smoother(options.smooth, facts.method) if options.smooth is not None else None
        self._followed: list[list[Tracked]] | None = None
        #: Files of single pictures.
        self.shown: dict[Path, None] = {}

    def work(self, recipe: Recipe, engine: Engine, advance: Advance) -> None:
        """Predict all pictures."""
        with ExitStack() as files:
            self._video = files.enter_context(_video(self._source, self._options))
            self._recording = files.enter_context(_recording(self._source, self._options, self._facts))
            self._work(recipe, engine, advance)

    def _work(self, recipe: Recipe, engine: Engine, advance: Advance) -> None:
        options = self._options
        if is_searched_first(self._source, self._detector.detector):
            start_over = options.overwrite == "always"
            self._followed = find_and_follow(self._source, self._detector, options.out, start_over, advance)
        is_video = self._source.rate is not None
        setup = PictureSetup(
            recipe,
            self._facts.header,
            self._detector,
            replace(options, truth=None, rerun=None),
            self._store.place if options.out is not None else None,
            joins_jobs=engine.is_local,
            gives_rows=is_video or self._recording is not None or self._take is not None or self.outputs.needs_rows,
            gives_images=self._recording is not None or (is_video and options.overlay),
            shows_hands=self._source.total == 1,
        )
        jobs = in_jobs(self._tasks(), pictures_of_job(engine, self._source.total))
        is_shared = setup.place is not None and not engine.is_local
        with (
            marked(self._store.place) if is_shared else nullcontext() as mark,
            closing(engine.run(replace(setup, mark=mark), jobs)) as results,
        ):
            for job in results:
                for done in job:
                    self._finish(done)
                    advance(1)

    def _tasks(self) -> Iterator[PictureTask]:
        """Yield what is to be done; a video that cannot be read further ends there."""
        try:
            for found in self._source.pictures():
                yield self._task(found if self._given is None else self._given.at(found))
        except InputError as error:
            self._summary.failures[self._source.name] = str(error)

    def _task(self, picture: Picture) -> PictureTask:
        if picture.frame is not None:
            tracked = self._tracked(picture)
            rows = self._rows([named(hand, picture) for hand in tracked], picture)
            return PictureTask(picture, tracked=tracked, earlier=rows)
        earlier = self._store.earlier(picture)
        if earlier is None:
            found = self._given.detect(picture) if self._given is not None else None
            rows = self._store.rows(self._store.noted(picture))
            return PictureTask(picture, None if found is None else tuple(found), earlier=rows)
        rows = self._rows(earlier.hands, picture)
        if self._is_finished(earlier, rows):
            return PictureTask(picture, finished=earlier, earlier=rows)
        found = [Detection(f.hand.box_xyxy, f.hand.is_right, f.score, f.hand.hand_id) for f in earlier.hands]
        return PictureTask(picture, tuple(found), earlier=rows)

    def _rows(self, hands: Sequence[DetectedHand], picture: Picture) -> dict[str, EarlierRow]:
        return self._store.rows({found.hand.hand_id: row_key(found.hand, picture) for found in hands})

    def _is_finished(self, frame: FrameDetections, rows: Mapping[str, EarlierRow]) -> bool:
        """Tell whether a picture needs no second look: all its hands are done, and all files are there."""
        are_there = all(file.is_file() for file in self._options.files_of(frame))
        return self._recording is None and len(rows) == len(frame.hands) and are_there

    def _tracked(self, picture: Picture) -> tuple[Tracked, ...]:
        """Return the hands of a frame with their numbers."""
        number = picture.frame or 0
        if self._followed is not None:
            return tuple(self._followed[number]) if number < len(self._followed) else ()
        image = picture.read()
        given = self._given.detect(picture) if self._given is not None else None
        found = self._detector.detect(picture, image, given)
        found = inside(found, picture, (image.shape[1], image.shape[0]), self._summary.failures)
        return tuple(map(Tracked, found, self._tracker.update(number, found)))

    def _finish(self, done: PictureDone) -> None:
        """Smooth, draw and write what must be in order, and note what was found."""
        self._summary.add(done)
        frame, image = done.frame, done.image
        if frame is None:
            return
        self._store.note(frame)
        rows = self._smoothed(frame, done.rows)
        if frame.picture.frame is not None:
            self._files.write_meshes(frame, rows)
        if self._recording is not None and image is not None:
            self._recording.add(frame, image, rows)
        if self._video is not None and image is not None:
            self._video.add(self._files.drawn(frame, image, rows))
        self.outputs.add(frame, rows)
        self.shown |= dict.fromkeys(self._options.files_of(frame))
        if self._summary.drawn is None and self._options.overlay and frame.hands:
            self._summary.drawn = self._options.overlay_file(frame.picture)
        if self._take is not None:
            self._take(frame, rows)

    def _smoothed(self, frame: FrameDetections, rows: Sequence[HandResult]) -> Sequence[HandResult]:
        if self._smoother is None or frame.picture.frame is None or not self._source.rate:
            return rows
        seconds = frame.picture.frame / self._source.rate
        tracks = {found.hand.hand_id: found.track or 0 for found in frame.hands}
        return [self._smoother.smooth(row, tracks[row.hand.hand_id], seconds) for row in rows]
