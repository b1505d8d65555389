"""Predict the hands of pictures or of a video: detect them, run a method in batches, write and draw the results.

Hands of several pictures or frames go through the network together. Pictures wait, in order, until their hands are
done; then they are drawn, so a video is decoded once. Results are saved every few seconds and when the run is
interrupted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hint.detection import ChoosingDetector, Detection, Detector, Picture, Tracked, Tracker
from hint.engine import Results
from hint.errors import InputError
from hint.files import write_bytes
from hint.files.claim import claimed
from hint.prediction.animation import ANIMATIONS, rigged_tracks
from hint.prediction.boxes import KnownBoxes
from hint.prediction.camera import intrinsics_of
from hint.prediction.detections import DetectedHand, FrameDetections
from hint.prediction.doubts import is_one_sided_pair, outside
from hint.prediction.mesh_file import write_mesh
from hint.prediction.options import PredictOptions
from hint.prediction.placement import place, write_placed
from hint.prediction.recording import PredictionRecording
from hint.prediction.result import PredictResult
from hint.prediction.source import Source
from hint.prediction.store import HandResult, PredictionStore, join, no_parameters
from hint.prediction.table import write_table
from hint.prediction.video_pass import find_and_follow, is_searched_first
from hint.progress import progress
from hint.types import Hand, Image, ManoMethod, Method
from hint.viewers.rig import RiggedMethod

if TYPE_CHECKING:
    from hint.prediction.video_file import VideoFile

#: Maximum number of pictures held in memory until their hands are done.
_MAX_WAITING = 32
#: And of their pixels, bytes.
_MOST_BYTES = 200_000_000

Advance = Callable[[int], None]

#: A hand, its picture, and what the method prepared.
_Prepared = tuple[Hand, Picture, Any]


class Prediction:
    """What is to be predicted, checked before a method is loaded.

    Args:
        source: The pictures or the video.
        detector: What finds the hands.
        options: What to write, and how.

    Attributes:
        is_searched_first: Whether every frame is looked at twice.

    Raises:
        InputError: If the options do not suit, or no box fits any picture.
        WriteError: If the folder cannot be written to.
    """

    def __init__(self, source: Source, detector: Detector, options: PredictOptions | None = None) -> None:
        self._source, self._options = source, options or PredictOptions()
        self._options.check(source)
        self._boxes = detector.match(source) if isinstance(detector, KnownBoxes) else None
        if self._boxes is not None and self._options.choice.selects:
            raise InputError(
                "a minimum score or number of hands chooses among what a detector finds; shorten the list of boxes"
            )
        self._detector = ChoosingDetector(detector, self._options.choice)
        self.is_searched_first = is_searched_first(source, detector)

    def run(self, method: Method, advance: Advance = lambda steps: None) -> PredictResult:
        """Predict the hands.

        Args:
            method: What predicts.
            advance: Called with the number of pictures just done.

        Raises:
            InputError: If the method cannot do what is asked for, the folder holds results of other settings, or
                another run is writing to it.
            KeyboardInterrupt: On Ctrl-C, after saving.
        """
        self._options.check_method(method)
        with claimed(self._options.out) if self._options.out is not None else nullcontext():
            return self._run(method, advance)

    def _run(self, method: Method, advance: Advance) -> PredictResult:
        source, options, detector = self._source, self._options, self._detector
        start_over = options.overwrite == "always"
        store = PredictionStore(method, detector.identity, options.out, options.lens, start_over)
        with ExitStack() as files:
            video = files.enter_context(_video(source, options))
            recording = files.enter_context(_recording(source, options, method))
            job = _Job(source, method, detector, options, store, video, recording, advance)
            try:
                job.work()
            finally:
                store.save()
        return replace(job.result(), boxes=self._boxes)


def _video(source: Source, options: PredictOptions) -> Any:
    if source.rate is None or not options.overlay:
        return nullcontext()
    from hint.prediction.video_file import VideoFile

    return VideoFile(options.file("overlay.mp4"), source.rate)


def _recording(source: Source, options: PredictOptions, method: Method) -> Any:
    return PredictionRecording(options.rerun, source, options, method) if options.rerun else nullcontext()


class _Job:
    def __init__(
        self,
        source: Source,
        method: Method,
        detector: ChoosingDetector,
        options: PredictOptions,
        store: PredictionStore,
        video: VideoFile | None,
        recording: PredictionRecording | None,
        advance: Advance,
    ) -> None:
        self._source, self._method, self._detector, self._options = source, method, detector, options
        self._store, self._video, self._recording, self._advance = store, video, recording, advance
        self._faces = method.faces if isinstance(method, ManoMethod) else None
        self._given = detector.detector if isinstance(detector.detector, KnownBoxes) else None
        self._tracker, self._smoother = Tracker(sure_sides=True), _smoother(options, method)
        self._followed: list[list[Tracked]] | None = None
        self._waiting: list[tuple[FrameDetections, Image]] = []
        self._pending: list[_Prepared] = []
        self._frames: list[FrameDetections] = []
        self._done: list[HandResult] = []
        self._names: set[str] = set()
        self._failures: dict[str, str] = {}
        self._reused = 0

    def work(self) -> None:
        """Predict all pictures."""
        if is_searched_first(self._source, self._detector.detector):
            options = self._options
            start_over = options.overwrite == "always"
            self._followed = find_and_follow(self._source, self._detector, options.out, start_over, self._advance)
        for found in self._pictures():
            picture = found if self._given is None else self._given.at(found)
            earlier = self._store.log.earlier(picture) if self._followed is None else None
            if earlier is not None and self._is_finished(earlier):
                continue
            try:
                frame, image, ready = self._prepared(picture, earlier)
            except InputError as error:
                self._failures[picture.name] = str(error)
                self._advance(1)
                continue
            self._queue(frame, image, ready)
        self._flush()

    def result(self) -> PredictResult:
        """Return all results, and write the smoothed ones."""
        options, header = self._options, self._store.header
        results = join(self._done)
        if options.smooth is not None:
            self._store.write(results, "-smooth", {**header, "one_euro": vars(options.smooth)})
        self._write_3d()
        for table in options.tables():
            if table.with_suffix(".npz").is_file():  # absent where no picture could be used
                write_table(table.with_suffix(".npz"), table)
        parameters = (results.parameters or no_parameters()) if self._faces is not None else None
        predictions = replace(results.predictions, meta={**header, "found_by": self._detector.identity})
        files = options.files(self._frames) if options.out is not None else ()
        return PredictResult(
            predictions,
            parameters,
            self._frames,
            self._method.card,
            self._failures,
            self._reused,
            files,
            self._store.count(),
        )

    def _pictures(self) -> Iterator[Picture]:
        """Yield the pictures; a video that cannot be read further ends there."""
        try:
            yield from self._source.pictures()
        except InputError as error:
            self._failures[self._source.name] = str(error)

    def _is_finished(self, frame: FrameDetections) -> bool:
        """Take over a picture that needs no second look: all its hands are done, and all files are there."""
        options, rows = self._options, self._store.results(frame)
        files = [options.overlay_file(frame.picture)] if options.overlay else []
        files += [options.mesh_file(found.hand) for found in frame.hands] if options.mesh else []
        if (
            frame.picture.frame is not None
            or self._recording is not None
            or len(rows) < len(frame.hands)
            or not all(file.is_file() for file in files)
        ):
            return False
        self._note(frame)
        self._done += rows
        self._reused += len(rows)
        self._advance(1)
        return True

    def _prepared(
        self, picture: Picture, earlier: FrameDetections | None
    ) -> tuple[FrameDetections, Image, list[_Prepared]]:
        """Detect the hands of a picture, and crop those that are not done."""
        damage: list[str] = []
        image = picture.read(damage.append)
        frame = replace(self._detected(picture, image, earlier), damage="; ".join(damage))
        todo = [found.hand for found in frame.hands if self._store.result(found.hand, picture) is None]
        self._reused += len(frame.hands) - len(todo)
        return frame, image, [(hand, picture, self._method.prepare(hand, image)) for hand in todo]

    def _detected(self, picture: Picture, image: Image, earlier: FrameDetections | None) -> FrameDetections:
        size = (image.shape[1], image.shape[0])
        tracked = self._numbered(picture, image, earlier)
        may_doubt = picture.frame is None and not self._knows_sides()
        doubtful = may_doubt and is_one_sided_pair([hand.detection for hand in tracked])
        intrinsics = intrinsics_of(picture, size, self._options.lens)
        # Detections are kept, the pixels of frames are not.
        kept = picture if picture.frame is None else replace(picture, pixels=None)
        return FrameDetections(kept, size, tuple(_named(hand, picture) for hand in tracked), intrinsics, doubtful)

    def _numbered(self, picture: Picture, image: Image, earlier: FrameDetections | None) -> list[Tracked]:
        """Return the hands of a picture with their numbers."""
        if self._followed is not None and picture.frame is not None:
            return self._followed[picture.frame] if picture.frame < len(self._followed) else []
        if earlier is not None:
            found = [Detection(f.hand.box_xyxy, f.hand.is_right, f.score, f.hand.hand_id) for f in earlier.hands]
        else:
            found = self._detector.detect(picture, image)
        size = (image.shape[1], image.shape[0])
        inside = [hand for hand in found if self._is_inside(hand, picture, size)]
        numbers = range(len(inside)) if picture.frame is None else self._tracker.update(picture.frame, inside)
        return [Tracked(hand, number) for hand, number in zip(inside, numbers, strict=True)]

    def _is_inside(self, found: Detection, picture: Picture, size: tuple[int, int]) -> bool:
        problem = outside(found.box_xyxy, size)
        if problem:
            self._failures[found.hand_id or picture.name] = problem
        return not problem

    def _knows_sides(self) -> bool:
        stated = self._options.choice.side != "auto"
        return stated or (self._given is not None and self._given.has_sides)

    def _queue(self, frame: FrameDetections, image: Image, ready: list[_Prepared]) -> None:
        if len(self._pending) + len(ready) > self._options.batch_size:
            self._flush()
        self._note(frame)
        self._pending += ready
        self._waiting.append((frame, image if self._options.shows_pictures else image[:0].copy()))
        held = sum(waiting.size for _, waiting in self._waiting)
        if len(self._pending) >= self._options.batch_size or len(self._waiting) >= _MAX_WAITING or held > _MOST_BYTES:
            self._flush()

    def _note(self, frame: FrameDetections) -> None:
        ids = [found.hand.hand_id for found in frame.hands]
        repeated = [i for k, i in enumerate(ids) if i in self._names or i in ids[:k]]
        if repeated:
            raise InputError(f"two hands are named {repeated[0]}; give every box its own hand_id")
        self._names.update(ids)
        self._store.note(frame)
        self._frames.append(frame)

    def _flush(self) -> None:
        """Run the method on the hands that are ready, then finish the pictures that wait for them."""
        pending, size = self._pending, self._options.batch_size
        with self._progress_of_hands(len(pending)) as advance:
            for part in (pending[k : k + size] for k in range(0, len(pending), size)):
                self._infer(part)
                advance(len(part))
        waiting, self._waiting, self._pending = self._waiting, [], []
        for frame, image in waiting:
            self._finish(frame, image)
            self._advance(1)

    def _progress_of_hands(self, total: int) -> AbstractContextManager[Advance]:
        """Show progress where a single picture has more hands than a batch; otherwise that of pictures says enough."""
        if self._source.total > 1 or total <= self._options.batch_size:
            return nullcontext(lambda steps: None)
        return progress(f"{self._method.card.title}: hands", total)

    def _infer(self, batch: Sequence[_Prepared]) -> None:
        hands, ready = [hand for hand, _, _ in batch], [prepared for _, _, prepared in batch]
        if isinstance(self._method, ManoMethod):
            self._store.add(Results(*self._method.infer_hands(hands, ready)))
        else:
            self._store.add(Results(replace(self._method.infer(hands, ready), vertices=None)))

    def _finish(self, frame: FrameDetections, image: Image) -> None:
        """Smooth, draw and write the results of a picture."""
        rows = self._store.results(frame)
        if self._smoother is not None and frame.picture.frame is not None and self._source.rate:
            seconds = frame.picture.frame / self._source.rate
            tracks = {found.hand.hand_id: found.track or 0 for found in frame.hands}
            rows = [self._smoother.smooth(row, tracks[row.hand.hand_id], seconds) for row in rows]
        self._done += rows
        if self._options.mesh and self._faces is not None:
            self._write_meshes(frame, rows, self._faces)
        if self._recording is not None:
            self._recording.add(frame, image, rows)
        if self._options.overlay:
            self._draw(frame, image, rows)

    def _write_meshes(self, frame: FrameDetections, rows: Sequence[HandResult], faces: NDArray[np.int64]) -> None:
        from hint.prediction.drawing import local_mesh

        camera = self._options.camera
        for row in rows:
            if (mesh := local_mesh(row, faces)) is None:
                continue
            if camera is not None:
                mesh = replace(mesh, vertices=place(row, frame, camera).vertices)
            write_mesh(self._options.mesh_file(row.hand), mesh, turned=camera is None)

    def _write_3d(self) -> None:
        """Write what is known of all hands in 3D: where they are in metres, and the tracks of a video."""
        options, rows = self._options, {row.hand.hand_id: row for row in self._done}
        if options.camera is not None and options.out is not None and self._frames:
            found = [(frame, rows.get(hand.hand.hand_id)) for frame in self._frames for hand in frame.hands]
            placed = [place(row, frame, options.camera) for frame, row in found if row is not None]
            write_placed(options.file("placed.npz"), placed, options.camera)
        if options.animation is not None and isinstance(self._method, RiggedMethod):
            write = ANIMATIONS[options.animation]
            for track in rigged_tracks(self._frames, rows, self._method.hand_model, options.camera):
                write_bytes(options.animation_file(track.name), write(track, self._source.rate or 1.0))

    def _draw(self, frame: FrameDetections, image: Image, rows: Sequence[HandResult]) -> None:
        import cv2

        from hint.images import write_image
        from hint.prediction.drawing import annotated

        filled = {found.hand.hand_id for found in frame.hands if found.filled}
        seen_with = self._faces, getattr(self._method, "focal_length", None)
        drawn = annotated(image, [row for row in rows if row.hand.hand_id not in filled], *seen_with)
        if filled:  # half transparent
            drawn = cv2.addWeighted(drawn, 0.5, annotated(image, rows, *seen_with), 0.5, 0)
        if self._video is not None:
            self._video.add(drawn)
        else:
            write_image(self._options.overlay_file(frame.picture), drawn)


def _named(tracked: Tracked, picture: Picture) -> DetectedHand:
    """Name a hand after its picture, its number there or its track, and its side."""
    found = tracked.detection
    hand_id = found.hand_id or f"{picture.name}_{tracked.track}_{'r' if found.is_right else 'l'}"
    hand = Hand(hand_id, found.box_xyxy, bool(found.is_right), picture.path)
    return DetectedHand(hand, found.score, None if picture.frame is None else tracked.track, tracked.filled)


def _smoother(options: PredictOptions, method: Method) -> Any:
    if options.smooth is None:
        return None
    from hint.prediction.smoothing import Smoother

    return Smoother(options.smooth, method)
