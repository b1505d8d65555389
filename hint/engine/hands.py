"""What a worker does with jobs of hands: read, crop, infer and write, each while the others go on."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, NamedTuple

from hint.apart import hands_apart
from hint.engine.jobs import HandJob, JobDone
from hint.engine.parts import Columns, PartWriter, require_mark
from hint.engine.recipe import Recipe
from hint.errors import InputError, some_ids
from hint.methods.batch import BatchSize
from hint.types import Hand, Image, Method, Predictions

#: Fields of predictions that are not a column of their own in a part.
_BESIDE = ("hand_id", "meta", "notes")


@dataclass(frozen=True)
class HandSetup:
    """How hands are predicted, by whatever worker.

    Attributes:
        recipe: Loads the method.
        header: What results belong to, see :class:`hint.engine.recipe.Identity`.
        place: Folder of the parts.
        batch_size: Hands per ``infer``, None for what suits the method.
        threads: Threads that read and crop pictures.
        meshes: Whether to keep vertices; a method without them is refused at its first batch.
        mark: A file in ``place`` that every worker must see, see :func:`hint.engine.parts.marked`.
    """

    recipe: Recipe
    header: Mapping[str, Any]
    place: Path
    batch_size: int | None = None
    threads: int = 2
    meshes: bool = False
    mark: Path | None = None

    def __call__(self, device: str | None) -> Callable[[Iterable[HandJob]], Iterator[JobDone]]:
        """Load the method."""
        require_mark(self.mark)
        return _HandStream(self.recipe.load(device), self)

    def lost(self, job: HandJob, why: str) -> JobDone:
        """Return the failure of all hands of a job."""
        return JobDone(job.number, len(job.hands), {hand.hand_id: why for hand in job.hands}, lost=True)


class _Picture(NamedTuple):
    """Hands of a picture of a job, and what will be an input of the method, or why it is none, for each."""

    job: HandJob
    rows: range
    ready: Future[list[Any]]


class _HandStream:
    def __init__(self, method: Method, setup: HandSetup) -> None:
        self._method, self._setup = method, setup
        self._batch_size = BatchSize(method, setup.batch_size)

    def __call__(self, jobs: Iterable[HandJob]) -> Generator[JobDone]:
        writer = PartWriter(self._setup.place, self._setup.header)
        pool = ThreadPoolExecutor(max(1, self._setup.threads))
        batch, failures, since = _Batch(), dict[str, str](), time.perf_counter()
        try:
            for item in self._prefetched(jobs, pool):
                if isinstance(item, _Picture):
                    most = self._batch_size.of(len(item.job.hands))
                    for row, ready in zip(item.rows, item.ready.result(), strict=True):
                        if isinstance(ready, InputError):
                            failures[item.job.hands[row].hand_id] = str(ready)
                            continue
                        batch.add(item.job, row, ready)
                        if len(batch) == most:
                            self._infer(batch, writer)
                    continue
                self._infer(batch, writer)
                writer.save()
                seconds, since = time.perf_counter() - since, time.perf_counter()
                yield JobDone(item.number, len(item.hands), failures, seconds)
                failures = {}
        finally:
            pool.shutdown(cancel_futures=True)
            writer.save()

    def _infer(self, batch: _Batch, writer: PartWriter) -> None:
        if not len(batch):
            return
        with hands_apart():
            rows = self._method.infer(batch.hands, batch.ready)
        ids = require_same_hands(rows, batch.hands, self._name)
        writer.add(ids, batch.keys, columns_of(rows, self._setup.meshes, self._name))
        batch.clear()
        if writer.is_due:
            writer.save()

    @property
    def _name(self) -> str:
        return self._method.card.name

    @property
    def _most_ahead(self) -> int:
        """Hands that may be read and cropped before they are needed."""
        return 2 * self._batch_size.known + self._setup.threads

    def _prefetched(self, jobs: Iterable[HandJob], pool: ThreadPoolExecutor) -> Iterator[_Picture | HandJob]:
        """Yield the pictures of each job, then the job; as many as suffice are being read meanwhile."""
        waiting: deque[_Picture | HandJob] = deque()
        coming = self._submitted(jobs, pool)
        hands = ends = 0
        while True:
            # The job after the next one is left alone until this one is done: whoever sends jobs may wait for that.
            while hands < self._most_ahead and ends < 2 and (item := next(coming, None)) is not None:
                waiting.append(item)
                hands, ends = hands + _hands(item), ends + isinstance(item, HandJob)
            if not waiting:
                return
            item = waiting.popleft()
            hands, ends = hands - _hands(item), ends - isinstance(item, HandJob)
            yield item

    def _submitted(self, jobs: Iterable[HandJob], pool: ThreadPoolExecutor) -> Iterator[_Picture | HandJob]:
        for job in jobs:
            for rows in job.pictures():
                yield _Picture(job, rows, pool.submit(_prepare, self._method, job.hands[rows.start : rows.stop]))
            yield job


class _Batch:
    """Hands that go through the network together."""

    def __init__(self) -> None:
        self.clear()

    def __len__(self) -> int:
        return len(self.hands)

    def add(self, job: HandJob, row: int, ready: Any) -> None:
        self.hands.append(job.hands[row])
        self.keys.append(job.keys[row])
        self.ready.append(ready)

    def clear(self) -> None:
        self.hands: list[Hand] = []
        self.keys: list[str] = []
        self.ready: list[Any] = []


def _hands(item: _Picture | HandJob) -> int:
    return len(item.rows) if isinstance(item, _Picture) else 0


def require_same_hands(rows: Predictions, hands: Sequence[Hand], name: str) -> list[str]:
    """Check that a method gave a row for each hand, in order; return the ids.

    Raises:
        InputError: If it gave others.
    """
    ids, given = [hand.hand_id for hand in hands], rows.hand_id.tolist()
    if given != ids:
        raise InputError(f"{name} was given {some_ids(ids)}, and gave rows of {some_ids(given)}")
    return ids


def columns_of(rows: Predictions, meshes: bool, name: str) -> Columns:
    """Return what is kept of a batch: a mesh is twenty times the size of its keypoints and no 2D score needs it.

    Raises:
        InputError: If the method of this name gives no meshes and they are asked for.
    """
    if meshes and (rows.vertices is None or rows.keypoints_3d is None):
        raise InputError(f"{name} gives no mesh in 3D, which this protocol scores")
    names = [f.name for f in fields(rows) if f.name not in _BESIDE and (meshes or f.name != "vertices")]
    return {name: values for name in names if (values := getattr(rows, name)) is not None}


def _prepare(method: Method, hands: Sequence[Hand]) -> list[Any]:
    """Prepare the hands of a picture, which is read once; those that cannot be used get their error."""
    path = hands[0].image
    if not method.card.reads_images or path is None:
        return [_tried(lambda hand: method.prepare(hand, None), hand) for hand in hands]
    from hint.images import read_image

    try:
        image = read_image(path)
    except InputError as error:
        return [error] * len(hands)

    def prepare(hand: Hand) -> Any:
        _check_box(hand, image)
        return method.prepare(hand, image)

    return [_tried(prepare, hand) for hand in hands]


def _tried(prepare: Callable[[Hand], Any], hand: Hand) -> Any:
    try:
        return prepare(hand)
    except InputError as error:
        return error


def _check_box(hand: Hand, image: Image) -> None:
    height, width = image.shape[:2]
    x1, y1, x2, y2 = hand.box_xyxy
    if x2 <= 0 or y2 <= 0 or x1 >= width or y1 >= height:
        raise InputError(
            f"{hand.image}: the box {[round(v, 1) for v in hand.box_xyxy]} lies outside {width}x{height} px"
        )
