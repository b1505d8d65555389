"""What a worker does with pictures: decode, detect, crop, infer, draw and write, each while the others go on.

Hands of several pictures go through the network together. Pictures wait, in order, until their hands are done; then
they are drawn, so each is decoded once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from hint.apart import hands_apart
from hint.detection import ChoosingDetector, Detection, Picture, Tracked
from hint.engine.hands import require_same_hands
from hint.engine.parts import PartWriter, require_mark
from hint.engine.recipe import Recipe
from hint.errors import InputError
from hint.methods.batch import BatchSize
from hint.prediction.boxes import KnownBoxes
from hint.prediction.camera import intrinsics_of
from hint.prediction.detections import DetectedHand, FrameDetections, notes_of, row_key
from hint.prediction.doubts import is_one_sided_pair, outside
from hint.prediction.drawing import PictureFiles
from hint.prediction.options import PredictOptions
from hint.prediction.rows import columns_of
from hint.prediction.tasks import HandResult, PictureDone, PictureTask, Results
from hint.progress import progress
from hint.types import Hand, Image, ManoMethod, Method

#: Pictures that may wait for their hands, pictures that may be read ahead, and bytes of their pixels.
_MOST_WAITING, _MOST_AHEAD, _MOST_BYTES = 32, 8, 100_000_000

Job = tuple[PictureTask, ...]


@dataclass(frozen=True)
class PictureSetup:
    """How pictures are predicted, by whatever worker.

    Attributes:
        recipe: Loads the method.
        header: What results belong to.
        detector: What finds hands.
        options: What to write, and how.
        place: Folder of the parts, None to write none.
        joins_jobs: Whether hands of several jobs may go through the network together, and be written together.
        gives_rows: Whether what was predicted is part of the results, too.
        gives_images: Whether the pictures are.
        shows_hands: Whether to show the progress of hands, where one picture has many.
        mark: A file in ``place`` that every worker must see, see :func:`hint.engine.parts.marked`.
    """

    recipe: Recipe
    header: Mapping[str, Any]
    detector: ChoosingDetector
    options: PredictOptions
    place: Path | None
    joins_jobs: bool
    gives_rows: bool
    gives_images: bool
    shows_hands: bool = False
    mark: Path | None = None

    def __call__(self, device: str | None) -> Callable[[Iterable[Job]], Iterator[tuple[PictureDone, ...]]]:
        """Load the method."""
        require_mark(self.mark)
        return _PictureStream(self.recipe.load(device), self)

    def lost(self, job: Job, why: str) -> tuple[PictureDone, ...]:
        """Return the failure of all pictures of a job."""
        return tuple(PictureDone(None, {task.picture.name: why}) for task in job)


@dataclass(eq=False)
class _Ready:
    """A picture whose hands are known, and cropped as far as they are not done.

    Attributes:
        task: The picture.
        ends_job: Whether it is the last one of its job.
        frame: Its hands, None if it cannot be used.
        image: The picture itself, without rows if it is not needed any more.
        todo: Hands to predict, and what the method prepared for each.
        rows: hand_id -> what is done.
        failures: As of :class:`PictureDone`.
    """

    task: PictureTask
    ends_job: bool
    frame: FrameDetections | None = None
    image: Image = field(default_factory=lambda: np.empty((0, 1, 3), np.uint8))
    todo: list[tuple[Hand, Any]] = field(default_factory=list)
    rows: dict[str, HandResult] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)


class _PictureStream:
    def __init__(self, method: Method, setup: PictureSetup) -> None:
        self._method, self._setup, self._options = method, setup, setup.options
        faces = method.faces if isinstance(method, ManoMethod) else None
        self._files = PictureFiles(setup.options, faces, getattr(method, "focal_length", None))
        self._writer = PartWriter(setup.place, setup.header) if setup.place is not None else None
        self._batch_size = BatchSize(method, setup.options.work.batch_size)
        self._waiting: list[_Ready] = []
        self._job: list[PictureDone] = []
        self._picture_bytes = self._picture_hands = 0

    def __call__(self, jobs: Iterable[Job]) -> Generator[tuple[PictureDone, ...]]:
        """Yield what became of the pictures of each job."""
        readers, cutter = ThreadPoolExecutor(self._options.work.workers), ThreadPoolExecutor(1)
        try:
            for ready in self._ahead(jobs, readers, cutter):
                pending = self._pending() + len(ready.todo)
                if pending > self._batch_size.of(pending):
                    yield from self._flush()
                self._queue(ready)
                if self._is_full() or (ready.ends_job and not self._setup.joins_jobs):
                    yield from self._flush()
            yield from self._flush()
        finally:
            for pool in (readers, cutter):
                pool.shutdown(cancel_futures=True)
            if self._writer is not None:
                self._writer.save()

    def _ahead(self, jobs: Iterable[Job], readers: ThreadPoolExecutor, cutter: ThreadPoolExecutor) -> Iterator[_Ready]:
        """Yield pictures in order; those that follow are being read by several threads, and cropped by one."""
        coming: deque[Future[_Ready]] = deque()
        ends: deque[Future[_Ready]] = deque()
        for job in jobs:
            for task in job:
                pixels = readers.submit(_read, task) if task.finished is None else None
                coming.append(cutter.submit(self._prepared, task, task is job[-1], pixels))
                if len(coming) > self._may_be_ahead():
                    yield coming.popleft().result()
            if self._setup.joins_jobs:
                continue
            # Whoever sends single jobs may wait for the result of this one before it sends the one after the next.
            ends.append(coming[-1])
            while len(ends) > 1:
                end = ends.popleft()
                while end in coming:
                    yield coming.popleft().result()
        while coming:
            yield coming.popleft().result()

    def _may_be_ahead(self) -> int:
        """Return how many pictures like the last one may be held ready."""
        hands = 2 * self._batch_size.known // max(self._picture_hands, 1)
        return min(_MOST_AHEAD, hands, _MOST_BYTES // max(self._picture_bytes, 1))

    def _prepared(self, task: PictureTask, ends_job: bool, pixels: Future[tuple[Image, str]] | None) -> _Ready:
        """Detect the hands of a picture, and crop those that are not done."""
        ready = _Ready(task, ends_job, task.finished)
        try:
            if pixels is not None:
                image, damage = pixels.result()
                self._picture_bytes = image.nbytes
                ready.frame = replace(self._detected(task, image, ready.failures), damage=damage)
                ready.image = image if self._setup.gives_images or self._options.shows_pictures else image[:0].copy()
            for hand in [found.hand for found in ready.frame.hands] if ready.frame else []:
                earlier = task.earlier.get(hand.hand_id)
                if earlier is not None and earlier.key == row_key(hand, task.picture):
                    ready.rows[hand.hand_id] = HandResult(hand, earlier.results.predictions, earlier.results.parameters)
                elif pixels is not None:
                    ready.todo.append((hand, self._method.prepare(hand, image)))
            self._picture_hands = len(ready.todo)
        except InputError as error:
            return _Ready(task, ends_job, failures={task.picture.name: str(error)})
        return ready

    def _detected(self, task: PictureTask, image: Image, failures: dict[str, str]) -> FrameDetections:
        picture, size = task.picture, (image.shape[1], image.shape[0])
        tracked = task.tracked
        if tracked is None:
            chosen = self._setup.detector.detect(picture, image, task.found)
            tracked = tuple(map(Tracked, inside(chosen, picture, size, failures), range(len(chosen))))
        doubtful = self._may_doubt(picture) and is_one_sided_pair([hand.detection for hand in tracked])
        intrinsics = intrinsics_of(picture, size, self._options.lens)
        # Detections are kept, the pixels of frames are not.
        kept = picture if picture.frame is None else replace(picture, pixels=None)
        return FrameDetections(kept, size, tuple(named(hand, picture) for hand in tracked), intrinsics, doubtful)

    def _may_doubt(self, picture: Picture) -> bool:
        detector = self._setup.detector.detector
        knows_sides = isinstance(detector, KnownBoxes) and detector.has_sides
        return picture.frame is None and self._options.choice.side == "auto" and not knows_sides

    def _pending(self) -> int:
        return sum(len(ready.todo) for ready in self._waiting)

    def _is_full(self) -> bool:
        pending, held = self._pending(), sum(ready.image.size for ready in self._waiting)
        full = pending >= self._batch_size.of(pending) or len(self._waiting) >= _MOST_WAITING
        return full or held > 2 * _MOST_BYTES

    def _queue(self, ready: _Ready) -> None:
        self._waiting.append(ready)
        if self._writer is not None and ready.frame is not None:
            notes = notes_of(ready.frame, self._setup.detector.identity, self._options.out or Path())
            self._writer.add([], [], {}, [note.text() for note in notes])

    def _flush(self) -> Iterator[tuple[PictureDone, ...]]:
        """Run the method on the hands that are ready, then finish the pictures that wait for them."""
        waiting, self._waiting = self._waiting, []
        pending = [(ready, hand, prepared) for ready in waiting for hand, prepared in ready.todo]
        with self._progress_of_hands(len(pending)) as advance:
            size = self._batch_size.of(len(pending))
            for part in (pending[k : k + size] for k in range(0, len(pending), size)):
                self._infer(part)
                advance(len(part))
        for ready in waiting:
            self._job.append(self._finished(ready))
            if ready.ends_job:
                if self._writer is not None and not self._setup.joins_jobs:
                    self._writer.save()
                job, self._job = tuple(self._job), []
                yield job

    def _progress_of_hands(self, total: int) -> AbstractContextManager[Callable[[int], None]]:
        """Show progress where a single picture has more hands than a batch; otherwise that of pictures says enough."""
        if not self._setup.shows_hands or total <= self._batch_size.of(total):
            return nullcontext(lambda steps: None)
        return progress(f"{self._method.card.title}: hands", total)

    def _infer(self, batch: Sequence[tuple[_Ready, Hand, Any]]) -> None:
        hands, prepared = [hand for _, hand, _ in batch], [value for _, _, value in batch]
        with hands_apart():
            if isinstance(self._method, ManoMethod):
                results = Results(*self._method.infer_hands(hands, prepared))
            else:
                results = Results(replace(self._method.infer(hands, prepared), vertices=None))
        ids = require_same_hands(results.predictions, hands, self._method.card.name)
        for k, (ready, hand, _) in enumerate(batch):
            row = results.select(slice(k, k + 1))
            ready.rows[hand.hand_id] = HandResult(hand, row.predictions, row.parameters)
        if self._writer is not None:
            keys = [row_key(hand, ready.task.picture) for ready, hand, _ in batch]
            columns = columns_of(results, np.array([hand.is_right for hand in hands]))
            self._writer.add(ids, keys, columns)
            if self._writer.is_due:
                self._writer.save()

    def _finished(self, ready: _Ready) -> PictureDone:
        """Draw and write a picture; frames of a video are drawn where they come in order."""
        frame = ready.frame
        if frame is None:
            return PictureDone(None, ready.failures)
        rows = [row for found in frame.hands if (row := ready.rows.get(found.hand.hand_id)) is not None]
        if frame.picture.frame is None and ready.task.finished is None:
            self._files.write(frame, ready.image, rows)
        finite = sum(bool(np.isfinite(row.predictions.keypoints_2d).all()) for row in rows)
        return PictureDone(
            frame,
            ready.failures,
            len(frame.hands) - len(ready.todo),
            finite,
            tuple(rows) if self._setup.gives_rows else (),
            ready.image if self._setup.gives_images else None,
        )


def _read(task: PictureTask) -> tuple[Image, str]:
    """Return the picture, and what is wrong with its file."""
    damage: list[str] = []
    image = task.picture.read(damage.append)
    return image, "; ".join(damage)


def inside(
    hands: Iterable[Detection], picture: Picture, size: tuple[int, int], failures: dict[str, str]
) -> list[Detection]:
    """Return the hands that lie in a picture of (width, height) px; the others are failures."""
    kept = []
    for hand in hands:
        if problem := outside(hand.box_xyxy, size):
            failures[hand.hand_id or picture.name] = problem
        else:
            kept.append(hand)
    return kept


def named(tracked: Tracked, picture: Picture) -> DetectedHand:
    """Name a hand after its picture, its number there or its track, and its side."""
    found = tracked.detection
    hand_id = found.hand_id or f"{picture.name}_{tracked.track}_{'r' if found.is_right else 'l'}"
    hand = Hand(hand_id, found.box_xyxy, bool(found.is_right), picture.path)
    return DetectedHand(hand, found.score, None if picture.frame is None else tracked.track, tracked.filled)
